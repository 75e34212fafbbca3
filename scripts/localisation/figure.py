"""Error against map size, beside the size of a map's pixel."""

from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, NullLocator

from localisation.locate import ALL, Row
from localisation.methods import METHODS
from skelmap.evaluation.plots.style import CYCLE, FAINT, GREY, INK, STYLE, new_figure

COLOURS = {"mean position": GREY, "nearest map": CYCLE[5], "network": CYCLE[6]}
LINES: dict[str, Any] = {"source": "-", "map": (0, (4, 2))}
TICKS = (1, 2, 3, 5, 10, 20, 30, 50, 100)


@mpl.rc_context(STYLE)
def error_figure(rows: Sequence[Row]) -> Figure:
    """Draw the median error of all joints: a panel for each resampling and cut, a line for each method and line unit.

    Args:
        rows: of `locate`, for at least one drawing.
    """
    rows = [row for row in rows if row["joint"] == ALL]
    crops, resamples, units = (
        list(dict.fromkeys(row[k] for row in rows)) for k in ("crop_size", "resample", "line_unit")
    )
    figure = new_figure(max(4.4 * len(resamples), 5.4), 3.2 * len(crops) + 0.9)
    grid = figure.subplots(len(crops), len(resamples), squeeze=False, sharex=True, sharey=True)
    for (i, j), axes in np.ndenumerate(grid):
        here = [row for row in rows if row["crop_size"] == crops[i] and row["resample"] == resamples[j]]
        axes.set_title(f"{resamples[j]}, cut of {crops[i]} px ({here[0]['in_cut']:.0%} of the joints in it)")
        _draw(axes, here)
    for axes in grid[-1]:
        axes.set_xlabel("side of the map, px")
    for axes in grid[:, 0]:
        axes.set_ylabel("error, source px")
    kind = "simulated" if rows[0]["simulated"] else "real"
    figure.suptitle(
        f"How far from the truth joints are put by one map: median over {rows[0]['detected']:,} joints of "
        f"{rows[0]['clips']} test clips, 95 % interval\n{rows[0]['data']}, {kind} data: "
        f"{rows[0]['train_frames']:,} frames to learn from, {rows[0]['frames']:,} to judge",
        fontsize=9,
        x=0.01,
        ha="left",
    )
    figure.legend(handles=_handles(units), loc="outside lower center", ncols=3, handlelength=3.5)
    return figure


def _draw(axes: Axes, rows: Sequence[Row]) -> None:
    sizes = sorted({row["img_size"] for row in rows})
    axes.plot(sizes, [rows[0]["crop_size"] / size for size in sizes], color=INK, linewidth=1, linestyle=":")
    for (unit, line), method in ((item, method) for item in LINES.items() for method in METHODS):
        of_line = [row for row in rows if row["line_unit"] == unit and row["method"] == method]
        if not of_line:
            continue
        x, middle, low, high = (
            np.array([np.nan if row[key] is None else row[key] for row in of_line], np.float64)
            for key in ("img_size", "median_px", "median_low_px", "median_high_px")
        )
        filled = COLOURS[method] if unit == "source" else "white"
        axes.plot(x, middle, color=COLOURS[method], linestyle=line, marker="o", markersize=4, markerfacecolor=filled)
        axes.fill_between(x, low, high, color=COLOURS[method], alpha=0.12, linewidth=0)
    axes.set_xscale("log")
    axes.set_yscale("log")
    for axis, ticks in ((axes.xaxis, sizes), (axes.yaxis, TICKS)):
        axis.set_major_locator(FixedLocator(ticks))
        axis.set_minor_locator(NullLocator())
        axis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.grid(color=FAINT, linewidth=0.5)
    axes.set_axisbelow(True)


def _handles(units: Sequence[str]) -> list[Line2D]:
    """Explain colours, line units and the reference."""
    handles = [Line2D([], [], color=colour, marker="o", markersize=4, label=name) for name, colour in COLOURS.items()]
    handles += [
        Line2D([], [], color=INK, linestyle=LINES[unit], marker="o", markersize=4, label=f"lines in {unit} px",
               markerfacecolor=INK if unit == "source" else "white")
        for unit in units
    ]  # fmt: skip
    return [*handles, Line2D([], [], color=INK, linewidth=1, linestyle=":", label="side of a map's pixel")]
