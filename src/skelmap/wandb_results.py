"""What W&B is shown of a finished run: curves, figures, the report."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers import Logger, WandbLogger

from skelmap.evaluation import Judgement, Scoring
from skelmap.evaluation.metrics import Floats

POINTS = 300
"""Of a curve: enough for a screen, and an overlay of a hundred runs stays light."""
AREA_UNDER_CURVE = "wandb/area-under-curve/v0"
"""The preset that W&B's own ROC and precision-recall plots use."""
ROC, PRECISION_RECALL = "test/roc", "test/precision_recall"
AXES = {ROC: ("false_positive_rate", "true_positive_rate"), PRECISION_RECALL: ("recall", "precision")}
"""Columns of each curve's table, x and y; a third, "score", names the score."""


def log_results(loggers: Sequence[Logger], judgement: Judgement, report: Path) -> None:
    """Show W&B the curves of the primary score, the figures and the report.

    Args:
        loggers: of the trainer; those other than W&B's are passed over.
        judgement: the scores, judged.
        report: report.html in the run's folder, its figures in figures/ beside it.
    """
    for logger in loggers:
        if isinstance(logger, WandbLogger):
            logger.experiment.log({**_curves(judgement.primary), **_figures(report.parent / "figures")})
            _log_report(logger, report)


def _curves(scoring: Scoring) -> dict[str, Any]:
    """ROC and precision-recall curve as tables with a chart; empty without both classes."""
    if scoring.curve is None:
        return {}
    curve = scoring.curve.thinned(POINTS)
    precision, recall = curve.precision_recall
    return {
        ROC: _chart(ROC, scoring.title, *curve.roc),
        PRECISION_RECALL: _chart(PRECISION_RECALL, scoring.title, recall, precision),
    }


def _chart(key: str, title: str, x: Floats, y: Floats) -> Any:
    """Draw (K,) y over (K,) x."""
    import wandb

    over, of = AXES[key]
    table = wandb.Table(
        columns=[over, of, "score"], data=[[a, b, title] for a, b in zip(x.tolist(), y.tolist(), strict=True)]
    )
    texts = {"title": title, "x-axis-title": over.replace("_", " "), "y-axis-title": of.replace("_", " ")}
    return wandb.plot_table(AREA_UNDER_CURVE, table, {"x": over, "y": of, "class": "score"}, texts)


def _figures(folder: Path) -> dict[str, Any]:
    import wandb

    return {f"figures/{path.stem}": wandb.Image(str(path)) for path in sorted(folder.glob("*.png"))}


def _log_report(logger: WandbLogger, report: Path) -> None:
    import wandb

    artifact = wandb.Artifact(f"report-{logger.version}", type="report")
    # Immutable: W&B makes no copy below the home folder. Absolute: `wandb sync` may be called anywhere.
    artifact.add_file(str(report.resolve()), policy="immutable")
    logger.experiment.log_artifact(artifact)
