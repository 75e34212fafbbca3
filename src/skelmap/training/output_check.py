"""A run's folder is tried before Hydra writes into it, whose own words would be a traceback."""

import sys
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from skelmap.utils.errors import UserError
from skelmap.utils.io import atomic_write

ROOM = 64 * 1024
"""Bytes that the configuration and the log of a run take at most to begin with."""


class OutputCheck(Callback):
    """Checks that the folder of a run or a sweep can be written, and ends the program where it cannot."""

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Check a run's folder."""
        _try(Path(config.hydra.run.dir))

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Check a sweep's folder."""
        _try(Path(config.hydra.sweep.dir))


def _try(folder: Path) -> None:
    probe = folder / ".room"
    try:
        with atomic_write(probe, "wb") as file:
            file.write(bytes(ROOM))
        probe.unlink()
    except UserError as error:
        sys.exit(f"{folder} cannot be written ({error.__cause__})")  # Hydra goes on after any other exception
