"""The study as one HTML page that needs nothing else, and its figures as PNG files."""

import base64
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING

from skelmap.evaluation.atomic import replacing
from skelmap.study.groups import Group
from skelmap.study.keys import DATA, MODEL, Keys
from skelmap.study.paired import text
from skelmap.study.profiles import averaged_over
from skelmap.study.study import Study
from skelmap.study.tables import COSTS, HOW, columns, cost

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


def write_page(study: Study, folder: Path) -> Path:
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

    pictures = draw(study)
    for picture in pictures:
        with replacing(folder / "figures" / f"{picture.name}.png", "wb") as file:
            file.write(picture.png)
    environment = Environment(
        loader=PackageLoader("skelmap.study", ""),
        autoescape=True,  # the template's name ends in .j2, which jinja's own choice does not know
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = environment.get_template("study.html.j2").render(
        study=study, pictures=pictures, columns=columns(study), costs=COSTS, cost=cost, how=HOW, text=text
    )
    path = folder / "study.html"
    with replacing(path) as file:
        file.write(page)
    return path


def draw(study: Study) -> list[Picture]:
    """Draw what there is to draw, in the order of the page."""
    from skelmap.evaluation.figures import png
    from skelmap.study import figures

    keys = study.keys
    whole = [group for group in study.groups if group.whole and None not in group.values]
    if not whole:
        return []
    drawn: list[tuple[str, str, str, Figure | None]] = []
    for key in [k for k in (MODEL, *keys.swept[keys.swept[:1] == (MODEL,) :]) if k != DATA]:
        if key != MODEL and len({group[key] for group in whole} - {None}) < 2:
            continue
        figure = (figures.numeric if key in keys.numeric else figures.categorical)(whole, key, keys)
        short = keys.short(key)
        title = "Models" if key == MODEL else f"AUROC against {short}"
        drawn.append((f"auroc_{short}", title, _response_caption(keys, key, whole), figure))
    for across, up in combinations(keys.numeric, 2):
        names = (keys.short(across), keys.short(up))
        caption = f"Mean AUROC of the primary scoring{_averaged(keys, [across, up, *keys.categorical])}."
        figure = figures.heat_map(whole, across, up, keys)
        drawn.append((f"heat_{names[0]}_{names[1]}", f"{names[0]} and {names[1]} together", caption, figure))
    drawn.append(("roc", "ROC curves", _roc_caption(keys), figures.roc_overlay(whole, keys)))
    drawn.append(("works", "Works", WORKS_CAPTION, figures.works(whole)))
    where = f" Data: {', '.join(study.data)}."
    return [Picture(name, title, caption + where, png(f)) for name, title, caption, f in drawn if f is not None]


WORKS_CAPTION = (
    "AUROC of each work's abnormal frames against its normal ones (against all normal ones where it has none): mean "
    "over seeds and settings, with the range over these as a line."
)


def _response_caption(keys: Keys, key: str, groups: list[Group]) -> str:
    control = "" if all(group.primary for group in groups) else " Hollow: the second scoring of the same model."
    averaged = _averaged(keys, [key, *keys.categorical])
    return f"Mean over seeds with its 95 % interval over clips and seeds{averaged}.{control}"


def _roc_caption(keys: Keys) -> str:
    shown = MODEL if MODEL in keys.swept else next((k for k in keys.swept if k != DATA), MODEL)
    averaged = _averaged(keys, [shown, DATA, MODEL])
    return (
        f"Mean true positive rate at each false positive rate, over seeds{averaged}; beside the name, the mean AUROC."
    )


def _averaged(keys: Keys, shown: list[str]) -> str:
    over = averaged_over((), shown, keys)
    return f", averaged over {' and '.join(over)}" if over else ""
