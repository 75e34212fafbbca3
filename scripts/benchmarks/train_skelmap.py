"""Worker: training as `python train.py` does it, Lightning and all.

python -m benchmarks.train_skelmap FOLDER STEPS OVERRIDE...
"""

import sys
from typing import Any

from pytorch_lightning import Callback, Trainer
from pytorch_lightning.callbacks import ModelCheckpoint

from benchmarks.pace import Pace
from benchmarks.windows import configuration
from skelmap.training.run import prepare


class Paced(Callback):
    """Trains while there are laps to run."""

    def __init__(self, steps: int) -> None:
        self.pace = Pace(steps)

    def on_train_batch_end(self, trainer: Trainer, *args: Any) -> None:
        """Count."""
        if not self.pace.step():
            sys.exit()


def main(folder: str, steps: str, *overrides: str) -> None:
    """Train until the parent has enough."""
    trainer, model, data = prepare(configuration(folder, *overrides, "trainer.max_epochs=100000"))
    trainer.limit_val_batches = 0
    trainer.callbacks = [c for c in trainer.callbacks if not isinstance(c, ModelCheckpoint)]  # steps are timed
    trainer.callbacks.append(Paced(int(steps)))
    trainer.fit(model, data)


if __name__ == "__main__":
    main(*sys.argv[1:])
