"""Loggers: Weights & Biases, MLflow, and what every logger gets of the results."""

import logging
import netrc
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import cv2
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from pytorch_lightning.loggers import Logger, MLFlowLogger, TensorBoardLogger, WandbLogger

from skelmap.evaluation.evaluate import EvaluationResult, ScoreResult
from skelmap.evaluation.metrics import Floats
from skelmap.utils.errors import UserError
from skelmap.utils.names import shorten

log = logging.getLogger(__name__)
NAME_LIMIT = 128
"""W&B's server refuses longer names, and only when a run is synced."""
FACTS = {
    "val_loss": "val/best_loss",
    "train_seconds": "cost/train_seconds",
    "parameters": "cost/parameters",
    "peak_memory_mb": "cost/peak_memory_mb",
}
"""Entries of metrics.json that do not depend on the test split, and their names for loggers."""


def wandb_logger(
    save_dir: str,
    project: str | None = None,
    entity: str | None = None,
    name: str | None = None,
    group: str | None = None,
    job_type: str | None = None,
    tags: list[str] | None = None,
    notes: str | None = None,
) -> Logger:
    """Open a W&B logger: online for those logged in, else offline.

    None takes the value of W&B's environment variable, such as WANDB_PROJECT, and without it the default given here.

    Args:
        save_dir: the run directory.
        project: W&B project; "skelmap".
        entity: account or team; that of the login.
        name: of the run; the folder's name.
        group: W&B group; the name of the sweep's folder, and of a single run no group.
        job_type: W&B job type; the file chosen from conf/model.
        tags: of the run; none.
        notes: of the run; none.

    Returns:
        The logger; the W&B run is opened by the first thing that is logged.

    Raises:
        UserError: wandb is not installed.
    """
    try:
        import wandb  # noqa: F401
    except ImportError:
        raise UserError("logger=wandb needs the package wandb: pip install wandb") from None
    _choose_mode(save_dir)
    sweep, model = _sweep_and_model()
    interrupted = _interrupted_run(Path(save_dir))
    group = group or os.environ.get("WANDB_RUN_GROUP") or sweep
    return WandbLogger(
        save_dir=save_dir,
        project=project or os.environ.get("WANDB_PROJECT") or "skelmap",
        name=shorten(name or os.environ.get("WANDB_NAME") or Path(save_dir).name, NAME_LIMIT),
        group=shorten(group, NAME_LIMIT) if group else None,
        job_type=job_type or os.environ.get("WANDB_JOB_TYPE") or model,
        entity=entity,  # W&B itself reads the environment for None
        tags=tags,
        notes=notes,
        id=interrupted,
        resume="allow" if interrupted else None,
    )


def _interrupted_run(folder: Path) -> str | None:
    """Id of the W&B run that an interrupted run of this folder opened; None without one, or if an agent names it."""
    earlier = sorted(folder.glob("wandb/*run-*-*"))
    return earlier[-1].name.rpartition("-")[2] if earlier and "WANDB_RUN_ID" not in os.environ else None


def mlflow_logger(
    save_dir: str, tracking_uri: str | None = None, experiment: str = "skelmap", run_name: str | None = None
) -> Logger:
    """Open an MLflow logger.

    Args:
        save_dir: the run directory.
        tracking_uri: folder of all runs, or address of a server; None takes MLFLOW_TRACKING_URI, else outputs/mlflow.
        experiment: that the run belongs to.
        run_name: None takes the folder's name.

    Raises:
        UserError: mlflow is not installed.
    """
    if find_spec("mlflow") is None:
        raise UserError("logger=mlflow needs the package mlflow: pip install 'skelmap[mlflow]'")
    uri = tracking_uri or os.environ.get("MLFLOW_TRACKING_URI") or "outputs/mlflow"
    if "://" not in uri:  # a folder, which MLflow takes as an address, and writes to with this permission only
        uri = Path(uri.removeprefix("file:")).absolute().as_uri()
        os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
    return MLFlowLogger(experiment, run_name or Path(save_dir).name, uri)


def _choose_mode(save_dir: str) -> None:
    """Go offline without an account, unless the user has chosen."""
    if "WANDB_MODE" not in os.environ and not logged_in():
        os.environ["WANDB_MODE"] = "offline"  # the logger's own offline=True would override the user's WANDB_MODE
    if os.environ.get("WANDB_MODE") == "offline":
        log.info("W&B is offline; later: wandb sync %s", Path(save_dir) / "wandb" / "offline-run-*")


def logged_in() -> bool:
    """Whether there is an account for the W&B server in use, without asking the server."""
    if os.environ.get("WANDB_API_KEY"):
        return True
    host = urlsplit(os.environ.get("WANDB_BASE_URL", "https://api.wandb.ai")).hostname or ""
    try:
        return netrc.netrc().authenticators(host) is not None
    except (OSError, netrc.NetrcParseError):
        return False


