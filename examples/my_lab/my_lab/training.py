"""A callback, a logger and a figure, written as for any Lightning program."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from matplotlib.figure import Figure
from pytorch_lightning.loggers.logger import Logger
from pytorch_lightning.utilities import grad_norm, rank_zero_only

from skelmap.evaluation.evaluate import EvaluationResult


class GradientNorm(pl.Callback):
    """Log the norm of the gradient, an epoch's mean of every `every` batches.

    Args:
        every: batches from one measurement to the next.
    """

    def __init__(self, every: int = 1) -> None:
        self.every = every

    def on_before_optimizer_step(self, trainer: pl.Trainer, pl_module: pl.LightningModule, optimizer: Any) -> None:
        """Measure."""
        if trainer.global_step % self.every == 0:
            norm = grad_norm(pl_module, norm_type=2)["grad_2.0_norm_total"]
            pl_module.log("train/gradient_norm", norm, on_step=False, on_epoch=True)


class JSONLines(Logger):
    """Write every logged dictionary as a line of a file.

    Args:
        path: of the file.
    """

    def __init__(self, path: str) -> None:
        super().__init__()
        self.path = Path(path)

    name = "json_lines"
    version = "0"

    @rank_zero_only
    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        """Keep none: they are in config.yaml."""

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Write a line."""
        with self.path.open("a") as file:
            file.write(json.dumps({"step": step, **metrics}) + "\n")


def score_by_clip(result: EvaluationResult) -> Figure:
    """Draw the highest score of each clip."""
    frames = result.frames
    highest = [
        float(frames.score[frames.clip == number].nan_to_num(-float("inf")).max())
        for number in range(len(frames.clips))
    ]
    figure = Figure(figsize=(7, 0.3 * len(highest) + 1), layout="constrained")
    axes = figure.subplots()
    axes.barh(list(frames.clips), highest)
    axes.set_xlabel("highest score")
    return figure
