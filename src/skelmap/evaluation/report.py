"""Write the report of a run: report.html with its figures embedded, and the figures as PNG files."""

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from skelmap.evaluation.alarms import AlarmRule
from skelmap.evaluation.evaluate import EvaluationResult
from skelmap.evaluation.examples import Examples, Latents
from skelmap.evaluation.html_page import write_html
from skelmap.evaluation.metrics import to_numpy
from skelmap.utils.io import atomic_write

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MIN_LATENTS = 10


@dataclass(frozen=True, eq=False)
class Report:
    """Content of a report.

    Attributes:
        title: of the page.
        model: name of the model.
        data: name of the data.
        simulated: the data come from a simulation; the report states it beside its numbers.
        result: the metrics and scores.
        examples: windows with their reconstructions, or None for models without reconstructions.
        latents: latents of test windows, or None.
        history: values per epoch by "train/loss", "val/loss", "train/recon", "train/kl" and so on.
        config_yaml: the resolved configuration.
        versions: versions of the code and packages, and the machine, by name.
        notes: sentences shown beside the result.
        plots: functions that draw further figures, by name; one that fails is noted.
        test_evaluations: number of different runs that have evaluated the test recordings; None if it is not counted.
    """

    title: str
    model: str
    data: str
    simulated: bool
    result: EvaluationResult
    examples: Examples | None = None
    latents: Latents | None = None
    history: Mapping[str, Sequence[float]] = field(default_factory=dict)
    config_yaml: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    notes: Sequence[str] = ()
    plots: Mapping[str, Callable[[EvaluationResult], "Figure"]] = field(default_factory=dict)
    test_evaluations: int | None = None


def write_report(folder: Path, report: Report) -> Path:
    """Write report.html, with its figures embedded, and figures/*.png.

    Args:
        folder: the run folder.
        report: the content.

    Returns:
        The path of report.html.

    Raises:
        UserError: the folder cannot be written.
    """
    from skelmap.evaluation.plots.style import png

    notes = list(report.notes)
    images = {name: png(figure) for name, figure in _figures(report, notes).items()}
    for name, image in images.items():
        with atomic_write(folder / "figures" / f"{name}.png", "wb") as file:
            file.write(image)
    path = folder / "report.html"
    write_html(
        path,
        "evaluation/report.html.j2",
        report=report,
        result=report.result,
        counts=report.result.frames.counts,
        not_judged=report.result.frames.counts.message(report.result.seq_len),
        scores=(report.result.primary, report.result.variant),
        notes=notes,
        rule=AlarmRule(0, 0),
        figures={name: base64.b64encode(image).decode() for name, image in images.items()},
    )
    return path


def _figures(report: Report, notes: list[str]) -> dict[str, "Figure"]:
    """Draw the figures by file name; a note is added for what cannot be drawn."""
    from skelmap.evaluation.plots.curves import precision_recall, roc, score_histogram
    from skelmap.evaluation.plots.latents import latent_map
    from skelmap.evaluation.plots.reconstructions import reconstructions
    from skelmap.evaluation.plots.timeline import score_timeline
    from skelmap.evaluation.plots.training import training_history

    result, frames = report.result, report.result.frames
    figures: dict[str, Figure] = {}
    if result.primary.curve is not None:
        scores = (result.primary, result.variant)
        figures |= {"roc": roc(scores), "precision_recall": precision_recall(scores)}
    figures["scores"] = score_timeline(frames, averaged=result.window == 1)
    scored = frames.select(~frames.score.isnan())
    figures["histogram"] = score_histogram(to_numpy(scored.score), scored.label.cpu().numpy())
    if report.examples is not None and len(report.examples.label):
        figures["reconstructions"] = reconstructions(report.examples)
    if report.latents is not None:
        mu = report.latents.mu
        if len(mu) < MIN_LATENTS or not np.isfinite(mu).all():
            notes.append(f"The latent space is not shown: {len(mu)} windows, or latents that are not finite.")
        elif float(np.ptp(mu, axis=0).max()) < 1e-6:
            notes.append("The latent space is not shown: all latents are equal (the posterior has collapsed).")
        else:
            figures["latents"] = latent_map(report.latents)
    if any(name.endswith("/loss") and len(values) > 1 for name, values in report.history.items()):
        figures["training"] = training_history(report.history)
    for name, draw in report.plots.items():
        try:
            figures[name] = draw(result)
        except Exception as error:  # a plot of the user's: the results are written without it
            notes.append(f"plots.{name} failed: {type(error).__name__}: {error}")
    return figures
