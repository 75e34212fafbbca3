"""Callbacks that make training correct: seeds, history, checkpoints, signals, finite losses, collected scores.

They are built in code (`training_callbacks`), not configured: none of them is a choice.
"""

import logging
import math
import signal
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback, ModelCheckpoint
from pytorch_lightning.trainer.states import TrainerFn
from torch import Tensor

from skelmap.data.datamodule import Batch, SkeletonDataModule
from skelmap.models.autoencoder_base import Autoencoder
from skelmap.models.base import WindowScores
from skelmap.training.autotune import Autotune
from skelmap.training.checkpoints import copy_checkpoint
from skelmap.training.optimizers import StepPlateau
from skelmap.utils.errors import UserError
from skelmap.utils.names import list_names
from skelmap.utils.runtime import gather_concat

log = logging.getLogger(__name__)


def training_callbacks(seed: int, folder: Path, has_val: bool, autotune: bool) -> list[Callback]:
    """Build the callbacks of every training.

    Args:
        seed: of the run.
        folder: of the checkpoints.
        has_val: whether there are validation windows; without any the last epoch is the best.
        autotune: whether to train in the fastest way.
    """
    common: dict[str, Any] = {"save_on_train_epoch_end": True, "enable_version_counter": False}
    best = {"filename": "best", "monitor": "val/loss" if has_val else None, "mode": "min"}
    return [
        EpochSeed(seed),
        *([Autotune()] if autotune else []),
        CudaGraph(),
        FiniteLoss(),
        RestoreSigterm(),
        StayStopped(),
        StepPlateau(),
        History(),
        BestCheckpoint(dirpath=folder, auto_insert_metric_name=False, **best, **common),
        LastCheckpoint(dirpath=folder, filename="last", **common),
    ]


class EpochSeed(Callback):
    """Seed the noise of each epoch from (seed, epoch), so that a resumed run draws the same noise.

    Args:
        seed: of the run.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Seed torch on all devices; each process draws its own noise."""
        torch.manual_seed(self.seed * 1_000_003 + trainer.current_epoch + trainer.global_rank * 2_654_435_761)


class StayStopped(Callback):
    """Do not train on from a checkpoint whose training had been stopped early: Lightning would train another epoch."""

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Stop before the first epoch."""
        if any(callback.stopped_epoch > 0 for callback in trainer.early_stopping_callbacks):
            trainer.should_stop = True


class History(Callback):
    """Losses of every epoch and the time they took, kept in the checkpoint; without a terminal, a log line an epoch.

    Attributes:
        epochs: key -> one value an epoch, for every logged scalar; NaN for val/... of an epoch without validation.
        seconds: duration of all these epochs, validation included, also before an interruption.
    """

    def __init__(self) -> None:
        self.epochs: dict[str, list[float]] = {}
        self.seconds = 0.0
        self._start = time.monotonic()
        self._validated = False

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start the clock."""
        self._start = time.monotonic()
        self._validated = False

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Record that this epoch has been validated: Lightning keeps the metrics of earlier epochs."""
        self._validated = True

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Add an epoch."""
        self.seconds += time.monotonic() - self._start
        epoch, epochs = trainer.current_epoch + 1, trainer.max_epochs or 1
        for key, value in trainer.callback_metrics.items():
            values = self.epochs.setdefault(key, [])
            values += [math.nan] * (epoch - 1 - len(values))
            values.append(float(value) if self._validated or not key.startswith("val/") else math.nan)
        if trainer.is_global_zero and not sys.stdout.isatty():
            now = {key: values[-1] for key, values in self.epochs.items() if key in ("train/loss", "val/loss")}
            losses = [f"{key} {now[key]:.4g}" for key in sorted(now) if not math.isnan(now[key])]
            left = self.seconds / epoch * (epochs - epoch)
            log.info("epoch %d/%d  %s  %.0f s left", epoch, epochs, "  ".join(losses), left)

    def state_dict(self) -> dict[str, Any]:
        """Metrics and seconds of the epochs, for the checkpoint."""
        return {"epochs": self.epochs, "seconds": self.seconds}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore it from a checkpoint."""
        self.epochs = {str(key): [float(v) for v in values] for key, values in state_dict["epochs"].items()}
        self.seconds = float(state_dict["seconds"])


class LastCheckpoint(ModelCheckpoint):
    """A ModelCheckpoint without the state of the checkpoint that a run resumes from.

    Lightning deletes the file, or the whole folder, that a checkpoint names as its last one.
    """

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Ignore it."""


class BestCheckpoint(LastCheckpoint):
    """A ModelCheckpoint that keeps the best score when a run resumes, in its own folder or in another.

    Lightning's loses it in another folder, and the first epoch after resuming would count as the best. The file of the
    best epoch lies beside the checkpoint that the run resumes from; a run in another folder copies it.
    """

    def on_load_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Restore the best score and the file of the best epoch, if it exists."""
        state = checkpoint["callbacks"].get(self.state_key)
        best = Path(str(trainer.ckpt_path)).with_name(f"{self.filename}{self.FILE_EXTENSION}")
        known = state is not None and state["best_model_score"] is not None and best.is_file()
        if trainer.state.fn != TrainerFn.FITTING or not known:  # scoring loads a checkpoint as well
            return
        own = Path(str(self.dirpath)) / best.name
        if trainer.is_global_zero:
            copy_checkpoint(best, own)
        score = torch.tensor(float(state["best_model_score"]))
        self.best_model_path = self.kth_best_model_path = str(own)
        self.best_model_score = self.kth_value = score
        self.best_k_models = {str(own): score}


class RestoreSigterm(Callback):
    """Restore the SIGTERM handler that Lightning replaces: its own ends an unfinished training with exit code 0.

    A cluster would then regard the job as done.
    """

    def __init__(self) -> None:
        self._handler = signal.getsignal(signal.SIGTERM)

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Restore the previous handler; Lightning restores it as well, at the end."""
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, self._handler)


