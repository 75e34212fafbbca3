"""One run of each model, as its own report drew it: scores, reconstructions, latent space (figures 9 to 11)."""

import re
from pathlib import Path

from skelmap.errors import UserError
from skelmap.reading import read_bytes
from skelmap.study.cells import Cell
from skelmap.study.picture import Picture
from skelmap.study.study import Study

PNG = b"\x89PNG\r\n\x1a\n"
SHOWN = {
    "scores": ("score over the frames", "Abnormal spans are shaded."),
    "reconstructions": ("input and reconstruction", "Rows as in the run's own report."),
    "latents": ("latent space", "t-SNE of the latents of test windows."),
}
"""Figure of a run's folder -> its heading and caption here."""


def one_run_of_each_model(study: Study) -> list[Picture]:
    """Take the figures of each model's first run in the order of the settings' table; those not drawn are left out."""
    first: dict[str, Cell] = {}
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
