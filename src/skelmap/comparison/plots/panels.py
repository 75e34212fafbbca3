"""Panels and looks that the study's figures share."""

from collections.abc import Sequence
from textwrap import fill
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from skelmap.comparison.groups import Group, best_first
from skelmap.comparison.runs import Value, text
from skelmap.comparison.swept_keys import DATA, MODEL, Keys
from skelmap.evaluation.plots.style import CYCLE, FAINT, GREY, INK, new_figure, short

MOST_PANELS = 12
CHANCE = 0.5
LETTERS_PER_INCH = 11
"""Of a panel's title, so that it does not run into the next one's."""


def colours(groups: Sequence[Group]) -> dict[Value, str]:
    """Give each model its colour, the same in all figures; the best come first."""
    models = best_first(groups)
    if len(models) == 1:
        return {models[0]: INK}
    return {model: CYCLE[i % len(CYCLE)] for i, model in enumerate(models)}


def panel_keys(keys: Keys, *shown: str) -> list[str]:
    """Choose the keys that panels are drawn apart for: the categorical ones that are not shown otherwise."""
    return [DATA, *(key for key in keys.categorical if key not in (MODEL, DATA, *shown))]


def panel_title(keys: Keys, names: Sequence[str], values: Sequence[Value]) -> str:
    """Name a panel by its data and its settings."""
    parts = [text(v) if k == DATA else f"{keys.short(k)} {text(v)}" for k, v in zip(names, values, strict=True)]
    return short(", ".join(parts), 80)


def new_panels(
    titles: Sequence[str], labels: tuple[str, str], width: float, height: float, most_columns: int = 3
) -> tuple[Figure, list[Axes]]:
    """Make a grid of titled panels with common axes.

    Args:
        titles: one a panel.
        labels: of the x and the y axis.
        width: of a panel, inches.
        height: likewise.
        most_columns: panels in a row.
    """
    columns = min(len(titles), most_columns)
    rows = -(-len(titles) // columns)
    figure = new_figure(width * columns, height * rows)
    grid = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True).flat
    panels = list(grid)
    for axes, title in zip(panels, titles, strict=False):
        axes.set_title(fill(title, int(LETTERS_PER_INCH * width)))
    for axes in panels[len(titles) :]:
        axes.set_axis_off()
    for axes in panels[max(len(titles) - columns, 0) : len(titles)]:  # the row below may not be full
        axes.tick_params(labelbottom=True)
        axes.set_xlabel(labels[0])
    for axes in panels[: len(titles) : columns]:
        axes.set_ylabel(labels[1])
    return figure, panels[: len(titles)]


def auroc_grid(axes: Axes, along: str) -> None:
    """Draw quiet lines across an AUROC axis, and chance where it is in sight."""
    axes.grid(axis="x" if along == "x" else "y", color=FAINT, linewidth=0.5)
    axes.set_axisbelow(True)
    limits = axes.get_xlim() if along == "x" else axes.get_ylim()
    if limits[0] < CHANCE < limits[1]:
        line = axes.axvline if along == "x" else axes.axhline
        line(CHANCE, color=GREY, linewidth=0.8, linestyle=(0, (4, 3)), zorder=0)


def look(colour: str, primary: bool) -> dict[str, Any]:
    """Draw a primary scoring full, its control hollow."""
    return {
        "color": colour,
        "marker": "o",
        "markersize": 4.5,
        "markerfacecolor": colour if primary else "white",
        "linestyle": "-" if primary else "--",
        "linewidth": 1.4 if primary else 1.0,
    }


def method_legend(figure: Figure, groups: Sequence[Group]) -> None:
    """Explain the colours of models and the looks of scorings, below the panels."""
    palette = colours(groups)
    drawn = {(group[MODEL], group.scoring, group.primary): None for group in groups}
    in_order = sorted(drawn, key=lambda d: (list(palette).index(d[0]), not d[2]))
    if len(in_order) < 2:
        return
    handles = [Line2D([], [], label=f"{m}, {s}", **look(palette[m], primary)) for m, s, primary in in_order]
    longest = max(len(handle.get_label()) for handle in handles)  # type: ignore[arg-type]
    columns = max(int(figure.get_figwidth() / (0.7 + 0.07 * longest)), 1)  # inches
    figure.legend(handles=handles, loc="outside lower center", ncols=min(len(handles), columns))
