"""The trials in one picture: the best so far, and the loss against each searched key."""

from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter
from optuna import Study
from optuna.distributions import CategoricalDistribution
from optuna.trial import FrozenTrial, TrialState

from skelmap.evaluation.plots.style import FAINT, GREY, INK, NORMAL, STYLE, new_figure, short
from skelmap.tuning.space import Space, text

COLUMNS = 3


@mpl.rc_context(STYLE)
def search_figure(study: Study, space: Space) -> Figure:
    """Draw val/loss against the trials' order and against each key.

    Args:
        study: with at least one complete trial.
        space: what was searched.

    Returns:
        Blue dots are complete trials, grey crosses pruned ones at their last loss; crosses far above the worst complete
        trial lie on the upper edge.
    """
    complete = study.get_trials(states=(TrialState.COMPLETE,))
    pruned = [t for t in study.get_trials(states=(TrialState.PRUNED,)) if t.value is not None]
    rows = -(-(1 + len(space)) // COLUMNS)
    figure = new_figure(10, 2.7 * rows)
    panels: list[Axes] = list(figure.subplots(rows, COLUMNS, squeeze=False, sharey=True).flat)
    numbers, losses = [t.number for t in complete], _losses(complete)
    _scatter(panels[0], numbers, losses, [t.number for t in pruned], _losses(pruned))
    panels[0].step(numbers, np.minimum.accumulate(losses), where="post", color=INK, label="best so far")
    panels[0].set(title="trials", xlabel="trial")
    panels[0].xaxis.set_major_locator(MaxNLocator(integer=True))
    panels[0].legend()
    for axes, (key, distribution) in zip(panels[1:], space.items(), strict=False):
        seen, cut = ([t.params[key] for t in trials] for trials in (complete, pruned))
        if isinstance(distribution, CategoricalDistribution):
            choices = distribution.choices
            axes.set_xticks(range(len(choices)), [short(text(choice), 14) for choice in choices])
            seen, cut = ([choices.index(value) for value in values] for values in (seen, cut))
        elif getattr(distribution, "log", False):
            axes.set_xscale("log")
            axes.xaxis.set_major_locator(LogLocator(10, subs=(1, 2, 5)))
            axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
            axes.xaxis.set_minor_formatter(NullFormatter())
        _scatter(axes, seen, losses, cut, _losses(pruned))
        axes.set(title=key)
    for axes in panels[1 + len(space) :]:
        axes.set_visible(False)
    for axes in panels[::COLUMNS]:
        axes.set_ylabel("val/loss")
    return figure


def _losses(trials: list[FrozenTrial]) -> Any:
    return np.array([trial.value for trial in trials], float)


def _scatter(axes: Axes, x: list[Any], losses: Any, cut_x: list[Any], cut: Any) -> None:
    low, high = losses.min(), losses.max()
    room = 0.1 * (high - low) or 0.1 * abs(high) or 1.0
    axes.set_ylim(low - room, high + 2 * room)
    cut = np.minimum(np.nan_to_num(cut, nan=np.inf), high + 2 * room)
    axes.scatter(cut_x, cut, color=GREY, s=16, marker="x", linewidths=0.9, clip_on=False, label="pruned")
    axes.scatter(x, losses, color=NORMAL, s=18, zorder=3, label="complete")
    axes.grid(axis="y", color=FAINT, linewidth=0.5)
