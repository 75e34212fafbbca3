"""Time outside the network: data transfer and Lightning in a training step, AUROC, and the report of a run."""

import io
import os
import time
import warnings
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import psutil
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import ModelCheckpoint
from torch import Tensor

from benchmarks.common import DEVICE, median_seconds, resolved
from skelmap.data.datamodule import Batch
from skelmap.evaluation import metrics
from skelmap.training import run
from skelmap.training.prepare import prepare


class IdleModel(pl.LightningModule):
    """Model with one parameter and hardly any computation."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(()))

    def training_step(self, batch: Batch) -> Tensor:
        """Read the windows and log the losses that the LSTM-VAE logs."""
        loss = self.weight * batch.windows[0, 0, 0, 0, 0]
        losses = {"train/loss": loss, "train/recon": loss, "train/kl": loss}
        self.log_dict(losses, on_step=False, on_epoch=True, batch_size=len(batch.start))
        return loss

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Use the models' optimizer."""
        return torch.optim.Adam(self.parameters(), fused=True)


class StepEnds(pl.Callback):
    """Record the time at each step's end."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def on_train_batch_end(self, *args: Any) -> None:
        """Record the time."""
        self.seconds.append(time.perf_counter())


def step_overhead(folder: str, img_size: int) -> float:
    """Measure the median time of a training step without a network, ms, with the paper's batch size."""
    parts = prepare(resolved(folder, f"data.img_size={img_size}", "trainer.max_epochs=2"))
    trainer = parts.trainer
    ends = StepEnds()
    trainer.limit_val_batches = 0
    trainer.callbacks = [c for c in trainer.callbacks if not isinstance(c, ModelCheckpoint)] + [ends]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*have no `validation_step`")
        trainer.fit(IdleModel(), parts.data)
    return 1e3 * float(torch.tensor(ends.seconds, dtype=torch.float64).diff().median())


def auroc_cost(count: int) -> tuple[float, float]:
    """Measure the AUROC of random scores.

    Args:
        count: number of scores.

    Returns:
        Time, s, and peak memory, MB.
    """
    generator = torch.Generator().manual_seed(0)
    label = (torch.rand(count, generator=generator) < 0.1).long().to(DEVICE)
    score = torch.randn(count, generator=generator).to(DEVICE) + label
    if DEVICE.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        took = median_seconds(lambda: metrics.auroc(score, label))
        return took, (torch.cuda.max_memory_allocated() - before) / 1e6
    process = psutil.Process(os.getpid())
    Path("/proc/self/clear_refs").write_text("5")  # resets the peak
    before = process.memory_info().rss
    took = median_seconds(lambda: metrics.auroc(score, label))
    peak = int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) * 1024
    return took, (peak - before) / 1e6


def report_seconds(folder: str) -> float:
    """Measure metrics, figures and report of the LSTM-VAE's scores of the simulated test split, s."""
    parts = prepare(resolved(folder, "trainer.max_epochs=1", "data.window_stride=100"))
    parts.trainer.fit(parts.model, parts.data)
    test, val = run.predict(parts)
    assert test is not None
    began = time.perf_counter()
    with redirect_stdout(io.StringIO()):  # the run prints its results
        run.conclude(parts, test, val)
    return time.perf_counter() - began
