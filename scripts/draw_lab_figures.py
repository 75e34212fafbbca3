"""Draw figures of the lab notes from their tables: `python scripts/draw_lab_figures.py docs/lab/results --out FOLDER`.

The tables are those of `skelmap compare` at the revisions that the notes name.
"""

import argparse
import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from skelmap.comparison.plots.panels import MARKERS, ModelStyle, add_auroc_grid, method_style, new_panels
from skelmap.evaluation.plots.style import CYCLE, STYLE, png

Row = dict[str, str]
SIMILAR = ("averaged",)
"""Score types drawn dashed and hollow, beside the primary one of the same model."""
UNUSED = ("online",)
"""Score types that are not drawn."""
RESOLUTION = {
    "factory": "resolution_simulated",
    "guitar": "resolution_guitar",
    "drums": "resolution_drums",
}
"""Tables of AUROC against the size of the map, and their figures."""


def main() -> None:
    """Draw all figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path, help="folder of the tables")
    parser.add_argument("--out", type=Path, required=True, help="output folder")
    a = parser.parse_args()
    a.out.mkdir(parents=True, exist_ok=True)
    (a.out / "paper_methods.png").write_bytes(png(draw_methods(read_rows(a.results / "paper_table.csv"))))
    for name, figure in RESOLUTION.items():
        rows = read_rows(a.results / f"resolution_{name}_table.csv")
        (a.out / f"{figure}.png").write_bytes(png(draw_resolution(rows)))


def read_rows(path: Path) -> list[Row]:
    """Read the rows of a table that are drawn."""
    with path.open(newline="", encoding="utf-8") as file:
        return [row for row in csv.DictReader(file) if row["scoring"] not in UNUSED]


@mpl.rc_context(STYLE)
def draw_methods(rows: Sequence[Row]) -> Figure:
    """Draw a dot with its interval for each row."""
    styles = _styles(rows)
    figure, (axes,) = new_panels([_title(rows)], ("AUROC", ""), 5.4, 0.9 + 0.27 * len(rows))
    for i, row in enumerate(rows):
        mean, low, high = _estimate(row)
        axes.errorbar([mean], [i], xerr=[[mean - low], [high - mean]], elinewidth=1.1, **styles[_method(row)])
    axes.set_yticks(range(len(rows)), [_method(row) for row in rows])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    add_auroc_grid(axes, "x")
    return figure


@mpl.rc_context(STYLE)
def draw_resolution(rows: Sequence[Row]) -> Figure:
    """Draw AUROC against the size of the map, a panel for each resampling; keypoints stand right of the sizes."""
    styles = _styles(rows)
    sizes = sorted({int(row["data.img_size"]) for row in rows})
    resamplings = sorted({row.get("data.maps.resample", "bilinear") for row in rows}, reverse=True)
    titles = [f"{_title(rows)}, {name}" if len(resamplings) > 1 else _title(rows) for name in resamplings]
    figure, panels = new_panels(titles, ("side of the map, px", "AUROC"), 7 if len(titles) == 1 else 5, 3.4)
    for axes, resampling in zip(panels, resamplings, strict=True):
        shown = [row for row in rows if row.get("data.maps.resample", "bilinear") == resampling]
        methods = [method for method in styles if any(_method(row) == method for row in shown)]
        for i, method in enumerate(methods):
            shift = (i - (len(methods) - 1) / 2) * 0.05
            _draw_line(axes, [row for row in shown if _method(row) == method], sizes, shift, styles[method])
        axes.set_xticks(range(len(sizes) + 1), [*map(str, sizes), "keypoints"])
        axes.set_xlim(-0.5, len(sizes) + 0.5)
        add_auroc_grid(axes, "y")
    handles = [Line2D([], [], label=method, **style) for method, style in styles.items()]
    figure.legend(handles=handles, loc="outside lower center", ncols=4)
    return figure


def _draw_line(axes: Axes, rows: Sequence[Row], sizes: Sequence[int], shift: float, style: dict[str, Any]) -> None:
    """Draw a method: a line over the sizes, and a point for keypoints."""
    maps = [row for row in rows if row["data.representation"] == "maps"]
    for kind in (maps, [row for row in rows if row not in maps]):
        estimates = {sizes.index(int(row["data.img_size"])): _estimate(row) for row in kind}
        x = [shift + (i if kind is maps else len(sizes)) for i in sorted(estimates)]
        mean, low, high = ([estimates[i][part] for i in sorted(estimates)] for part in range(3))
        axes.vlines(x, low, high, color=style["color"], alpha=0.4, linewidth=1)
        axes.plot(x, mean, **style)


def _styles(rows: Sequence[Row]) -> dict[str, dict[str, Any]]:
    """Styles by method; the models' colours are the same in all figures of the same models."""
    models = sorted({row["model"] for row in rows})
    looks = {model: ModelStyle(CYCLE[i % len(CYCLE)], MARKERS[i // len(CYCLE)]) for i, model in enumerate(models)}
    methods = dict.fromkeys((row["model"], row["scoring"]) for row in rows)
    tabled = list(dict.fromkeys(model for model, _ in methods))
    in_order = sorted(methods, key=lambda method: (tabled.index(method[0]), method[1] in SIMILAR))
    return {f"{m}, {s}": method_style(looks[m], s not in SIMILAR) for m, s in in_order}


def _method(row: Row) -> str:
    return f"{row['model']}, {row['scoring']}"


def _estimate(row: Row) -> tuple[float, float, float]:
    """Mean and interval of a row."""
    return float(row["auroc"]), float(row["auroc_low"]), float(row["auroc_high"])


def _title(rows: Sequence[Row]) -> str:
    """Name of the data set, which says whether it is simulated."""
    return rows[0]["data"].removeprefix("data/")


if __name__ == "__main__":
    main()
