"""Weights & Biases, for people with and without an account; what holds for every logger."""

import logging
import netrc
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from pytorch_lightning.loggers import Logger, WandbLogger

from skelmap.errors import UserError
from skelmap.names import shortened

log = logging.getLogger(__name__)
NAME_LIMIT = 128
"""W&B's server refuses longer names, and only when a run is synced."""
FACTS = {
    "val_loss": "val/best_loss",
    "train_seconds": "cost/train_seconds",
    "parameters": "cost/parameters",
    "peak_memory_mb": "cost/peak_memory_mb",
}
"""Numbers of metrics.json that say nothing of the test split, and what loggers call them."""


def wandb_logger(
    save_dir: str, project: str, name: str | None = None, group: str | None = None, job_type: str | None = None
) -> Logger:
    """Open a W&B logger: online for those logged in, else offline.

    Args:
        save_dir: the run's folder.
        project: W&B project.
        name: of the run; None takes the folder's name.
        group: W&B group; None takes the name of the sweep's folder, and of a single run no group.
        job_type: W&B job type; None takes the file chosen from conf/model.

    Returns:
        The logger; the W&B run is opened by the first thing that is logged.

    Raises:
        UserError: wandb is not installed.
    """
    try:
        import wandb  # noqa: F401
    except ImportError:
        raise UserError("logger=wandb needs the package wandb: pip install -e '.[wandb]'") from None
    if "WANDB_MODE" not in os.environ and not logged_in():
        os.environ["WANDB_MODE"] = "offline"  # the logger's own offline=True would override the user's WANDB_MODE
    if os.environ.get("WANDB_MODE") == "offline":
        log.info("W&B is offline; later: wandb sync %s", Path(save_dir) / "wandb" / "offline-run-*")
    sweep, model = _place()
    group = group or sweep
    return WandbLogger(
        save_dir=save_dir,
        project=project,
        name=shortened(name or Path(save_dir).name, NAME_LIMIT),
        group=shortened(group, NAME_LIMIT) if group else None,
        job_type=job_type or model,
    )


def logged_in() -> bool:
    """Say whether there is an account on the W&B server in use, without asking the server."""
    if os.environ.get("WANDB_API_KEY"):
        return True
    host = urlsplit(os.environ.get("WANDB_BASE_URL", "https://api.wandb.ai")).hostname or ""
    try:
        return netrc.netrc().authenticators(host) is not None
    except (OSError, netrc.NetrcParseError):
        return False


def _place() -> tuple[str | None, str | None]:
    """Name the sweep that this run belongs to and the model that was chosen, where Hydra has started the run."""
    if not HydraConfig.initialized():
        return None, None
    hydra = HydraConfig.get()
    sweep = Path(hydra.sweep.dir).name if hydra.mode == RunMode.MULTIRUN else None
    return sweep, hydra.runtime.choices.get("model")


@contextmanager
def closing(loggers: Sequence[Logger]) -> Iterator[None]:
    """Close the loggers whatever happens: an open W&B run would swallow the next job of a sweep.

    Args:
        loggers: of the trainer; a W&B run is marked as failed where an exception goes through.
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
    """Name the numbers of a run for loggers.

    Args:
        numbers: what metrics.json holds.

    Returns:
        test/auroc, test/auroc_low and test/auroc_high (the ends of its interval), the same for the other score,
        test/average_precision, test/works/WORK/auroc and so on; val/best_loss; cost/... What has no value is left out.
    """
    found: dict[str, float] = {}
    for key, value in numbers.items():
        if key.endswith("_interval") and value:
            name = key.removesuffix("_interval")
            found |= {f"test/{name}_low": value[0], f"test/{name}_high": value[1]}
        elif key in FACTS and value is not None:
            found[FACTS[key]] = value
        elif isinstance(value, float):
            found[f"test/{key}"] = value
    works = numbers["details"][numbers["score"]]["works"]
    return found | {f"test/works/{w['work']}/auroc": w["auroc"] for w in works if w["auroc"] is not None}
