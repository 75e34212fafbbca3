"""Base class of models that are fitted once to all training windows."""

from abc import abstractmethod
from collections.abc import Mapping
from inspect import signature
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from skelmap.data.datamodule import Batch
from skelmap.data.keypoints import Representation
from skelmap.data.windows import WindowKind
from skelmap.models.base import InputDefaults, Model
from skelmap.utils.errors import UserError


def parameter_value(cls: type[Model], parameters: Mapping[str, Any], name: str) -> Any:
    """Value of a model's parameter: the configured one, or the constructor's default."""
    return parameters.get(name, signature(cls).parameters[name].default)


class Baseline(Model):
    """Collect flattened windows in one epoch, fit, then score.

    A subclass sets `name` and defines `fit`, `score_flat` and `reconstruct`.

    Args:
        window: score single frames or sequences of T frames.
        representation: of the data that the model asks for; the model itself takes any.
        max_windows: number of (shuffled) training windows to fit to at most; bounds the memory.
    """

    name: str
    supports_distributed = False  # the fit needs all windows in one process

    def __init__(self, window: WindowKind, representation: Representation, max_windows: int) -> None:
        super().__init__()
        self.title = self.name if window == "frame" else f"{self.name} on windows"
        self.automatic_optimization = False
        self.max_windows = max_windows
        self._collected: list[Tensor] = []

    @classmethod
    def input_defaults(cls, parameters: Mapping[str, Any]) -> InputDefaults:
        """Ask for the configured representation and window, and for one epoch in large batches."""
        asked = {name: parameter_value(cls, parameters, name) for name in ("representation", "window")}
        return InputDefaults(**asked, batch_size=256, max_epochs=1)

    @abstractmethod
    def fit(self, x: NDArray[np.float32]) -> None:
        """Fit to flattened windows (N, D), which may be overwritten."""

    @abstractmethod
    def score_flat(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        """Score flattened windows (B, D): scores (B,) and latents (B, J), or None from a model without latents."""

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Resize the buffers to those of the checkpoint: the size of what is fitted depends on the data."""
        for name, _ in self.named_buffers():  # any other name in a checkpoint might be that of a method
            if name in checkpoint["state_dict"]:
                setattr(self, name, torch.empty_like(checkpoint["state_dict"][name], device=self.device))

    def _set_buffers(self, **fitted: NDArray[np.floating]) -> None:
        """Copy fitted arrays to the buffers of the same names."""
        for name, value in fitted.items():
            setattr(self, name, torch.from_numpy(np.asarray(value, np.float32)).to(self.device))

    def training_step(self, batch: Batch) -> None:
        """Collect a batch; fit after the last batch of the epoch."""
        if sum(map(len, self._collected)) < self.max_windows:
            # half precision is exact for binary maps, 1/16 of a grey level for others, 0.1 px for keypoints
            self._collected.append(batch.windows.flatten(1).to("cpu", torch.float16))
        if self.trainer.is_last_batch:
            with self.full_precision():
                x = torch.cat(self._collected)[: self.max_windows].float().numpy()
                self._collected.clear()
                self.fit(x)

    def on_validation_epoch_start(self) -> None:
        """Check that this epoch's training windows are fitted.

        Raises:
            UserError: the trainer is configured to validate before the end of the epoch.
        """
        if self._collected or self.trainer.sanity_checking:
            raise UserError(
                f"{self.title} is fitted at the end of an epoch and cannot be validated before; allowed are "
                "trainer.val_check_interval=1.0 and trainer.num_sanity_val_steps=0"
            )

    def on_train_epoch_end(self) -> None:
        """Check that the epoch was completed.

        Raises:
            UserError: the trainer has ended it before its last batch, so nothing is fitted.
        """
        if self._collected:
            raise UserError(f"{self.title} is fitted at the end of an epoch, which trainer.max_time did not allow for")

    def validation_step(self, batch: Batch) -> Tensor:
        """Return and log the mean score of validation windows as the loss."""
        score, _ = self.score_windows(batch.windows)
        self.log("val/loss", score.mean(), batch_size=len(batch.start))
        return score.mean()

    def configure_optimizers(self) -> None:
        """Use no optimiser."""

    def score_windows(self, windows: Tensor) -> tuple[Tensor, Tensor | None]:
        """Score windows (B, T, C, H, W): scores (B,) and latents (B, J), or None from a model without latents."""
        with self.full_precision():
            return self.score_flat(windows.flatten(1))

    def full_precision(self) -> torch.autocast:
        """Disable mixed precision (trainer.precision): distances are differences of large numbers."""
        return torch.autocast(self.device.type, enabled=False)

    def attribution(self, windows: Tensor) -> Tensor:
        """Share of each pixel or coordinate in the score of windows (B, T, C, H, W), same shape: its squared error.

        A model that reconstructs nothing overrides this.
        """
        reconstruction = self.reconstruct(windows)
        assert reconstruction is not None
        return (reconstruction - windows).square()

    def score_and_attribution(self, windows: Tensor) -> tuple[Tensor, Tensor]:
        """Score windows (B, T, C, H, W): scores (B,) and attribution (B, T, C, H, W)."""
        return self.score_windows(windows)[0], self.attribution(windows)
