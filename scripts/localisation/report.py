"""Results of the localisation: CSV for programs, a Markdown table and a figure for documents."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, NullLocator

from localisation.evaluate import ALL_JOINTS, Row
from localisation.methods import METHODS
from skelmap.evaluation.plots.style import CYCLE, FAINT, GREY, INK, STYLE, new_figure
from skelmap.utils.io import atomic_write

COLOURS = {"mean position": GREY, "nearest map": CYCLE[5], "network": CYCLE[6]}
LINES: dict[str, Any] = {"source": "-", "map": (0, (4, 2))}
TICKS = (1, 2, 3, 5, 10, 20, 30, 50, 100)


def write_csv(rows: Sequence[Row], path: Path) -> None:
    """Write all rows.

    Raises:
        UserError: the file cannot be written.
    """
    with atomic_write(path, newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def markdown(rows: Sequence[Row]) -> str:
    """Tabulate median errors against map size: all joints for each map setting, then each joint for the first one."""
    first = rows[0]
    drawing = ("resample", "line_unit", "crop_size")
    of_first = [row for row in rows if all(row[key] == first[key] for key in drawing)]
    return "\n".join(
        [
            f"{first['data']} ({_kind(first)}): median error of the detected joints, source px; "
            f"{first['train_frames']:,} training frames, {first['frames']:,} test frames of {first['clips']} clips; "
            f"seed {first['seed']}.",
            "",
            *_table([row for row in rows if row["joint"] == ALL_JOINTS], (*drawing, "in_cut", "method")),
            "",
            f"Each joint: {first['resample']}, lines in {first['line_unit']} px, cut of {first['crop_size']} px.",
            "",
            *_table(of_first, ("joint", "method")),
            "",
        ]
    )


def _kind(row: Row) -> str:
    return "simulated" if row["simulated"] else "real"


def _table(rows: Sequence[Row], keys: Sequence[str]) -> list[str]:
    sizes = sorted({row["img_size"] for row in rows})
    errors = {(*(row[key] for key in keys), row["img_size"]): row["median_px"] for row in rows}
    lines = [[*keys, *map(str, sizes)], ["---"] * len(keys) + ["--:"] * len(sizes)]
    for name in dict.fromkeys(key[:-1] for key in errors):
        values = [errors.get((*name, size)) for size in sizes]
        lines.append([*map(str, name), *("–" if value is None else f"{value:.1f}" for value in values)])
    return ["| " + " | ".join(line) + " |" for line in lines]


@mpl.rc_context(STYLE)
def error_figure(rows: Sequence[Row]) -> Figure:
    """Draw the median error of all joints against map size, beside the size of a map pixel.

    A panel for each resampling and cut, a line for each method and line unit.

    Args:
        rows: rows of `evaluate_localisation`, for at least one map setting.
    """
    rows = [row for row in rows if row["joint"] == ALL_JOINTS]
    crops, resamples, units = (
        list(dict.fromkeys(row[k] for row in rows)) for k in ("crop_size", "resample", "line_unit")
    )
    figure = new_figure(max(4.4 * len(resamples), 5.4), 3.2 * len(crops) + 0.9)
    grid = figure.subplots(len(crops), len(resamples), squeeze=False, sharex=True, sharey=True)
    for (i, j), axes in np.ndenumerate(grid):
        panel = [row for row in rows if row["crop_size"] == crops[i] and row["resample"] == resamples[j]]
        axes.set_title(f"{resamples[j]}, cut of {crops[i]} px ({panel[0]['in_cut']:.0%} of the joints in it)")
        _draw_panel(axes, panel)
    for axes in grid[-1]:
        axes.set_xlabel("side of the map, px")
    for axes in grid[:, 0]:
        axes.set_ylabel("error, source px")
    first = rows[0]
    figure.suptitle(
        f"Localisation error from one map: median over {first['detected']:,} joints of "
        f"{first['clips']} test clips, 95 % interval\n{first['data']}, {_kind(first)} data: "
        f"{first['train_frames']:,} training frames, {first['frames']:,} test frames",
        fontsize=9,
        x=0.01,
        ha="left",
    )
    figure.legend(handles=_legend_handles(units), loc="outside lower center", ncols=3, handlelength=3.5)
    return figure


def _draw_panel(axes: Axes, rows: Sequence[Row]) -> None:
    sizes = sorted({row["img_size"] for row in rows})
    axes.plot(sizes, [rows[0]["crop_size"] / size for size in sizes], color=INK, linewidth=1, linestyle=":")
    for (unit, line), method in ((item, method) for item in LINES.items() for method in METHODS):
        of_line = [row for row in rows if row["line_unit"] == unit and row["method"] == method]
        if not of_line:
            continue
        x, median, low, high = (
            np.array([np.nan if row[key] is None else row[key] for row in of_line], np.float64)
            for key in ("img_size", "median_px", "median_low_px", "median_high_px")
        )
        fill = COLOURS[method] if unit == "source" else "white"
        axes.plot(x, median, color=COLOURS[method], linestyle=line, marker="o", markersize=4, markerfacecolor=fill)
        axes.fill_between(x, low, high, color=COLOURS[method], alpha=0.12, linewidth=0)
    axes.set_xscale("log")
    axes.set_yscale("log")
    for axis, ticks in ((axes.xaxis, sizes), (axes.yaxis, TICKS)):
        axis.set_major_locator(FixedLocator(ticks))
        axis.set_minor_locator(NullLocator())
        axis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.grid(color=FAINT, linewidth=0.5)
    axes.set_axisbelow(True)


def _legend_handles(units: Sequence[str]) -> list[Line2D]:
    handles = [Line2D([], [], color=colour, marker="o", markersize=4, label=name) for name, colour in COLOURS.items()]
    handles += [
        Line2D([], [], color=INK, linestyle=LINES[unit], marker="o", markersize=4, label=f"lines in {unit} px",
               markerfacecolor=INK if unit == "source" else "white")
        for unit in units
    ]  # fmt: skip
    return [*handles, Line2D([], [], color=INK, linewidth=1, linestyle=":", label="side of a map pixel")]
