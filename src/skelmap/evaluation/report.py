"""The report of a run: one HTML file that needs nothing else, and its figures as PNG files."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from skelmap.evaluation.evaluate import EvaluationResult
from skelmap.evaluation.examples import Examples, Latents
from skelmap.evaluation.metrics import to_numpy
from skelmap.utils.io import atomic_write

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ENOUGH_LATENTS = 10


@dataclass(frozen=True, eq=False)
class Report:
    """What a report shows.

    Attributes:
        title: of the page.
        model: name of the model.
        data: name of the data.
        simulated: the data come from a simulation; the report says so wherever it states a number.
        judgement: the scores, judged.
        examples: windows with their reconstructions, or None for models that do not reconstruct.
        latents: of test windows, or None.
        history: values per epoch by "train/loss", "val/loss", "train/recon", "train/kl" and so on.
        config_yaml: the resolved configuration.
        versions: of the code, the packages and the machine, by name.
        notes: sentences that a reader should know.
    """

    title: str
    model: str
    data: str
    simulated: bool
    judgement: EvaluationResult
    examples: Examples | None = None
    latents: Latents | None = None
    history: Mapping[str, Sequence[float]] = field(default_factory=dict)
    config_yaml: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    notes: Sequence[str] = ()


def write_report(folder: Path, report: Report) -> Path:
    """Write report.html, with its figures inside, and figures/*.png.

    All names are escaped: clips and works come from data, and data from anywhere.

    Args:
        folder: the run's folder.
        report: what to show.

    Returns:
        The path of report.html.

    Raises:
        UserError: the folder cannot be written.
    """
    from jinja2 import Environment, StrictUndefined

    from skelmap.evaluation.plots.style import png

    notes = list(report.notes)
    pictures = {name: png(figure) for name, figure in _figures(report, notes).items()}
    for name, picture in pictures.items():
        with atomic_write(folder / "figures" / f"{name}.png", "wb") as file:
            file.write(picture)
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    template = (files("skelmap.evaluation") / "report.html.j2").read_text(encoding="utf-8")
    page = environment.from_string(template).render(
        report=report,
        judgement=report.judgement,
        counts=report.judgement.frames.counts,
        scorings=(report.judgement.primary, report.judgement.variant),
        notes=notes,
        figures={name: base64.b64encode(picture).decode() for name, picture in pictures.items()},
    )
    path = folder / "report.html"
    with atomic_write(path) as file:
        file.write(page)
    return path


def _figures(report: Report, notes: list[str]) -> dict[str, "Figure"]:
    """Draw what there is; what cannot be drawn is said in the notes."""
    from skelmap.evaluation import plots

    judgement, frames = report.judgement, report.judgement.frames
    curves = {s.title: s for s in (judgement.primary, judgement.variant)}
    drawn = {}
    if judgement.primary.curve is not None:
        drawn["roc"] = plots.roc(curves)
        drawn["precision_recall"] = plots.precision_recall(curves)
    drawn["scores"] = plots.score_timeline(frames, averaged=judgement.window == 1)
    drawn["histogram"] = plots.score_histogram(to_numpy(frames.score), frames.label.cpu().numpy())
    if report.examples is not None and len(report.examples.label):
        drawn["reconstructions"] = plots.reconstructions(report.examples)
    if report.latents is not None:
        mu = report.latents.mu
        if len(mu) < ENOUGH_LATENTS or not np.isfinite(mu).all():
            notes.append(f"The latent space is not shown: {len(mu)} windows, or latents that are not finite.")
        elif float(np.ptp(mu, axis=0).max()) < 1e-6:
            notes.append("The latent space is not shown: all latents are equal (the posterior has collapsed).")
        else:
            drawn["latents"] = plots.latent_map(report.latents)
    if any(name.endswith("/loss") and len(values) > 1 for name, values in report.history.items()):
        drawn["training"] = plots.training_history(report.history)
    return drawn
