"""AUROC, average precision and their curves, exact for scores of any scale and with any ties."""

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import mean
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from skelmap.utils.errors import UserError

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]


def auroc(score: Tensor, label: Tensor) -> float:
    """Compute the area under the ROC curve of all frames with torchmetrics, on the device of `score`.

    It is the probability that an abnormal frame scores higher than a normal one, ties counting half.

    Args:
        score: (F,) floating, higher = more abnormal, finite, on any scale.
        label: (F,) integer, 1 = abnormal, 0 = normal; both occur.

    Returns:
        AUROC in [0, 1]; exact except for torchmetrics' float32 sum (error below 1e-7).

    Raises:
        UserError: NaN or infinite scores, labels other than 0 and 1, or one class only.
    """
    from torchmetrics.classification import BinaryAUROC

    _check(score, label)
    # Without normalization=None, scores outside [0, 1] pass through a sigmoid and saturate to ties.
    # sync_on_compute=False: the caller has gathered the scores of all processes, and one process may call this alone.
    metric = BinaryAUROC(thresholds=None, normalization=None, sync_on_compute=False).to(score.device)
    metric.update(score, label)
    return float(metric.compute())


def _check(score: Tensor, label: Tensor) -> None:
    """Check the input of `auroc`, which torchmetrics does not.

    Raises:
        UserError: see `auroc`.
    """
    bad = int((~score.isfinite()).sum())
    if bad:
        raise UserError(f"{bad} of {len(score)} scores are NaN or infinite")
    other = label[(label != 0) & (label != 1)]
    if len(other):
        raise UserError(f"{len(other)} of {len(label)} labels are neither 0 nor 1 (the first: {other[0].item()})")
    if len(torch.unique(label)) < 2:
        raise UserError(single_class_reason(int(label.sum()), len(label)))


class MacroAUROC(NamedTuple):
    """AUROC within groups (persons, sessions, cameras), each group weighing the same.

    Attributes:
        mean: over the groups that have normal and abnormal frames.
        groups: their number.
        worst_group: the group with the lowest AUROC.
        worst: its AUROC.
    """

    mean: float
    groups: int
    worst_group: str
    worst: float

    @classmethod
    def of(cls, by_group: Mapping[str, float]) -> "MacroAUROC | None":
        """Average the AUROCs of groups; None of fewer than two groups."""
        if len(by_group) < 2:
            return None
        worst = min(by_group, key=by_group.__getitem__)
        return cls(mean(by_group.values()), len(by_group), worst, by_group[worst])


def single_class_reason(abnormal: int, frames: int) -> str:
    """Explain why frames of one class have no AUROC."""
    kind = "abnormal" if abnormal else "normal"
    return f"all {frames} evaluated frames are {kind}; an AUROC needs normal and abnormal ones"


@dataclass(frozen=True, eq=False)
class Curve:
    """True and false positives at every distinct threshold, from the highest threshold down.

    Attributes:
        threshold: (K,) float64; a frame is detected if its score is at least the threshold.
        true_positives: (K,) int64 detected abnormal frames.
        false_positives: (K,) int64 detected normal frames.
    """

    threshold: Floats
    true_positives: NDArray[np.int64]
    false_positives: NDArray[np.int64]

    @classmethod
    def build(cls, score: Floats, label: Labels) -> "Curve":
        """Count the positives of (F,) scores and labels; equal scores are one threshold."""
        order = np.argsort(-score, kind="stable")
        score, label = score[order], label[order]
        ends = np.flatnonzero(np.append(score[1:] != score[:-1], True))  # last index of each group of equal scores
        true_positives = np.cumsum(label)[ends]
        return cls(score[ends], true_positives, ends + 1 - true_positives)

    @property
    def roc(self) -> tuple[Floats, Floats]:
        """(K + 1,) false positive rate and true positive rate, from (0, 0) to (1, 1)."""
        return _rate(np.append(0, self.false_positives)), _rate(np.append(0, self.true_positives))

    @property
    def precision_recall(self) -> tuple[Floats, Floats]:
        """(K,) precision and recall, recall rising to 1."""
        return self.true_positives / (self.true_positives + self.false_positives), _rate(self.true_positives)

    @property
    def average_precision(self) -> float:
        """Sum of precision times the increase of recall, without interpolation."""
        precision, recall = self.precision_recall
        return float(np.sum(np.diff(recall, prepend=0.0) * precision))

    def threshold_at(self, detection_rate: float) -> float:
        """Find the highest threshold at which at least this share of the abnormal frames is detected."""
        reached = self.true_positives >= detection_rate * self.true_positives[-1]
        return float(self.threshold[np.flatnonzero(reached)[0]])

    def thinned(self, points: int = 1000) -> "Curve":
        """Keep about `points` thresholds, evenly spaced along the ROC curve, for drawing only."""
        fpr, tpr = self.roc
        length = (fpr + tpr)[1:]
        wanted = np.linspace(0, 2, points)
        keep = np.unique(np.append(np.searchsorted(length, wanted).clip(max=len(length) - 1), [0, len(length) - 1]))
        return Curve(self.threshold[keep], self.true_positives[keep], self.false_positives[keep])


def _rate(count: NDArray[np.int64]) -> Floats:
    rate: Floats = count / count[-1]
    return rate


def to_numpy(tensor: Tensor) -> Floats:
    """Copy a tensor to a float64 array on the CPU."""
    return tensor.to("cpu", torch.float64).numpy()
