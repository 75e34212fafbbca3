"""Export a run's model as ONNX: `python scripts/export.py RUN [--out FOLDER]`.

The folder then holds model.onnx, README.txt with what goes in and comes out, and what scripts/monitor.py needs to run
from it without PyTorch: `python scripts/monitor.py checkpoint=FOLDER source=...`.
"""

import argparse
import sys
from pathlib import Path

from skelmap.utils.errors import UserError


def main() -> None:
    """Parse the command line and export."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, metavar="RUN", help="folder of a finished run")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="default RUN/onnx")
    a = parser.parse_args()
    folder = a.out or a.run / "onnx"
    from skelmap.monitor.export import TOLERANCE, export  # imports torch: not for --help

    try:
        found = export(a.run, folder)
    except UserError as error:
        sys.exit(str(error))
    print(f"{folder}: differs from PyTorch by {found:.1g} of the largest number (allowed: {TOLERANCE:g})")


if __name__ == "__main__":
    main()
