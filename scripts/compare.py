"""Compare the runs of a sweep: `python scripts/compare.py SWEEP_FOLDER`.

Writes tables (CSV, Markdown), figures and a self-contained page, comparison.html, to SWEEP_FOLDER/comparison, and
prints the table of settings.
"""

import argparse
import sys
from pathlib import Path

from skelmap.comparison.write import compare_and_print
from skelmap.utils.errors import UserError


def main() -> None:
    """Parse the command line and compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, metavar="SWEEP_FOLDER", help="its runs may be nested at any depth")
    parser.add_argument("--seed", type=int, default=0, help="of the resampling (default 0)")
    arguments = parser.parse_args()
    try:
        print(f"comparison: {compare_and_print(arguments.folder, arguments.seed)}")
    except UserError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