def _sweep_and_model() -> tuple[str | None, str | None]:
    """Name the sweep that this run belongs to and the model that was chosen, where Hydra has started the run."""
    if not HydraConfig.initialized():
        return None, None
    hydra = HydraConfig.get()
    sweep = Path(hydra.sweep.dir).name if hydra.mode == RunMode.MULTIRUN else None
    return sweep, hydra.runtime.choices.get("model")


@contextmanager
def closing(loggers: Sequence[Logger]) -> Iterator[None]:
    """Close the loggers in any case: an open W&B run would absorb the next run of a sweep.

    Args:
        loggers: of the trainer; a W&B run is marked as failed if an exception passes through.
    """
    status = "failed"
    try:
        yield
        status = "success"
    finally:
        for logger in loggers:
            logger.finalize(status)
            if isinstance(logger, WandbLogger) and logger.version is not None:  # a run has been opened
                logger.experiment.finish(exit_code=0 if status == "success" else 1)


def scalars(numbers: Mapping[str, Any]) -> dict[str, float]:
    """Metrics of a run under the names that loggers get.

    Args:
        numbers: what metrics.json holds.

    Returns:
        test/auroc, test/auroc_low and test/auroc_high (the ends of its interval), the same for the other scores,
        test/average_precision, test/recall_at_1_per_hour, test/macro_mean,
        test/actions/ACTION/auroc and so on; val/best_loss; cost/...; without missing values.
    """
    found: dict[str, float] = {}
    for key, value in numbers.items():
        if key.endswith("_interval") and value:
            name = key.removesuffix("_interval")
            found |= {f"test/{name}_low": value[0], f"test/{name}_high": value[1]}
        elif key in FACTS and value is not None:
            found[FACTS[key]] = value
        elif key.startswith(("auroc", "average_precision", "base_rate", "recall_at", "macro_")) and isinstance(
            value, float
        ):
            found[f"test/{key}"] = value
    actions = numbers["details"][numbers["score"]]["actions"] if "details" in numbers else []
    return found | {f"test/actions/{a['action']}/auroc": a["auroc"] for a in actions if a["auroc"] is not None}


POINTS = 300
"""Of a curve: enough for a screen, and an overlay of a hundred runs stays light."""
AREA_UNDER_CURVE = "wandb/area-under-curve/v0"
"""The preset that W&B's own ROC and precision-recall plots use."""
ROC, PRECISION_RECALL = "test/roc", "test/precision_recall"
AXES = {ROC: ("false_positive_rate", "true_positive_rate"), PRECISION_RECALL: ("recall", "precision")}
"""Columns of each curve's table, x and y; a third, "score", names the score."""


def log_results(loggers: Sequence[Logger], result: EvaluationResult, report: Path) -> None:
    """Log the figures to loggers that take images, the report to W&B and MLflow, the curves to W&B.

    Args:
        loggers: of the trainer.
        result: of the evaluation.
        report: report.html in the run directory, its figures in figures/ beside it.
    """
    figures = sorted((report.parent / "figures").glob("*.png"))
    for logger in loggers:
        if isinstance(logger, WandbLogger):
            logger.experiment.log({**_curves(result.primary), **_wandb_images(figures)})
            _log_report(logger, report)
        elif isinstance(logger, TensorBoardLogger):
            for path in figures:
                image = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
                logger.experiment.add_image(f"figures/{path.stem}", image, dataformats="HWC")
        elif isinstance(logger, MLFlowLogger):
            logger.experiment.log_artifact(logger.run_id, str(report))
            for path in figures:
                logger.experiment.log_artifact(logger.run_id, str(path), "figures")


def _curves(score: ScoreResult) -> dict[str, Any]:
    """ROC and precision-recall curve as tables with a chart; empty without both classes."""
    if score.curve is None:
        return {}
    curve = score.curve.thinned(POINTS)
    precision, recall = curve.precision_recall
    return {
        ROC: _chart(ROC, score.title, *curve.roc),
        PRECISION_RECALL: _chart(PRECISION_RECALL, score.title, recall, precision),
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


def _wandb_images(figures: Sequence[Path]) -> dict[str, Any]:
    import wandb

    return {f"figures/{path.stem}": wandb.Image(str(path)) for path in figures}


def _log_report(logger: WandbLogger, report: Path) -> None:
    import wandb

    artifact = wandb.Artifact(f"report-{logger.version}", type="report")
    # Immutable: W&B makes no copy below the home folder. Absolute: `wandb sync` may be called anywhere.
    artifact.add_file(str(report.resolve()), policy="immutable")
    logger.experiment.log_artifact(artifact)
