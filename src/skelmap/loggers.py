"""Weights & Biases, for people with and without an account."""

import logging
import netrc
import os
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pytorch_lightning.loggers import Logger, WandbLogger

from skelmap.errors import UserError

log = logging.getLogger(__name__)


def wandb_logger(save_dir: str, project: str, name: str | None = None, group: str | None = None) -> Logger:
    """Open a W&B logger: online for those logged in, else offline.

    Args:
        save_dir: the run's folder.
        project: W&B project.
        name: of the run; None takes the folder's name.
        group: W&B group, None for no group.

    Returns:
        The logger.

    Raises:
        UserError: wandb is not installed.
    """
    try:
        import wandb  # noqa: F401
    except ImportError:
        raise UserError("logger=wandb needs the package wandb: pip install -e '.[wandb]'") from None
    if "WANDB_MODE" not in os.environ and not _logged_in():
        os.environ["WANDB_MODE"] = "offline"  # the logger's own offline=True would override the user's WANDB_MODE
    if os.environ.get("WANDB_MODE") == "offline":
        log.info("W&B is offline; later: wandb sync %s", Path(save_dir) / "wandb" / "offline-run-*")
    return WandbLogger(save_dir=save_dir, project=project, name=name or Path(save_dir).name, group=group)


def _logged_in() -> bool:
    if os.environ.get("WANDB_API_KEY"):
        return True
    host = urlsplit(os.environ.get("WANDB_BASE_URL", "https://api.wandb.ai")).hostname or ""
    try:
        return netrc.netrc().authenticators(host) is not None
    except (OSError, netrc.NetrcParseError):
        return False


def flat(config: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Flatten nested configuration to dotted keys, as sweep dashboards want it."""
    out: dict[str, Any] = {}
    for key, value in config.items():
        out |= flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return out
