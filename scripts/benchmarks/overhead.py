"""What a training step costs before and after the network: the frames' way to the device, and Lightning."""

import time
import warnings
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import ModelCheckpoint
from torch import Tensor

from benchmarks.windows import configuration
from skelmap.data.datamodule import Batch
from skelmap.training.run import prepare


class Idle(pl.LightningModule):
    """Has one parameter and computes next to nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(()))

    def training_step(self, batch: Batch) -> Tensor:
        """Ask for the windows, use none, log as the models do."""
        loss = self.weight * batch.windows[0, 0, 0, 0, 0]
        losses = {"train/loss": loss, "train/recon": loss, "train/kl": loss}
        self.log_dict(losses, on_step=False, on_epoch=True, batch_size=len(batch.start))
        return loss

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """As the models'."""
        return torch.optim.Adam(self.parameters(), fused=True)


class Clock(pl.Callback):
    """Remember when each step ended."""

    def __init__(self) -> None:
        self.ends: list[float] = []

    def on_train_batch_end(self, *args: Any) -> None:
        """Look at the clock."""
        self.ends.append(time.perf_counter())


def milliseconds(folder: str, img_size: int) -> float:
    """Take the median time of a step of the paper's batch without a network, ms."""
    cfg = configuration(folder, f"data.img_size={img_size}", "trainer.max_epochs=2")
    trainer, _, data = prepare(cfg)
    clock = Clock()
    trainer.limit_val_batches = 0
    trainer.callbacks = [c for c in trainer.callbacks if not isinstance(c, ModelCheckpoint)] + [clock]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*have no `validation_step`")
        trainer.fit(Idle(), data)
    return 1e3 * float(torch.tensor(clock.ends, dtype=torch.float64).diff().median())
