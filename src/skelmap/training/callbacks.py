"""Callbacks of training and scoring."""

import logging
import signal
import threading
import time
from pathlib import Path
from typing import Any, cast

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback, ModelCheckpoint, ProgressBar
from pytorch_lightning.trainer.states import TrainerFn
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from torch import Tensor

from skelmap.data.datamodule import Batch, SkeletonDataModule
from skelmap.models.autoencoder import Autoencoder
from skelmap.models.base import WindowScores
from skelmap.training.checkpoints import copy_checkpoint
from skelmap.utils.errors import UserError
from skelmap.utils.runtime import gather_concat

log = logging.getLogger(__name__)
MOST_NAMED = 5
"""Clips that a message names."""


class TrainingProgress(ProgressBar):
    """One bar for the whole training, with the time left; without a terminal, a line an epoch."""

    def __init__(self) -> None:
        super().__init__()
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("left  {task.fields[note]}"),
            transient=True,
        )
        self._task = TaskID(0)
        self._began = 0.0
        self._first_epoch = 0

    def disable(self) -> None:
        """Leave progress to another process."""
        self._bar.disable = True

    def _start(self, title: str, total: int, done: int = 0) -> None:
        for task in self._bar.task_ids:
            self._bar.remove_task(task)
        self._task = self._bar.add_task(title, total=total, completed=done, note="")
        if self._bar.console.is_terminal:
            self._bar.start()

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start a bar over the batches of all epochs."""
        batches, epochs = int(trainer.num_training_batches), trainer.max_epochs or 1
        self._began, self._first_epoch = time.monotonic(), trainer.current_epoch
        self._start("training", batches * epochs, batches * trainer.current_epoch)

    def on_train_batch_end(self, *args: Any) -> None:
        """Advance."""
        self._bar.advance(self._task)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Show the losses."""
        epoch, epochs = trainer.current_epoch + 1, trainer.max_epochs or 1
        losses = {key: float(trainer.callback_metrics.get(key, torch.nan)) for key in ("train/loss", "val/loss")}
        text = "  ".join(f"{key} {value:.4g}" for key, value in losses.items() if value == value)
        self._bar.update(self._task, note=f"epoch {epoch}/{epochs}  {text}")
        if not self._bar.console.is_terminal and not self._bar.disable:
            each = (time.monotonic() - self._began) / (epoch - self._first_epoch)
            log.info("epoch %d/%d  %s  %.0f s left", epoch, epochs, text, each * (epochs - epoch))

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Put the bar away."""
        self._bar.stop()

    def on_predict_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start a bar over the test windows."""
        self._start("scoring", int(sum(trainer.num_predict_batches)))

    def on_predict_batch_end(self, *args: Any) -> None:
        """Advance."""
        self._bar.advance(self._task)

    def on_predict_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Put the bar away."""
        self._bar.stop()

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        """Give the terminal back."""
        self._bar.stop()


class EpochSeed(Callback):
    """Seed the noise of each epoch from (seed, epoch), so that a resumed run draws what it would have drawn.

    Args:
        seed: of the run.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Seed torch on all devices; each process draws its own noise."""
        torch.manual_seed(self.seed * 1_000_003 + trainer.current_epoch + trainer.global_rank * 2_654_435_761)


class History(Callback):
    """Remember the losses of every epoch and the time they took; both travel in the checkpoint.

    Attributes:
        epochs: key -> one value an epoch, for every scalar that was logged.
        seconds: that all these epochs took, validation included, in this sitting or an earlier one.
    """

    def __init__(self) -> None:
        self.epochs: dict[str, list[float]] = {}
        self.seconds = 0.0
        self._began = time.monotonic()

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Look at the clock."""
        self._began = time.monotonic()

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Add an epoch."""
        self.seconds += time.monotonic() - self._began
        for key, value in trainer.callback_metrics.items():
            self.epochs.setdefault(key, []).append(float(value))

    def state_dict(self) -> dict[str, Any]:
        """Give what a checkpoint keeps."""
        return {"epochs": self.epochs, "seconds": self.seconds}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take it back, unless there is a history already: scoring loads the best epoch's checkpoint, not the last."""
        if not self.epochs:
            self.epochs = {str(key): [float(v) for v in values] for key, values in state_dict["epochs"].items()}
            self.seconds = float(state_dict.get("seconds", 0))  # earlier versions kept none


class LastCheckpoint(ModelCheckpoint):
    """A ModelCheckpoint that takes nothing from the checkpoint that a run goes on from.

    Lightning deletes the file, or the whole folder, that a checkpoint names as its last one, whoever wrote it there.
    """

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Leave it."""


class BestCheckpoint(LastCheckpoint):
    """A ModelCheckpoint that remembers the best score when a run goes on, in its own folder or in another.

    Lightning's forgets it in another, and then the first epoch after resuming counts as the best however bad it is.
    The best epoch's file is the one beside the checkpoint that the run goes on from; a run in another folder takes a
    copy.
    """

    def on_load_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Take the best score and the best epoch's file, if it is still there."""
        state = checkpoint["callbacks"].get(self.state_key)
        best = Path(str(trainer.ckpt_path)).with_name(f"{self.filename}{self.FILE_EXTENSION}")
        known = state is not None and state["best_model_score"] is not None and best.is_file()
        if trainer.state.fn != TrainerFn.FITTING or not known:  # scoring loads a checkpoint, too
            return
        own = Path(str(self.dirpath)) / best.name
        if trainer.is_global_zero:
            copy_checkpoint(best, own)
        score = torch.tensor(float(state["best_model_score"]))
        self.best_model_path = self.kth_best_model_path = str(own)
        self.best_model_score = self.kth_value = score
        self.best_k_models = {str(own): score}


