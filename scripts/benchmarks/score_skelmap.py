"""Worker: scoring the test split with stride 1 as `python train.py` does it; a step is the whole split.

python -m benchmarks.score_skelmap FOLDER STEPS OVERRIDE...
"""

import sys

from benchmarks.pace import Pace
from benchmarks.windows import configuration
from skelmap.training.run import prepare


def main(folder: str, steps: str, *overrides: str) -> None:
    """Score until the parent has enough."""
    trainer, model, data = prepare(configuration(folder, *overrides))
    pace = Pace(int(steps))
    while True:
        trainer.predict(model, data, return_predictions=False)
        if not pace.step():
            return


if __name__ == "__main__":
    main(*sys.argv[1:])