class DivergedError(UserError):
    """A loss is NaN or infinite."""


class FiniteLoss(Callback):
    """Stop at the first batch whose loss is NaN or infinite, before a checkpoint is written."""

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Batch, batch_idx: int
    ) -> None:
        """Check the loss of a training batch."""
        self._check(trainer, pl_module, "training", outputs, batch, batch_idx)

    def on_validation_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Batch, batch_idx: int, *args: Any
    ) -> None:
        """Check the loss of a validation batch."""
        self._check(trainer, pl_module, "validation", outputs, batch, batch_idx)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Check the logged loss: a validation step need not return that of its batch."""
        loss = trainer.callback_metrics.get("val/loss")
        if loss is not None and not loss.isfinite():
            raise DivergedError(
                f"epoch {trainer.current_epoch + 1}: val/loss is {float(loss)}. Checkpoints are of the epochs before"
            )

    def _check(
        self, trainer: pl.Trainer, model: pl.LightningModule, stage: str, outputs: Any, batch: Batch, index: int
    ) -> None:
        loss = outputs.get("loss") if isinstance(outputs, Mapping) else outputs
        if loss is None or loss.isfinite():  # the baselines have no loss
            return
        clips = cast(Any, trainer).datamodule.splits.clips_of(batch.start)
        lower = "A lower model.learning_rate, or another" if isinstance(model, Autoencoder) else "Another"
        raise DivergedError(
            f"epoch {trainer.current_epoch + 1}, {stage} batch {index + 1}: the loss is {float(loss)}; its windows are "
            f"of clip {list_names(clips)}. Checkpoints are of the epochs before. "
            f"{lower} look at these clips may help"
        )


class PredictionCollector(Callback):
    """Collect the scores of all windows, in arrays allocated beforehand.

    Small tensors kept one by one would lie between the large ones of the batches and prevent that memory from being
    reused: gigabytes in a long test split.

    Args:
        counts: windows of each loader.
    """

    def __init__(self, counts: list[int]) -> None:
        self._counts = counts
        self._done = [0] * len(counts)
        self._kept: list[list[Tensor | None]] = [[] for _ in counts]

    def on_predict_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: WindowScores,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Copy the scores of a batch to their place."""
        kept, count = self._kept[dataloader_idx], self._counts[dataloader_idx]
        if not kept:
            kept += [None if part is None else part.new_empty(count, *part.shape[1:]) for part in outputs]
        first = self._done[dataloader_idx]
        self._done[dataloader_idx] += len(outputs.start)
        for array, part in zip(kept, outputs, strict=True):
            if array is not None and part is not None:
                array[first : first + len(part)] = part

    def scores(self, loader: int) -> WindowScores | None:
        """Scores of a loader's windows from all processes, by ascending first row; None if there are none."""
        done = self._done[loader]
        if not done:
            return None
        gathered = [None if array is None else gather_concat(array[:done]) for array in self._kept[loader]]
        start, score, latent = cast(tuple[Tensor, Tensor, Tensor | None], tuple(gathered))
        if len(start) == done:
            return WindowScores(start, score, latent)
        order = start.argsort()  # windows of several processes
        return WindowScores(start[order], score[order], None if latent is None else latent[order])


class FirstBatch(Callback):
    """Whether a batch has been completed: an error before that may come from the loaded checkpoint."""

    done = False

    def on_train_batch_end(self, *args: Any) -> None:
        """Record it."""
        self.done = True

    def on_predict_batch_end(self, *args: Any) -> None:
        """Record it."""
        self.done = True


class CudaGraph(Callback):
    """Capture the training pass of a network, forward and backward, in a CUDA graph and replay it for every batch.

    Kernels and results are the same; the GPU no longer waits for Python to launch each kernel (Nguyen et al. 2021,
    "Accelerating PyTorch with CUDA graphs"). Batches of another size, as the last of an epoch may have, run without the
    graph. Nothing is captured without a GPU, with several processes, in another precision than float32, or with
    gradients accumulated over batches.
    """

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Capture the graph with a zero batch, and restore the running means that it changed."""
        if not isinstance(pl_module, Autoencoder) or pl_module.device.type != "cuda":
            return
        if trainer.world_size > 1 or trainer.precision != "32-true" or trainer.accumulate_grad_batches > 1:
            return
        data: SkeletonDataModule = trainer.datamodule
        zeros = torch.zeros(data.batch_size, data.window, *data.settings.shape, device=pl_module.device)
        network = pl_module.network
        ordinary, before = network.forward, [buffer.clone() for buffer in network.buffers()]
        torch.cuda.make_graphed_callables(network.train(), (zeros,))
        replay = network.forward  # in place of which it put its own
        for buffer, value in zip(network.buffers(), before, strict=True):
            buffer.copy_(value)

        def forward(windows: Tensor) -> Any:
            return (replay if windows.shape == zeros.shape else ordinary)(windows)

        network.forward = forward  # type: ignore[method-assign]

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Release the graph."""
        if isinstance(pl_module, Autoencoder):
            pl_module.network.__dict__.pop("forward", None)