class RestoreSigterm(Callback):
    """Take SIGTERM back from Lightning, whose handler ends a training with code 0, as if it were done.

    A cluster would take the job off its queue for good.
    """

    def __init__(self) -> None:
        self._handler = signal.getsignal(signal.SIGTERM)

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Put back the handler that was there before Lightning's; Lightning puts it back itself at the end."""
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, self._handler)


class Diverged(UserError):
    """A loss is NaN or infinite."""


class FiniteLoss(Callback):
    """Stop at the first batch whose loss is NaN or infinite, before a checkpoint keeps what came of it."""

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Batch, batch_idx: int
    ) -> None:
        """Check the loss of a training batch."""
        if outputs:  # the baselines have no loss
            self._check(trainer, pl_module, "training", outputs["loss"], batch, batch_idx)

    def on_validation_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Batch, batch_idx: int, *args: Any
    ) -> None:
        """Check the loss of a validation batch."""
        self._check(trainer, pl_module, "validation", outputs, batch, batch_idx)

    def _check(
        self, trainer: pl.Trainer, model: pl.LightningModule, stage: str, loss: Tensor, batch: Batch, index: int
    ) -> None:
        if loss.isfinite():
            return
        clips = cast(Any, trainer).datamodule.clips_of(batch.start)
        more = f" and {len(clips) - MOST_NAMED} more" if len(clips) > MOST_NAMED else ""
        lower = "A lower model.learning_rate, or another" if isinstance(model, Autoencoder) else "Another"
        raise Diverged(
            f"epoch {trainer.current_epoch + 1}, {stage} batch {index + 1}: the loss is {float(loss)}; its windows are "
            f"of clip {', '.join(clips[:MOST_NAMED])}{more}. Checkpoints are of the epochs before. "
            f"{lower} look at these clips may help"
        )


class PredictionCollector(Callback):
    """Keep what a model says of each test window, in arrays made beforehand.

    Small tensors kept one by one would lie between the large ones of the batches and keep that memory from being used
    again: gigabytes in a long test split.

    Args:
        count: test windows.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self._done = 0
        self._kept: list[Any] = []  # tensors, or None for latents that a model lacks

    def on_predict_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: WindowScores, *args: Any
    ) -> None:
        """Copy a batch's scores to their place."""
        if not self._kept:
            self._kept = [None if part is None else part.new_empty(self.count, *part.shape[1:]) for part in outputs]
        first, self._done = self._done, self._done + len(outputs.start)
        for kept, part in zip(self._kept, outputs, strict=True):
            if kept is not None:
                kept[first : self._done] = part

    def scores(self) -> WindowScores | None:
        """Give all windows that were scored, by any process, by rising first row; None if there were none."""
        if not self._done:
            return None
        start, score, latent = (None if kept is None else gather_concat(kept[: self._done]) for kept in self._kept)
        found = WindowScores(cast(Tensor, start), cast(Tensor, score), latent)
        if len(found.start) == self._done:
            return found
        order = found.start.argsort()  # windows of several processes
        return WindowScores(found.start[order], found.score[order], None if latent is None else latent[order])


class FirstBatch(Callback):
    """Knows whether a batch has come to its end: what goes wrong before may be the fault of a loaded checkpoint."""

    done = False

    def on_train_batch_end(self, *args: Any) -> None:
        """Note it."""
        self.done = True

    def on_predict_batch_end(self, *args: Any) -> None:
        """Note it."""
        self.done = True


class CudaGraph(Callback):
    """Record a network's training pass, forwards and backwards, before training, and replay it for every batch.

    The kernels are those of the ordinary way, so are the results; what falls away is the time in which the GPU waits
    for Python to start each (Nguyen et al. 2021, "Accelerating PyTorch with CUDA graphs"). Batches of another size, as
    an epoch's last may be, go the ordinary way. Where there is no GPU, with several processes, another precision than
    float32 or gradients summed over batches, nothing is recorded. `~callbacks.cuda_graph` turns it off.
    """

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Record, with a batch of nothing, and leave no trace of it in running means."""
        if not isinstance(pl_module, Autoencoder) or pl_module.device.type != "cuda":
            return
        if trainer.world_size > 1 or trainer.precision != "32-true" or trainer.accumulate_grad_batches > 1:
            return
        data: SkeletonDataModule = trainer.datamodule
        nothing = torch.zeros(data.batch_size, data.window, *data.settings.shape, device=pl_module.device)
        network = pl_module.network
        ordinary, before = network.forward, [buffer.clone() for buffer in network.buffers()]
        torch.cuda.make_graphed_callables(network.train(), (nothing,))
        replay = network.forward  # in place of which it put its own
        for buffer, value in zip(network.buffers(), before, strict=True):
            buffer.copy_(value)

        def forward(windows: Tensor) -> tuple[Tensor, ...]:
            result: tuple[Tensor, ...] = (replay if windows.shape == nothing.shape else ordinary)(windows)
            return result

        network.forward = forward  # type: ignore[method-assign]

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Let go of what was recorded."""
        if isinstance(pl_module, Autoencoder):
            pl_module.network.__dict__.pop("forward", None)
