"""AUROC over ten million scores, and all that happens after the last window is scored."""

import io
import os
import time
from contextlib import redirect_stdout
from pathlib import Path

import psutil
import torch

from benchmarks.limits import DEVICE, seconds
from benchmarks.windows import configuration
from skelmap.evaluation import metrics
from skelmap.training import run


def auroc(count: int) -> tuple[float, float]:
    """Take the AUROC of random scores; give s and the MB that the process held more at its height."""
    generator = torch.Generator().manual_seed(0)
    label = (torch.rand(count, generator=generator) < 0.1).long().to(DEVICE)
    score = torch.randn(count, generator=generator).to(DEVICE) + label
    if DEVICE.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        took = seconds(lambda: metrics.auroc(score, label))
        return took, (torch.cuda.max_memory_allocated() - before) / 1e6
    process = psutil.Process(os.getpid())
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak so far
    before = process.memory_info().rss
    took = seconds(lambda: metrics.auroc(score, label))
    peak = int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) * 1024
    return took, (peak - before) / 1e6


def afterwards(folder: str) -> float:
    """Judge, draw and report the LSTM-VAE's scores of the simulated test split, s."""
    cfg = configuration(folder, "trainer.max_epochs=1", "data.window_stride=100")
    trainer, model, data = run.prepare(cfg)
    trainer.fit(model, data)
    predictions = run.predict(trainer, model, data)
    began = time.perf_counter()
    with redirect_stdout(io.StringIO()):  # the run's own table
        run.conclude(cfg, trainer, model, data, predictions)
    return time.perf_counter() - began
