"""The comparison as one HTML page with its figures."""

import base64
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING

from skelmap.comparison.comparison import Comparison
from skelmap.comparison.groups import Group, averaged_over
from skelmap.comparison.runs import RunResult, text
from skelmap.comparison.swept_keys import DATA, MODEL, Keys
from skelmap.comparison.tables import COSTS, columns, cost, how
from skelmap.utils.errors import UserError
from skelmap.utils.io import atomic_write, read_bytes

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Picture:
    """A figure of the page.

    Attributes:
        name: of its PNG file.
        title: heading.
        caption: what is drawn.
        png: the file.
    """

    name: str
    title: str
    caption: str
    png: bytes

    @property
    def width(self) -> int:
        """On the page, px: half of the file's, which is drawn for screens of double density."""
        return int.from_bytes(self.png[16:20], "big") // 2  # from the PNG's header

    @property
    def base64(self) -> str:
        """The file as text for a data URL."""
        return base64.b64encode(self.png).decode()


PNG = b"\x89PNG\r\n\x1a\n"
SHOWN = {
    "scores": ("score over the frames", "Abnormal spans are shaded."),
    "reconstructions": ("input and reconstruction", "Rows as in the run's own report."),
    "latents": ("latent space", "t-SNE of the latents of test windows."),
}
"""Figure of a run's folder -> its heading and caption here."""


def one_run_of_each_model(study: Comparison) -> list[Picture]:
    """Take the figures of each model's first run in the order of the settings' table; those not drawn are left out."""
    first: dict[str, RunResult] = {}
    for group in study.groups:
        first.setdefault(group.cells[0].model, group.cells[0])
    pictures = []
    for model, cell in first.items():
        for name, (heading, caption) in SHOWN.items():
            file = study.folder / cell.name / "figures" / f"{name}.png"
            if file.is_file() and (png := _picture(file)):
                slug = re.sub(r"\W+", "_", f"{model}_{name}").lower()
                words = f"{caption} One run: {cell.name}. Data: {cell.data}."
                pictures.append(Picture(slug, f"{model}: {heading}", words, png))
    return pictures


def _picture(file: Path) -> bytes | None:
    """Read a PNG; None for anything else, whatever it is called and wherever its link leads."""
    try:
        content = read_bytes(file)
    except UserError:
        return None
    return content if content.startswith(PNG) else None


WORKS = (
    "AUROC of each work's abnormal frames against its normal ones (against all normal ones where it has none): mean "
    "over seeds and settings, with the range over these as a line."
)
SHARED = (
    "All settings are judged on the same clips, so intervals that overlap do not speak against a difference: the "
    "paired comparisons tell."
)


def draw(study: Comparison) -> list[Picture]:
    """Draw what there is to draw, in the order of the page; online scores and cells without an AUROC are left out."""
    from skelmap.comparison import plots
    from skelmap.evaluation.plots.style import png

    keys = study.keys
    groups = [group for group in study.groups if group.whole and None not in group.values]
    if not groups:
        return []
    roc = ("roc", "ROC curves", _roc_caption(keys), plots.roc_overlay(groups, keys))
    works = ("works", "Works", WORKS, plots.works(groups))
    drawn = [*_responses(groups, keys), *_heat_maps(groups, keys), roc, works]
    data = f" Data: {', '.join(study.data)}."
    return [Picture(name, title, caption + data, png(f)) for name, title, caption, f in drawn if f is not None]


def _responses(groups: Sequence[Group], keys: Keys) -> Iterator[tuple[str, str, str, "Figure"]]:
    """Draw the models side by side, and the AUROC against each swept key."""
    from skelmap.comparison import plots

    second = "" if all(group.primary for group in groups) else " Hollow: the second scoring of the same model."
    for key in [key for key in keys.swept if key != DATA] or [MODEL]:
        kinds = {(group[key], group.scoring if key == MODEL else "") for group in groups if group[key] is not None}
        if len(kinds) < 2:  # nothing to set side by side
            continue
        figure = (plots.numeric if key in keys.numeric else plots.categorical)(groups, key, keys)
        averaged = _averaged(keys, [key, *keys.categorical])
        caption = f"Mean over seeds with its 95 % interval over recordings and seeds{averaged}.{second} {SHARED}"
        short = keys.short(key)
        yield f"auroc_{short}", "Models" if key == MODEL else f"AUROC against {short}", caption, figure


def _heat_maps(groups: Sequence[Group], keys: Keys) -> Iterator[tuple[str, str, str, "Figure | None"]]:
    """Draw each pair of numeric keys."""
    from skelmap.comparison import plots

    for across, up in combinations(keys.numeric, 2):
        x, y = keys.short(across), keys.short(up)
        caption = f"Mean AUROC of the primary scoring{_averaged(keys, [across, up, *keys.categorical])}."
        yield f"heat_{x}_{y}", f"{x} and {y} together", caption, plots.heat_map(groups, across, up, keys)


def _roc_caption(keys: Keys) -> str:
    shown = MODEL if MODEL in keys.swept else next((key for key in keys.swept if key != DATA), MODEL)
    averaged = _averaged(keys, [shown, DATA, MODEL])
    return f"Mean true positive rate at each false positive rate, over seeds{averaged}. The numbers are mean AUROCs."


def _averaged(keys: Keys, shown: Sequence[str]) -> str:
    over = averaged_over(shown, keys)
    return f", averaged over {' and '.join(over)}" if over else ""


def write_page(study: Comparison, folder: Path) -> Path:
    """Write study.html, with its figures inside, and figures/*.png.

    All names are escaped: keys and values come from configurations, clips and works from data.

    Args:
        study: what to show.
        folder: made if it is not there.

    Returns:
        The path of study.html.

    Raises:
        UserError: the folder cannot be written.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    pictures = [*draw(study), *one_run_of_each_model(study)]
    for picture in pictures:
        with atomic_write(folder / "figures" / f"{picture.name}.png", "wb") as file:
            file.write(picture.png)
    environment = Environment(
        loader=PackageLoader("skelmap.comparison", ""),
        autoescape=True,  # the template's name ends in .j2, which jinja's own choice does not know
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = environment.get_template("comparison.html.j2").render(
        study=study, pictures=pictures, columns=columns(study), costs=COSTS, cost=cost, how=how(study), text=text
    )
    path = folder / "study.html"
    with atomic_write(path) as file:
        file.write(page)
    return path
