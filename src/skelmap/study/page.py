"""The study as one HTML page that needs nothing else, and its figures as PNG files."""

from pathlib import Path

from skelmap.files import replacing
from skelmap.study.pictures import draw
from skelmap.study.runs import one_run_of_each_model
from skelmap.study.study import Study
from skelmap.study.tables import COSTS, columns, cost, how
from skelmap.study.values import text


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

    pictures = [*draw(study), *one_run_of_each_model(study)]
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
        study=study, pictures=pictures, columns=columns(study), costs=COSTS, cost=cost, how=how(study), text=text
    )
    path = folder / "study.html"
    with replacing(path) as file:
        file.write(page)
    return path
