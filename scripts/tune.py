"""Tune hyperparameters of a model: `python scripts/tune.py [KEY=VALUE ...] [--trials N]`.

Overrides are those of train.py. The objective is the loss on normal validation recordings; the test split is not used.
Started again, it continues to the given number of trials; several processes with the same command share the trials.
"""

import argparse
import logging
import sys
from pathlib import Path

from skelmap.utils.errors import UserError

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    """Parse the command line and tune."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="as for train.py: model=ae ...")
    parser.add_argument("--space", type=Path, default=ROOT / "conf/space/lstm_vae.yaml", help="search space (YAML)")
    parser.add_argument("--trials", type=int, default=20, help="in all, with those of earlier starts (default 20)")
    parser.add_argument("--folder", type=Path, help="default: outputs/tuning/NAME_OF_SPACE")
    a = parser.parse_intermixed_args()
    if a.trials < 1:
        parser.error(f"--trials {a.trials}; allowed: at least 1")
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    try:
        from skelmap.tuning.space import read_space
        from skelmap.tuning.trial import BaseConfig
        from skelmap.tuning.tune import tune  # these import torch: not for --help
    except ModuleNotFoundError as error:
        if error.name != "optuna":
            raise
        sys.exit("tuning needs the package optuna: pip install -e '.[tune]'")
    folder = a.folder or Path("outputs/tuning") / a.space.stem
    try:
        tune(BaseConfig(ROOT / "conf", tuple(a.overrides)), read_space(a.space), folder, a.trials)
    except UserError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit("interrupted; the same command continues")


if __name__ == "__main__":
    main()
