"""Many runs, one study: a table with intervals, paired comparisons, figures and a page."""

from pathlib import Path

from skelmap.study.cells import STUDY
from skelmap.study.page import write_page
from skelmap.study.study import Study, build_study
from skelmap.study.tables import console_table, write_tables

__all__ = ["Study", "build_study", "console_table", "write_all", "write_study"]


def write_study(folder: Path, seed: int = 0) -> Path:
    """Study the runs below a folder and write what they say into its folder `study`.

    Args:
        folder: a sweep's folder; its runs may lie at any depth.
        seed: of the resamples.

    Returns:
        The path of study.html; beside it lie cells.csv, table.csv, table.md, paired.csv and figures.

    Raises:
        UserError: no such folder, no finished run in it, or it cannot be written.
    """
    return write_all(build_study(folder, seed))


def write_all(study: Study) -> Path:
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
