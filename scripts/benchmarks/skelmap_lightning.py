"""This project's training and scoring as `python train.py` does them, Lightning included.

`python -m benchmarks.skelmap_lightning train|score FOLDER STEPS OVERRIDE...` is a worker of `benchmarks.interleaved`.
"""

import sys
from typing import Any

from pytorch_lightning import Callback, Trainer
from pytorch_lightning.callbacks import ModelCheckpoint

from benchmarks.common import configuration
from benchmarks.interleaved import RepetitionTimer
from skelmap.training.run import prepare


class TimedSteps(Callback):
    """Train until the parent ends.

    Args:
        steps: number of steps in a repetition.
    """

    def __init__(self, steps: int) -> None:
        self.timer = RepetitionTimer(steps)

    def on_train_batch_end(self, trainer: Trainer, *args: Any) -> None:
        """Count a step."""
        if not self.timer.step():
            sys.exit()


def main(task: str, folder: str, steps: str, *overrides: str) -> None:
    """Train (a step is a batch) or score (a step is the whole test split, stride 1) until the parent ends."""
    if task == "score":
        trainer, model, data = prepare(configuration(folder, *overrides))
        timer = RepetitionTimer(int(steps))
        running = True
        while running:
            trainer.predict(model, data, return_predictions=False)
            running = timer.step()
        return
    trainer, model, data = prepare(configuration(folder, *overrides, "trainer.max_epochs=100000"))
    trainer.limit_val_batches = 0
    trainer.callbacks = [c for c in trainer.callbacks if not isinstance(c, ModelCheckpoint)]  # steps alone are timed
    trainer.callbacks.append(TimedSteps(int(steps)))
    trainer.fit(model, data)


if __name__ == "__main__":
    main(*sys.argv[1:])
