"""ROC curves of the settings in one diagram (the paper's figure 8)."""

from collections.abc import Sequence
from statistics import mean

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from skelmap.comparison.groups import RunGroup
from skelmap.comparison.plots.panels import MARKERS, MAX_PANELS, ModelStyle, method_style, model_styles, new_panels
from skelmap.comparison.runs import RunResult, Value, format_value, sort_key
from skelmap.comparison.swept_keys import MODEL, SweptKeys
from skelmap.evaluation.metrics import Curve, Floats
from skelmap.evaluation.plots.style import GREY, INK, STYLE, short, unit_axes

RATES: Floats = np.linspace(0, 1, 501)
"""False positive rates at which curves are averaged."""


@mpl.rc_context(STYLE)
def plot_roc(groups: Sequence[RunGroup], keys: SweptKeys) -> Figure:
    """Plot mean ROC curves, one panel for each data set.

    There is a line for each value of `SweptKeys.roc_key`; of models, for each score type, too. A line is the mean true
    positive rate at each false positive rate, over seeds and all other settings.

    Args:
        groups: with comparable score types and both classes.
        keys: the swept keys.
    """
    key = keys.roc_key
    if key != MODEL:
        groups = [group for group in groups if group.primary]
    data = sorted({group.data for group in groups})[:MAX_PANELS]
    side = 4.9 if len(data) < 3 else 3.6
    labels = ("false positive rate", "true positive rate")
    figure, panels = new_panels([short(name, 50) for name in data], labels, side, side + 0.4)
    styles = _line_styles(groups, key)
    for name, axes in zip(data, panels, strict=True):
        axes.plot([0, 1], [0, 1], color=GREY, linewidth=0.8, linestyle=(0, (4, 3)))
        lines: dict[tuple[Value, str, bool], list[RunGroup]] = {}
        for group in groups:
            if group.data == name:
                lines.setdefault((group[key], group.score_type, group.primary), []).append(group)
        for line in sorted(lines, key=lambda line: list(styles).index(line[0])):
            value, score_type, primary = line
            label = f"{value}, {score_type}" if key == MODEL else f"{keys.short_name(key)} {format_value(value)}"
            auroc = mean(v for group in lines[line] for v in group.aurocs if v is not None)
            rates = np.mean([_true_positive_rates(r, score_type) for g in lines[line] for r in g.runs], axis=0)
            style = method_style(styles[value], primary)
            if styles[value].marker == MARKERS[0]:
                style["marker"] = ""
            axes.plot(RATES, rates, label=f"{short(label, 28)}  {auroc:.3f}", markevery=50, **style)
        unit_axes(axes, axes.get_xlabel(), axes.get_ylabel())
        axes.legend(loc="lower right", labelspacing=0.3, fontsize=7, frameon=True, framealpha=0.85, edgecolor="none")
    return figure


def _line_styles(groups: Sequence[RunGroup], key: str) -> dict[Value, ModelStyle]:
    """Styles by value: those of the models, or colours from light to dark."""
    if key == MODEL:
        return model_styles(groups)
    values = sorted({group[key] for group in groups}, key=sort_key)
    if len(values) == 1:
        return {values[0]: ModelStyle(INK, MARKERS[0])}
    shades = mpl.colormaps["viridis_r"](np.linspace(0.12, 1, len(values)))
    return {
        value: ModelStyle(mpl.colors.to_hex(shade), MARKERS[0]) for value, shade in zip(values, shades, strict=True)
    }


def _true_positive_rates(run: RunResult, score_type: str) -> Floats:
    """True positive rate at each of RATES; of folds the mean, weighted by their pairs of frames, as in the AUROC."""
    frames, index = run.scores.frames, run.scores.scored(score_type)
    score, label, fold = run.scores.by_type[score_type][index], frames.label[index], frames.fold[frames.clip[index]]
    curves, pairs = [], []
    for number in np.unique(fold):
        own = fold == number
        weight = int(label[own].sum()) * int((1 - label[own]).sum())
        if weight:
            curves.append(np.interp(RATES, *Curve.build(score[own], label[own]).roc))
            pairs.append(weight)
    return np.average(curves, axis=0, weights=pairs)
