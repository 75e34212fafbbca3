"""Study the runs of a sweep: `python scripts/study.py SWEEP_FOLDER`.

Writes tables (CSV, Markdown), figures and one self-contained page, study.html, to SWEEP_FOLDER/study, and prints the
table of settings.
"""

import argparse
import sys
from pathlib import Path

from skelmap.comparison.comparison import build_comparison
from skelmap.comparison.tables import console_table
from skelmap.comparison.write import write_all
from skelmap.utils.errors import UserError
from skelmap.utils.io import stdout_console


def main() -> None:
    """Read the runs, write the study, print its table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, metavar="SWEEP_FOLDER", help="runs may lie at any depth below it")
    parser.add_argument("--seed", type=int, default=0, help="of the resamples (default 0)")
    arguments = parser.parse_args()
    try:
        study = build_comparison(arguments.folder, arguments.seed)
        page = write_all(study)
    except UserError as error:
        sys.exit(str(error))
    console = stdout_console()
    console.print(console_table(study))
    console.print(f"study: {page}", markup=False, highlight=False, soft_wrap=True)


if __name__ == "__main__":
    main()
