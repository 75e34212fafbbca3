"""Interface of all models, and the types of their parameters."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, NamedTuple

import pytorch_lightning as pl
import torch
from pydantic import Field
from torch import Tensor

from skelmap.data.datamodule import Batch
from skelmap.data.keypoints import Representation
from skelmap.data.windows import WindowKind
from skelmap.evaluation.evaluate import EvaluationResult, evaluate
from skelmap.evaluation.frame_scores import Predictions
from skelmap.utils.runtime import gather_concat
from skelmap.utils.schema import PositiveInt

LatentDim = Annotated[int, Field(ge=1, le=4096)]
Channels = Annotated[Sequence[PositiveInt], Field(min_length=1)]
LearningRate = Annotated[float, Field(gt=0, le=10)]


class WindowScores(NamedTuple):
    """Scores of a batch of windows.

    Attributes:
        start: (B,) int64 first row of each window.
        score: (B,) float32, higher = more abnormal.
        latent: (B, J) float32, or None from a model without latents.
    """

    start: Tensor
    score: Tensor
    latent: Tensor | None


class InputDefaults(NamedTuple):
    """What a model asks of data and trainer unless the configuration says otherwise.

    Attributes:
        representation: "maps" or "keypoints".
        window: "frame" or "sequence".
        seq_len: T, frames in a sequence.
        seconds: T in seconds, in place of `seq_len`; None of models that count frames.
        batch_size: windows in a training batch.
        max_epochs: of training.
    """

    representation: Representation = "maps"
    window: WindowKind = "frame"
    seq_len: int = 30
    batch_size: int = 32
    max_epochs: int = 30
    seconds: float | None = None


class Model(pl.LightningModule, ABC):
    """Model of normal behaviour: trained on normal windows, it scores any window.

    A subclass also defines `training_step` and `configure_optimizers`, logs `val/loss` in `validation_step`, by which
    the best epoch is chosen, calls `save_hyperparameters(logger=False)`, and keeps all that it learns in parameters and
    buffers.
    """

    title: str
    """Display name in tables and reports; by default that of the class."""
    no_validation_warning = ""
    """Consequence of a data set without validation recordings, shown as a warning."""
    scale_invariant = False
    """Scores do not depend on the size of people in the image."""
    supports_examples = False
    """Scores windows by labelled abnormal examples, too (`data.examples`)."""
    supports_distributed = True
    """Can be trained by several processes."""
    evaluation: EvaluationResult | None = None
    """Result of the last `Trainer.test`."""
    _tested: tuple[tuple[Tensor, Tensor], ...] = ()

    def __init_subclass__(cls, **more: Any) -> None:
        """Name a class without a title by its own name."""
        super().__init_subclass__(**more)
        if not hasattr(cls, "title"):
            cls.title = cls.__name__

    @classmethod
    def input_defaults(cls, parameters: Mapping[str, Any]) -> InputDefaults:
        """Return what the model asks of data and trainer.

        Args:
            parameters: the model's configuration, keys of group `model`.
        """
        return InputDefaults()

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

    def test_step(self, batch: Batch) -> None:
        """Score a batch of windows of the test split."""
        scored = self.predict_step(batch)
        self._tested += ((scored.start, scored.score),)

    def on_test_epoch_end(self) -> None:
        """Evaluate the scores of the test split; log test/auroc and that of the variant, as a run does."""
        start, score = (gather_concat(torch.cat(parts)) for parts in zip(*self._tested, strict=True))
        self._tested = ()
        data = self.trainer.datamodule
        predictions = Predictions(data.splits.eval_rows("test", start), score, None, data.window)
        self.evaluation = result = evaluate(predictions, data.splits.eval_index("test"))
        for key, of in (("auroc", result.primary), (f"auroc_{result.variant.name}", result.variant)):
            if of.auroc.value is not None:
                self.log(f"test/{key}", of.auroc.value)

    def reconstruct(self, windows: Tensor) -> Tensor | None:
        """Reconstruct windows (B, T, C, H, W) in the same shape; None from a model that does not reconstruct."""
        return None

    @abstractmethod
    def score_and_attribution(self, windows: Tensor) -> tuple[Tensor, Tensor]:
        """Score windows and attribute the scores to the windows' elements.

        Args:
            windows: (B, T, C, H, W).

        Returns:
            Scores (B,) and attribution (B, T, C, H, W), the contribution of each element: of models that reconstruct
            the squared error.
        """
