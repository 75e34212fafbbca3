"""Search for good values of a model: `python scripts/search.py [KEY=VALUE ...] [--trials N]`.

Overrides are train.py's. The loss on normal validation recordings is optimised; the test split is not looked at.
Started again, it goes on to the asked number of trials; started several times at once, the processes share the work.
"""

import argparse
import logging
import sys
from pathlib import Path

from skelmap.utils.errors import UserError

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    """Parse the command line and search."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="as for train.py: model=ae ...")
    parser.add_argument("--space", type=Path, default=ROOT / "scripts/spaces/lstm_vae.yaml", help="what is searched")
    parser.add_argument("--trials", type=int, default=20, help="in all, with those of earlier starts (default 20)")
    parser.add_argument("--folder", type=Path, help="default outputs/searches/NAME_OF_SPACE")
    a = parser.parse_intermixed_args()
    if a.trials < 1:
        parser.error(f"--trials {a.trials}; allowed: at least 1")
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    try:
        from skelmap.tuning.space import read_space
        from skelmap.tuning.trial import Recipe
        from skelmap.tuning.tune import search  # these import torch: not for --help
    except ModuleNotFoundError as error:
        if error.name != "optuna":
            raise
        sys.exit("a search needs the package optuna: pip install -e '.[search]'")
    folder = a.folder or Path("outputs/searches") / a.space.stem
    try:
        search(Recipe(ROOT / "conf", tuple(a.overrides)), read_space(a.space), folder, a.trials)
    except UserError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit("interrupted; the same command goes on")


if __name__ == "__main__":
    main()
