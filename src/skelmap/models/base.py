"""What the rest of the project asks of a model."""

from abc import ABC, abstractmethod
from typing import NamedTuple

import pytorch_lightning as pl
from torch import Tensor

from skelmap.data.datamodule import Batch, SkeletonDataModule


class WindowScores(NamedTuple):
    """What a model says of a batch of windows.

    Attributes:
        start: (B,) int64 first row of each window.
        score: (B,) float32, higher = more abnormal.
        latent: (B, J) float32, or None from a model without latents.
    """

    start: Tensor
    score: Tensor
    latent: Tensor | None


class Model(pl.LightningModule, ABC):
    """A model of normal work: trained on normal windows, it scores any window.

    Beside what is below, a subclass trains as Lightning asks (`training_step`, `configure_optimizers`), logs `val/loss`
    in `validation_step`, by which the best epoch is chosen, calls `save_hyperparameters(logger=False)`, and keeps what
    it learns in parameters and buffers.
    """

    title: str
    """For readers."""
    without_validation = ""
    """What the scores lack where there are no validation windows, for readers."""
    keypoints_alone = False
    """It takes nothing but keypoints, so that readers need not be told."""
    any_size = False
    """It scores people alike however large they look."""
    several_processes = True
    """It can be trained by several processes at once."""

    @abstractmethod
    def score_windows(self, windows: Tensor) -> tuple[Tensor, Tensor | None]:
        """Score windows.

        Args:
            windows: (B, T, C, H, W) float32.

        Returns:
            Scores (B,) and latents (B, J), float32; None from a model without latents.
        """

    def predict_step(self, batch: Batch, batch_idx: int = 0, dataloader_idx: int = 0) -> WindowScores:
        """Score a batch of windows."""
        return WindowScores(batch.start, *self.score_windows(batch.windows))

    def reconstruct(self, maps: Tensor) -> Tensor | None:
        """Give what the model makes of windows (B, T, C, H, W), as large; None where it reconstructs nothing."""
        return None

    @abstractmethod
    def score_and_contributions(self, maps: Tensor) -> tuple[Tensor, Tensor]:
        """Score windows (B, T, C, H, W), (B,), and give what each element contributes to its being unusual, as large.

        Of a model that reconstructs that is the squared error.
        """

    def remember(self, data: SkeletonDataModule) -> bool:
        """Take what scores need of normal windows, with the weights that will be judged; False if that is nothing."""
        return False
