"""This project's training and scoring as `python train.py` does them, Lightning included.

`python -m benchmarks.skelmap_lightning TASK FOLDER STEPS OVERRIDE...` is a worker of `benchmarks.interleaved`.
"""

import sys
from typing import Any

from pytorch_lightning import Callback, Trainer
from pytorch_lightning.callbacks import ModelCheckpoint

from benchmarks.common import resolved
from benchmarks.interleaved import RepetitionTimer
from skelmap.training.callbacks import CudaGraph
from skelmap.training.prepare import prepare


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
    """Train or score until the parent ends.

    Args:
        task: train (a step is a batch), train_eager (without CUDA graph), or score (a step is all test
            and validation windows).
        folder: folder for all output.
        steps: number of steps in a repetition.
        *overrides: of the configuration.
    """
    if task == "score":
        parts, timer = prepare(resolved(folder, *overrides)), RepetitionTimer(int(steps))
        running = True
        while running:
            parts.trainer.predict(parts.model, parts.data, return_predictions=False)
            running = timer.step()
        return
    parts = prepare(resolved(folder, *overrides, "trainer.max_epochs=100000"))
    trainer = parts.trainer
    trainer.limit_val_batches = 0
    left_out = (ModelCheckpoint, CudaGraph) if task == "train_eager" else ModelCheckpoint  # steps alone are timed
    trainer.callbacks = [c for c in trainer.callbacks if not isinstance(c, left_out)]
    trainer.callbacks.append(TimedSteps(int(steps)))
    trainer.fit(parts.model, parts.data)


if __name__ == "__main__":
    main(*sys.argv[1:])
