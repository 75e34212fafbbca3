"""Panels, colours and legends that the figures of a comparison share."""

from collections.abc import Sequence
from textwrap import fill
from typing import Any, NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from skelmap.comparison.groups import RunGroup, models_by_auroc
from skelmap.comparison.runs import Value, format_value
from skelmap.comparison.swept_keys import DATA, MODEL, SweptKeys
from skelmap.evaluation.plots.style import CYCLE, FAINT, GREY, INK, new_figure, short

MAX_PANELS = 12
CHANCE = 0.5
"""AUROC of random scores."""
LETTERS_PER_INCH = 11
"""Width at which a panel's title is wrapped."""
MARKERS = "os^Dv"
"""Markers of the first nine models, which have colours of their own, of the next nine, and so on."""


class ModelStyle(NamedTuple):
    """What distinguishes a model in all figures."""

    colour: str
    marker: str


def model_styles(groups: Sequence[RunGroup]) -> dict[Value, ModelStyle]:
    """Assign each model a colour and a marker; the models are sorted by AUROC, the highest first."""
    models = models_by_auroc(groups)
    if len(models) == 1:
        return {models[0]: ModelStyle(INK, MARKERS[0])}
    places = ((i % len(CYCLE), i // len(CYCLE) % len(MARKERS)) for i in range(len(models)))
    return {model: ModelStyle(CYCLE[i], MARKERS[j]) for model, (i, j) in zip(models, places, strict=True)}


def methods_in_order(groups: Sequence[RunGroup], styles: dict[Value, ModelStyle]) -> list[tuple[str, str, bool]]:
    """List model, score type and whether that is primary: by the models' order in `styles`, the primary one first."""
    methods = {(group.model, group.score_type, group.primary): None for group in groups}
    return sorted(methods, key=lambda method: (list(styles).index(method[0]), not method[2]))


def panel_keys(keys: SweptKeys, *shown: str) -> list[str]:
    """Choose the keys with a panel for each value: the data set and the categorical keys other than `shown`."""
    return [DATA, *(key for key in keys.categorical if key not in (MODEL, DATA, *shown))]


def panel_title(keys: SweptKeys, names: Sequence[str], values: Sequence[Value]) -> str:
    """Format the title of a panel.

    Args:
        keys: the swept keys.
        names: keys of the panel.
        values: their values.
    """
    parts = [
        format_value(value) if name == DATA else f"{keys.short_name(name)} {format_value(value)}"
        for name, value in zip(names, values, strict=True)
    ]
    return short(", ".join(parts), 80)


def new_panels(
    titles: Sequence[str], labels: tuple[str, str], width: float, height: float, max_columns: int = 3
) -> tuple[Figure, list[Axes]]:
    """Create a grid of panels with shared axes.

    Args:
        titles: one for each panel.
        labels: of the x and the y axis.
        width: of a panel, inches.
        height: of a panel, inches.
        max_columns: panels in a row.
    """
    columns = min(len(titles), max_columns)
    rows = -(-len(titles) // columns)
    figure = new_figure(width * columns, height * rows)
    panels = list(figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True).flat)
    for axes, title in zip(panels, titles, strict=False):
        axes.set_title(fill(title, int(LETTERS_PER_INCH * width)))
    for axes in panels[len(titles) :]:
        axes.set_axis_off()
    for axes in panels[max(len(titles) - columns, 0) : len(titles)]:  # lowest of each column: the last row may be short
        axes.tick_params(labelbottom=True)
        axes.set_xlabel(labels[0])
    for axes in panels[: len(titles) : columns]:
        axes.set_ylabel(labels[1])
    return figure, panels[: len(titles)]


def add_auroc_grid(axes: Axes, auroc_axis: str) -> None:
    """Draw grid lines across the AUROC axis ("x" or "y"), and a dashed line at chance if it is in range."""
    axes.grid(axis="x" if auroc_axis == "x" else "y", color=FAINT, linewidth=0.5)
    axes.set_axisbelow(True)
    low, high = axes.get_xlim() if auroc_axis == "x" else axes.get_ylim()
    if low < CHANCE < high:
        line = axes.axvline if auroc_axis == "x" else axes.axhline
        line(CHANCE, color=GREY, linewidth=0.8, linestyle=(0, (4, 3)), zorder=0)


def method_style(model: ModelStyle, primary: bool) -> dict[str, Any]:
    """Style of a method's line and markers: solid and filled for the primary score type, else dashed and hollow."""
    return {
        "color": model.colour,
        "marker": model.marker,
        "markersize": 4.5,
        "markerfacecolor": model.colour if primary else "white",
        "linestyle": "-" if primary else "--",
        "linewidth": 1.4 if primary else 1.0,
    }


def add_method_legend(figure: Figure, groups: Sequence[RunGroup]) -> None:
    """Add a legend of models and score types below the panels if there are several."""
    styles = model_styles(groups)
    methods = methods_in_order(groups, styles)
    if len(methods) < 2:
        return
    handles = [
        Line2D([], [], label=f"{model}, {score_type}", **method_style(styles[model], primary))
        for model, score_type, primary in methods
    ]
    longest = max(len(f"{model}, {score_type}") for model, score_type, _ in methods)
    columns = max(int(figure.get_figwidth() / (0.7 + 0.07 * longest)), 1)  # inches
    figure.legend(handles=handles, loc="outside lower center", ncols=min(len(handles), columns))
