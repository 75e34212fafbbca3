"""The comparison as one self-contained HTML page with figures."""

import base64
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING

from skelmap.comparison.comparison import Comparison
from skelmap.comparison.events import ALARMS, SUMMARY, alarm_rows, format_mean, summary_entries
from skelmap.comparison.groups import RunGroup, averaged_keys
from skelmap.comparison.runs import RunResult, format_value
from skelmap.comparison.swept_keys import DATA, MODEL, SweptKeys
from skelmap.comparison.tables import COSTS, key_headings, mean_cost, method_note, number_entries, number_headings
from skelmap.evaluation.html_page import write_html
from skelmap.utils.errors import UserError
from skelmap.utils.io import atomic_write, read_bytes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PNG_HEADER = b"\x89PNG\r\n\x1a\n"
RUN_FIGURES = {
    "scores": ("score over the frames", "Abnormal spans are shaded."),
    "reconstructions": ("input and reconstruction", "Rows as in the run's own report."),
    "latents": ("latent space", "t-SNE of the latents of test windows."),
}
"""Figures of a run's folder that the page shows: file name -> title and caption."""
ACTIONS_CAPTION = (
    "AUROC of the abnormal frames of each action against its normal frames (against all normal frames if it has none): "
    "mean over seeds and settings, with their range as a line."
)
PAIRED_NOTE = (
    "All settings are evaluated on the same clips, so overlapping intervals do not rule out a difference: see the "
    "paired comparisons."
)


@dataclass(frozen=True)
class PageFigure:
    """A figure on the page.

    Attributes:
        name: file name without .png.
        title: heading.
        caption: text below the figure.
        png: content of the PNG file.
    """

    name: str
    title: str
    caption: str
    png: bytes

    @property
    def width(self) -> int:
        """Width on the page, px: half of the file's, for screens with two pixels a px."""
        return int.from_bytes(self.png[16:20], "big") // 2  # from the PNG's header

    @property
    def base64(self) -> str:
        """The PNG file in base64, for a data URL."""
        return base64.b64encode(self.png).decode()


def write_page(comparison: Comparison, folder: Path) -> Path:
    """Write comparison.html, which embeds its figures, and figures/*.png.

    Args:
        comparison: of a sweep.
        folder: created if necessary.

    Returns:
        The path of comparison.html.

    Raises:
        UserError: the folder cannot be written.
    """
    figures = [*draw_figures(comparison), *run_figures(comparison)]
    for figure in figures:
        with atomic_write(folder / "figures" / f"{figure.name}.png", "wb") as file:
            file.write(figure.png)
    path = folder / "comparison.html"
    write_html(
        path,
        "comparison/comparison.html.j2",
        comparison=comparison,
        figures=figures,
        headings=key_headings(comparison),
        costs=COSTS,
        mean_cost=mean_cost,
        number_headings=number_headings,
        number_entries=number_entries,
        summary_headings=SUMMARY.values(),
        summary_entries=summary_entries,
        alarm_headings=ALARMS.values(),
        alarm_rows=alarm_rows,
        has_alarms=any(alarm_rows(group) for group in comparison.groups if group.primary),
        format_mean=format_mean,
        method_note=method_note(comparison),
        format_value=format_value,
    )
    return path


def run_figures(comparison: Comparison) -> list[PageFigure]:
    """Read figures of one run of each model, the first in the table of settings; missing figures are left out."""
    first_runs: dict[str, RunResult] = {}
    for group in comparison.groups:
        first_runs.setdefault(group.model, group.runs[0])
    figures = []
    for model, run in first_runs.items():
        for name, (title, caption) in RUN_FIGURES.items():
            file = comparison.folder / run.name / "figures" / f"{name}.png"
            if file.is_file() and (png := _read_png(file)):
                slug = re.sub(r"\W+", "_", f"{model}_{name}").lower()
                source = f"{caption} One run: {run.name}. Data: {run.data}."
                figures.append(PageFigure(slug, f"{model}: {title}", source, png))
    return figures


def _read_png(file: Path) -> bytes | None:
    """Read a PNG; None if the content is not one: the file may be a link to anything."""
    try:
        content = read_bytes(file)
    except UserError:
        return None
    return content if content.startswith(PNG_HEADER) else None


def draw_figures(comparison: Comparison) -> list[PageFigure]:
    """Draw the figures in the order of the page; smoothed scores and settings without an AUROC are left out."""
    from skelmap.comparison.plots.actions import plot_actions
    from skelmap.comparison.plots.roc import plot_roc
    from skelmap.evaluation.plots.style import png

    keys = comparison.keys
    groups = [group for group in comparison.groups if group.compared and None not in group.aurocs]
    if not groups:
        return []
    roc = ("roc", "ROC curves", _roc_caption(keys), plot_roc(groups, keys))
    actions = ("actions", "Actions", ACTIONS_CAPTION, plot_actions(groups))
    drawn = [*_key_figures(groups, keys), *_heat_maps(groups, keys), roc, actions]
    data = f" Data: {', '.join(comparison.data)}."
    return [
        PageFigure(name, title, caption + data, png(figure))
        for name, title, caption, figure in drawn
        if figure is not None
    ]


def _key_figures(groups: Sequence[RunGroup], keys: SweptKeys) -> Iterator[tuple[str, str, str, "Figure"]]:
    """Plot the AUROC against each swept key; the models side by side if none is swept."""
    from skelmap.comparison.plots.auroc_by_key import plot_categorical_key, plot_numeric_key

    second = "" if all(group.primary for group in groups) else " Hollow: the second score type of the same model."
    for key in [key for key in keys.swept if key != DATA] or [MODEL]:
        kinds = {(group[key], group.score_type if key == MODEL else "") for group in groups if group[key] is not None}
        if len(kinds) < 2:
            continue
        figure = (plot_numeric_key if key in keys.numeric else plot_categorical_key)(groups, key, keys)
        averaged = _averaged_over(keys, [key, *keys.categorical])
        caption = f"Mean over seeds with its 95 % interval over recordings and seeds{averaged}.{second} {PAIRED_NOTE}"
        name = keys.short_name(key)
        if key in keys.numeric and keys.categorical:
            caption += f" Settings with a single value of {name} are in the table only."
        yield f"auroc_{name}", "Models" if key == MODEL else f"AUROC against {name}", caption, figure


def _heat_maps(groups: Sequence[RunGroup], keys: SweptKeys) -> Iterator[tuple[str, str, str, "Figure | None"]]:
    """Plot the AUROC over each pair of numeric keys."""
    from skelmap.comparison.plots.heat_map import plot_heat_map

    for x_key, y_key in combinations(keys.numeric, 2):
        x, y = keys.short_name(x_key), keys.short_name(y_key)
        averaged = _averaged_over(keys, [x_key, y_key, *keys.categorical])
        caption = f"Mean AUROC of the primary score type{averaged}."
        yield f"heat_{x}_{y}", f"{x} and {y} together", caption, plot_heat_map(groups, x_key, y_key, keys)


def _roc_caption(keys: SweptKeys) -> str:
    averaged = _averaged_over(keys, [keys.roc_key, DATA, MODEL])
    return f"Mean true positive rate at each false positive rate, over seeds{averaged}. The numbers are mean AUROCs."


def _averaged_over(keys: SweptKeys, shown: Sequence[str]) -> str:
    averaged = averaged_keys(shown, keys)
    return f", averaged over {' and '.join(averaged)}" if averaged else ""
