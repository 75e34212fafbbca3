"""The study at the end of a sweep."""

import logging
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig

log = logging.getLogger(__name__)


class StudyAtEnd(Callback):
    """Writes the study of a Hydra multirun when its last job has ended, and prints its table.

    Whatever goes wrong is logged as a warning: the runs themselves are done and safe.
    """

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        """Study the sweep's folder, hydra.sweep.dir."""
        try:
            from skelmap.console import stdout
            from skelmap.study import build_study, console_table, write_all

            study = build_study(Path(config.hydra.sweep.dir))
            page = write_all(study)
            stdout().print(console_table(study))
            log.info("study: %s", page)
        except Exception as error:
            log.warning("no study of this sweep: %s", error)
