"""Write a comparison: tables and page, on demand or at the end of a sweep."""

import logging
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from skelmap.comparison.comparison import Comparison, build_comparison
from skelmap.comparison.page import write_page
from skelmap.comparison.runs import STUDY
from skelmap.comparison.tables import write_tables

log = logging.getLogger(__name__)


def write_comparison(folder: Path, seed: int = 0) -> Path:
    """Study the runs below a folder and write what they say into its folder `study`.

    Args:
        folder: a sweep's folder; its runs may lie at any depth.
        seed: of the resamples.

    Returns:
        The path of study.html; beside it lie cells.csv, table.csv, table.md, paired.csv and figures.

    Raises:
        UserError: no such folder, no finished run in it, or it cannot be written.
    """
    return write_all(build_comparison(folder, seed))


def write_all(study: Comparison) -> Path:
    """Write a study's tables, figures and page.

    Args:
        study: of a sweep.

    Returns:
        The path of study.html.

    Raises:
        UserError: the sweep's folder cannot be written.
    """
    folder = study.folder / STUDY
    write_tables(study, folder)
    return write_page(study, folder)


class CompareAtSweepEnd(Callback):
    """Writes the study of a Hydra multirun when its last job has ended, and prints its table.

    Whatever goes wrong is logged as a warning: the runs themselves are done and safe.
    """

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        """Study the sweep's folder, hydra.sweep.dir."""
        try:
            from skelmap.comparison.tables import console_table
            from skelmap.utils.io import stdout_console

            study = build_comparison(Path(config.hydra.sweep.dir))
            page = write_all(study)
            stdout_console().print(console_table(study))
            log.info("study: %s", page)
        except Exception as error:
            log.warning("no study of this sweep: %s", error)
