"""ROC curves, precision over recall, and the scores' distributions."""

from collections.abc import Mapping
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from skelmap.evaluation.evaluate import ScoreResult
from skelmap.evaluation.metrics import Floats, Labels
from skelmap.evaluation.plots.style import ABNORMAL, GREY, INK, NORMAL, STYLE, new_figure, short, unit_axes


@mpl.rc_context(STYLE)
def roc(scorings: Mapping[str, ScoreResult]) -> Figure:
    """Draw ROC curves, AUROC and interval in the legend (the paper's figure 8).

    Args:
        scorings: by the name in the legend; those without a curve are left out.
    """
    figure = new_figure(4.6, 4.6)
    axes = figure.add_subplot()
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=0.8, linestyle=(0, (4, 3)))
    drawn = [(name, s) for name, s in scorings.items() if s.curve is not None]
    for (name, scoring), look in zip(drawn, _looks(len(drawn)), strict=True):
        assert scoring.curve is not None
        axes.plot(*scoring.curve.roc, label=f"{short(name, 34)}\n{_area(scoring)}", **look)
    unit_axes(axes, "false positive rate", "true positive rate")
    below = bool(drawn) and (drawn[0][1].area.value or 0) < 0.5
    axes.legend(
        loc="upper left" if below else "lower right", labelspacing=0.7, frameon=True, framealpha=0.85, edgecolor="none"
    )
    return figure


@mpl.rc_context(STYLE)
def precision_recall(scorings: Mapping[str, ScoreResult]) -> Figure:
    """Draw precision over recall, with the share of abnormal frames as the base line of chance.

    Args:
        scorings: by the name in the legend; those without a curve are left out.
    """
    figure = new_figure(4.6, 4.6)
    axes = figure.add_subplot()
    drawn = [(name, s) for name, s in scorings.items() if s.curve is not None]
    for (name, scoring), look in zip(drawn, _looks(len(drawn)), strict=True):
        assert scoring.curve is not None
        precision, recall = scoring.curve.precision_recall
        # Up to the first detection, precision has no value; a step keeps the drawing from inventing one.
        axes.step(
            recall, precision, where="pre", label=f"{short(name, 34)}\nAP {scoring.average_precision:.3f}", **look
        )
    if drawn:
        rate = drawn[0][1].base_rate
        axes.axhline(rate, color=GREY, linewidth=0.8, linestyle=(0, (4, 3)), label=f"chance {rate:.3f}")
    unit_axes(axes, "recall", "precision")
    axes.legend(loc="best", labelspacing=0.7, frameon=True, framealpha=0.85, edgecolor="none")
    return figure


@mpl.rc_context(STYLE)
def score_histogram(score: Floats, label: Labels) -> Figure:
    """Draw how the scores of normal and of abnormal frames are distributed.

    Args:
        score: (F,) finite; the outermost 0.2 % are counted in the first and last bin.
        label: (F,) 1 = abnormal.
    """
    figure = new_figure(4.6, 4.6)
    axes = figure.add_subplot()
    low, high = np.quantile(score, [0.001, 0.999])
    edges = np.linspace(low, high if high > low else low + 1, 61)
    inside = score.clip(edges[0], edges[-1])
    for value, name, colour in ((0, "normal", NORMAL), (1, "abnormal", ABNORMAL)):
        part = inside[label == value]
        if not len(part):
            continue
        share = np.histogram(part, edges)[0] / len(part) * 100
        axes.stairs(share, edges, fill=True, color=colour, alpha=0.25)
        axes.stairs(share, edges, color=colour, linewidth=1.4, label=f"{name} ({len(part):,} frames)")
    axes.set(xlabel="score", ylabel="share of frames, %", xlim=(edges[0], edges[-1]), ylim=(0, None))
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, handlelength=1.3)
    return figure


def _looks(count: int) -> list[dict[str, Any]]:
    """The first curve is the result, the second its control; more of them are told apart by colour."""
    first: list[dict[str, Any]] = [
        {"color": INK, "linewidth": 1.8, "zorder": 3},
        {"color": ABNORMAL, "linewidth": 1.4},
    ]
    return (first + [{"linewidth": 1.4, "color": f"C{i}"} for i in range(6)])[:count]


def _area(scoring: ScoreResult) -> str:
    low, high, _ = scoring.area.interval
    text = f"AUROC {scoring.area.value:.3f}"
    return text if low is None else f"{text}  [{low:.3f}, {high:.3f}]"
