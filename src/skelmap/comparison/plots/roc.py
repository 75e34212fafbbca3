"""ROC curves of the settings, one over the other (the paper's figure 8)."""

from collections.abc import Sequence
from statistics import mean

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from skelmap.comparison.groups import Group
from skelmap.comparison.plots.panels import MOST_PANELS, colours, new_panels
from skelmap.comparison.runs import RunResult, Value, order, text
from skelmap.comparison.swept_keys import DATA, MODEL, Keys
from skelmap.evaluation.metrics import Curve, Floats
from skelmap.evaluation.plots.style import GREY, INK, STYLE, short, unit_axes

RATES: Floats = np.linspace(0, 1, 501)
"""False positive rates at which curves are averaged."""


@mpl.rc_context(STYLE)
def roc_overlay(groups: Sequence[Group], keys: Keys) -> Figure:
    """Draw mean ROC curves, one panel for each data set.

    With several models there is a line for each model and scoring, else one for each value of the first swept key.
    A line is the mean true positive rate at each false positive rate, over seeds and all other settings.

    Args:
        groups: of comparable scorings, with both classes.
        keys: the swept keys.
    """
    key = MODEL if MODEL in keys.swept else next((k for k in keys.swept if k != DATA), MODEL)
    if key != MODEL:
        groups = [group for group in groups if group.primary]
    data = sorted({str(group[DATA]) for group in groups})[:MOST_PANELS]
    side = 4.9 if len(data) < 3 else 3.6
    labels = ("false positive rate", "true positive rate")
    figure, panels = new_panels([short(name, 50) for name in data], labels, side, side + 0.4)
    palette = _palette(groups, key)
    for name, axes in zip(data, panels, strict=True):
        axes.plot([0, 1], [0, 1], color=GREY, linewidth=0.8, linestyle=(0, (4, 3)))
        lines: dict[tuple[Value, str, bool], list[Group]] = {}
        for group in groups:
            if group[DATA] == name:
                lines.setdefault((group[key], group.scoring, group.primary), []).append(group)
        for (value, scoring, primary), same in sorted(lines.items(), key=lambda line: list(palette).index(line[0][0])):
            label = f"{text(value)}, {scoring}" if key == MODEL else f"{keys.short(key)} {text(value)}"
            average = mean(v for group in same for v in group.values if v is not None)
            rates = np.mean([_curve(cell, scoring) for group in same for cell in group.cells], axis=0)
            style = {"linestyle": "-", "linewidth": 1.6} if primary else {"linestyle": "--", "linewidth": 1.0}
            axes.plot(RATES, rates, color=palette[value], label=f"{short(label, 28)}  {average:.3f}", **style)  # type: ignore[arg-type]
        unit_axes(axes, axes.get_xlabel(), axes.get_ylabel())
        axes.legend(loc="lower right", labelspacing=0.3, fontsize=7, frameon=True, framealpha=0.85, edgecolor="none")
    return figure


def _palette(groups: Sequence[Group], key: str) -> dict[Value, str]:
    """Colours by value: the models' own, else from light to dark."""
    if key == MODEL:
        return colours(groups)
    values = sorted({group[key] for group in groups}, key=order)
    if len(values) == 1:
        return {values[0]: INK}
    shades = mpl.colormaps["viridis_r"](np.linspace(0.12, 1, len(values)))
    return {value: mpl.colors.to_hex(shade) for value, shade in zip(values, shades, strict=True)}


def _curve(cell: RunResult, scoring: str) -> Floats:
    """True positive rate at each of RATES."""
    curve = Curve.build(cell.scores.by_scoring[scoring], cell.scores.frames.label)
    return np.interp(RATES, *curve.roc)
