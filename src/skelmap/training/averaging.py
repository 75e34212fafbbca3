"""Stochastic weight averaging: the mean of the weights after the last epochs (Izmailov et al. 2018)."""

from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import WeightAveraging

from skelmap.utils.schema import PositiveInt


class StochasticWeightAveraging(WeightAveraging):
    """Average the weights at the ends of the epochs from `first_epoch` on; validate and save the average.

    Lightning's callback of this name averages beside the checkpoints: the best epoch would be chosen by the loss of
    single epochs, and the average lost.

    Args:
        first_epoch: counted from 1; weights of earlier epochs are used as they are.
    """

    def __init__(self, first_epoch: PositiveInt = 21) -> None:
        super().__init__()
        self.first_epoch = first_epoch

    def should_update(self, step_idx: int | None = None, epoch_idx: int | None = None) -> bool:
        """Leave the update to `on_train_batch_end`: an epoch ends after its validation."""
        return False

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Add the weights of an epoch."""
        average = self._average_model
        if trainer.is_last_batch and average is not None:
            if trainer.current_epoch < self.first_epoch:
                average.n_averaged.zero_()  # the next update copies
            average.update_parameters(pl_module)
