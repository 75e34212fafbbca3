"""Write the comparison of a sweep: on demand, or at the end of a Hydra multirun."""

import logging
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from skelmap.comparison.comparison import Comparison, compare_runs
from skelmap.comparison.page import write_page
from skelmap.comparison.runs import OUTPUT_FOLDER
from skelmap.comparison.tables import console_table, write_tables
from skelmap.utils.io import stdout_console

log = logging.getLogger(__name__)


def write_comparison(comparison: Comparison) -> Path:
    """Write the tables, figures and page of a comparison to the subfolder `comparison` of the sweep's folder.

    Returns:
        The path of comparison.html; runs.csv, table.csv, table.md, paired.csv and figures are in the same folder.

    Raises:
        UserError: the folder cannot be written.
    """
    folder = comparison.folder / OUTPUT_FOLDER
    write_tables(comparison, folder)
    return write_page(comparison, folder)


def compare_and_print(folder: Path, seed: int = 0) -> Path:
    """Compare the runs below a folder, write the result, and print the table of settings.

    Args:
        folder: a sweep's folder; its runs may be nested at any depth.
        seed: of the resampling.

    Returns:
        The path of comparison.html.

    Raises:
        UserError: there is no such folder, no finished run in it, or it cannot be written.
    """
    comparison = compare_runs(folder, seed)
    page = write_comparison(comparison)
    stdout_console().print(console_table(comparison))
    return page


class CompareAtSweepEnd(Callback):
    """Compares the runs of a Hydra multirun after its last job and prints the table of settings.

    Errors are logged as warnings, since the runs themselves are finished and unaffected.
    """

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        """Compare the runs in hydra.sweep.dir."""
        try:
            log.info("comparison: %s", compare_and_print(Path(config.hydra.sweep.dir)))
        except Exception as error:
            log.warning("the runs of this sweep could not be compared: %s", error)
