"""AUROC, average precision and their curves, exact on scores of any size and with any ties."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from skelmap.utils.errors import UserError

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]


def auroc(score: Tensor, label: Tensor) -> float:
    """Area under the ROC curve of all frames together, by torchmetrics on the device of `score`.

    It is the probability that an abnormal frame scores higher than a normal one, ties counting half.

    Args:
        score: (F,) floating, higher = more abnormal, finite, on any scale.
        label: (F,) integer, 1 = abnormal, 0 = normal; both occur.

    Returns:
        AUROC in [0, 1]; exact but for torchmetrics' float32 sum (below 1e-7).

    Raises:
        UserError: NaN or infinite scores, labels other than 0 and 1, or one class only.
    """
    from torchmetrics.classification import BinaryAUROC

    check(score, label)
    # Without normalization=None, scores outside [0, 1] go through a sigmoid and saturate to ties.
    # Not synchronised: every process may call this alone, and its caller has gathered the scores of all of them.
    metric = BinaryAUROC(thresholds=None, normalization=None, sync_on_compute=False).to(score.device)
    metric.update(score, label)
    return float(metric.compute())


def check(score: Tensor, label: Tensor) -> None:
    """Refuse what torchmetrics would silently accept.

    Raises:
        UserError: as `auroc` says.
    """
    bad = int((~score.isfinite()).sum())
    if bad:
        raise UserError(f"{bad} of {len(score)} scores are NaN or infinite")
    strange = label[(label != 0) & (label != 1)]
    if len(strange):
        raise UserError(f"{len(strange)} of {len(label)} labels are neither 0 nor 1 (the first: {strange[0].item()})")
    if len(torch.unique(label)) < 2:
        raise UserError(single_class(int(label.sum()), len(label)))


def single_class(abnormal: int, frames: int) -> str:
    """Say why there is no AUROC."""
    kind = "abnormal" if abnormal else "normal"
    return f"all {frames} judged frames are {kind}; an AUROC needs normal and abnormal ones"


@dataclass(frozen=True, eq=False)
class Curve:
    """Detections and false detections at every distinct threshold, from the highest down.

    Attributes:
        threshold: (K,) float64; a frame is detected where its score is at least the threshold.
        detected: (K,) int64 abnormal frames detected (true positives).
        false: (K,) int64 normal frames detected (false positives).
    """

    threshold: Floats
    detected: NDArray[np.int64]
    false: NDArray[np.int64]

    @classmethod
    def build(cls, score: Floats, label: Labels) -> "Curve":
        """Count over the sorted scores; (F,) each, frames with equal scores are one threshold."""
        order = np.argsort(-score, kind="stable")
        score, label = score[order], label[order]
        ends = np.flatnonzero(np.append(score[1:] != score[:-1], True))  # the last of each run of equal scores
        detected = np.cumsum(label)[ends]
        return cls(score[ends], detected, ends + 1 - detected)

    @property
    def roc(self) -> tuple[Floats, Floats]:
        """(K + 1,) false positive rate and true positive rate, from (0, 0) to (1, 1)."""
        return _rate(np.append(0, self.false)), _rate(np.append(0, self.detected))

    @property
    def precision_recall(self) -> tuple[Floats, Floats]:
        """(K,) precision and recall, recall rising to 1."""
        return self.detected / (self.detected + self.false), _rate(self.detected)

    @property
    def average_precision(self) -> float:
        """Sum of precision over the steps of recall (no interpolation)."""
        precision, recall = self.precision_recall
        return float(np.sum(np.diff(recall, prepend=0.0) * precision))

    def threshold_at(self, detection_rate: float) -> float:
        """Find the highest threshold at which at least this share of the abnormal frames is detected."""
        return float(self.threshold[np.flatnonzero(self.detected >= detection_rate * self.detected[-1])[0]])

    def thinned(self, points: int = 1000) -> "Curve":
        """Keep about `points` thresholds, evenly spaced along the ROC curve: for drawing, never for numbers."""
        fpr, tpr = self.roc
        length = (fpr + tpr)[1:]
        wanted = np.linspace(0, 2, points)
        keep = np.unique(np.append(np.searchsorted(length, wanted).clip(max=len(length) - 1), [0, len(length) - 1]))
        return Curve(self.threshold[keep], self.detected[keep], self.false[keep])


def _rate(count: NDArray[np.int64]) -> Floats:
    rate: Floats = count / count[-1]
    return rate


def to_numpy(tensor: Tensor) -> NDArray[np.float64]:
    """Bring scores to NumPy without losing a bit."""
    return tensor.to("cpu", torch.float64).numpy()
