"""AUROC against one swept key: lines for a numeric key, dots for a categorical one."""

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

from skelmap.comparison.groups import Estimate, RunGroup, Values, marginal_estimates
from skelmap.comparison.plots.panels import (
    MAX_PANELS,
    add_auroc_grid,
    add_method_legend,
    method_style,
    methods_in_order,
    model_styles,
    new_panels,
    panel_keys,
    panel_title,
)
from skelmap.comparison.runs import format_value, sort_key
from skelmap.comparison.swept_keys import DATA, MODEL, SCORE_TYPE, SweptKeys
from skelmap.evaluation.plots.style import STYLE, short

Lines = dict[Values, dict[Values, Estimate]]


@mpl.rc_context(STYLE)
def plot_numeric_key(groups: Sequence[RunGroup], key: str, keys: SweptKeys) -> Figure:
    """Plot AUROC against a numeric key: a line for each model and score type, a panel for each categorical setting.

    Settings with a single value of the key have no panel if others have several.

    Args:
        groups: with comparable score types.
        key: numeric key on the x axis.
        keys: the swept keys; other numeric ones are averaged over.
    """
    figure, panels, lines = _panels(groups, key, panel_keys(keys), keys, (keys.short_name(key), "AUROC"), 3.0)
    values = sorted({float(x) for line in lines.values() for (x,) in line if isinstance(x, int | float)})
    logarithmic = values[0] > 0 and values[-1] / values[0] >= 5
    span = np.log(values[-1] / values[0]) if logarithmic else values[-1] - values[0]
    styles = _styles(groups)
    for setting, axes in panels.items():
        in_panel = {name[-2:]: line for name, line in lines.items() if name[:-2] == setting}
        for i, (method, line) in enumerate(sorted(in_panel.items(), key=lambda item: str(item[0]))):
            x = np.array([float(v) for (v,) in line if isinstance(v, int | float)])
            shift = (i - (len(in_panel) - 1) / 2) * 0.008 * span  # intervals must not cover each other
            x = x * np.exp(shift) if logarithmic else x + shift
            _draw_estimates(axes, x, list(line.values()), styles[method], horizontal=False)
        if logarithmic:
            axes.set_xscale("log")
        axes.xaxis.set_major_locator(FixedLocator(_spaced_ticks(values, logarithmic)))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(lambda v, _: f"{v:g}")
        add_auroc_grid(axes, "y")
    add_method_legend(figure, groups)
    return figure


@mpl.rc_context(STYLE)
def plot_categorical_key(groups: Sequence[RunGroup], key: str, keys: SweptKeys) -> Figure:
    """Plot AUROC with its interval for each value of a categorical key and each model and score type.

    Args:
        groups: with comparable score types.
        key: `model` or another categorical key.
        keys: the swept keys; numeric ones are averaged over.
    """
    rows = _rows(groups, key)
    figure, panels, lines = _panels(groups, key, panel_keys(keys, key), keys, ("AUROC", ""), 0.9 + 0.27 * len(rows))
    styles = _styles(groups)
    for setting, axes in panels.items():
        for name, line in lines.items():
            if name[:-2] != setting:
                continue
            method = name[-2:]
            for value, estimate in line.items():
                row = rows.index(method if key == MODEL else (*value, *method))
                _draw_estimates(axes, np.array([float(row)]), [estimate], styles[method], horizontal=True)
        axes.set_yticks(range(len(rows)), [short(", ".join(map(format_value, row)), 40) for row in rows])
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.tick_params(axis="y", length=0)
        add_auroc_grid(axes, "x")
    return figure


def _panels(
    groups: Sequence[RunGroup], key: str, by_panel: list[str], keys: SweptKeys, labels: tuple[str, str], height: float
) -> tuple[Figure, dict[Values, Axes], Lines]:
    """Create the panels, by the values of `by_panel`, and the estimates of all lines."""
    lines = marginal_estimates(groups, [key], [*by_panel, MODEL, SCORE_TYPE], keys)
    points = {name[:-2]: max(len(line) for other, line in lines.items() if other[:-2] == name[:-2]) for name in lines}
    settings = [setting for setting, count in points.items() if count > 1 or key not in keys.numeric]
    settings = (settings or list(points))[:MAX_PANELS]
    columns = 3 if len(settings) > 4 or len(settings) == 3 else 2
    width = 5.4 if len(settings) == 1 else 10 / min(len(settings), columns)
    shown = [i for i, name in enumerate(by_panel) if name == DATA or len({setting[i] for setting in settings}) > 1]
    titles = [panel_title(keys, [by_panel[i] for i in shown], [setting[i] for i in shown]) for setting in settings]
    figure, axes = new_panels(titles, labels, width, height, columns)
    return figure, dict(zip(settings, axes, strict=True)), lines


def _draw_estimates(
    axes: Axes, position: np.ndarray, estimates: Sequence[Estimate], style: dict[str, object], horizontal: bool
) -> None:
    """Draw means, with their intervals if they have any, at positions on the other axis."""
    mean = np.array([np.nan if e.mean is None else e.mean for e in estimates])
    low = np.array([m if e.low is None else e.low for m, e in zip(mean, estimates, strict=True)])
    high = np.array([m if e.high is None else e.high for m, e in zip(mean, estimates, strict=True)])
    bars = {"elinewidth": 1.1, "capsize": 0}
    if horizontal:
        axes.errorbar(mean, position, xerr=[mean - low, high - mean], **bars, **style)  # type: ignore[arg-type]
    else:
        axes.errorbar(position, mean, yerr=[mean - low, high - mean], **bars, **style)  # type: ignore[arg-type]


def _styles(groups: Sequence[RunGroup]) -> dict[Values, dict[str, object]]:
    """Styles by model and score type."""
    models = model_styles(groups)
    return {(g.model, g.score_type): method_style(models[g.model], g.primary) for g in groups}


def _rows(groups: Sequence[RunGroup], key: str) -> list[Values]:
    """List the rows of a dot plot: models and score types, for each value of another key."""
    methods = [method[:2] for method in methods_in_order(groups, model_styles(groups))]
    if key == MODEL:
        return [*methods]
    values = sorted({group[key] for group in groups}, key=sort_key)
    return [(value, *method) for value in values for method in methods]


def _spaced_ticks(values: Sequence[float], logarithmic: bool) -> list[float]:
    """Choose the values whose tick labels do not overlap."""
    position = np.log(values) if logarithmic else np.array(values)
    kept = [0]
    for i in range(1, len(values)):
        if position[i] - position[kept[-1]] > 0.05 * (position[-1] - position[0]):
            kept.append(i)
    return [values[i] for i in kept]
