"""Intervals by resampling clips: frames of one clip are alike, so clips are what could have come out otherwise."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from skelmap.evaluation.metrics import Floats, Labels

RESAMPLES = 1000
LEVEL = 0.95


class Interval(NamedTuple):
    """A 95 % interval, or the reason why there is none.

    Attributes:
        low: lower end, or None.
        high: upper end, or None.
        reason: why there is none; empty where there is one.
    """

    low: float | None
    high: float | None
    reason: str


def auroc_interval(score: Floats, label: Labels, clip: NDArray[np.int64], seed: int) -> Interval:
    """Bootstrap the AUROC over clips (percentile interval, 1,000 resamples).

    An AUROC is a sum over pairs of an abnormal and a normal frame. Summed once for each pair of clips (`clip_pairs`),
    a resample that draws clip i w_i times is a quadratic form of w, exact, ties included.

    Args:
        score: (F,) finite.
        label: (F,) 1 = abnormal.
        clip: (F,) clip of each frame, any numbers.
        seed: of the resamples.

    Returns:
        The interval; without one where fewer than 2 clips are there, or where over 5 % of the resamples hold one
        class only.
    """
    names, clip = np.unique(clip, return_inverse=True)
    clips = len(names)
    if clips < 2:
        return Interval(None, None, f"{clips} clip; an interval over clips needs at least 2")
    draws = np.random.default_rng(seed).multinomial(clips, np.full(clips, 1 / clips), RESAMPLES).astype(np.float64)
    abnormal = draws @ np.bincount(clip, label, clips)
    normal = draws @ np.bincount(clip, 1 - label, clips)
    both = (abnormal > 0) & (normal > 0)
    single = int((~both).sum())
    if single > 0.05 * RESAMPLES:
        return Interval(
            None, None, f"{single} of {RESAMPLES} resamples of the {clips} clips hold normal or abnormal frames only"
        )
    wins = ((draws @ clip_pairs(score, label, clip, clips)) * draws).sum(axis=1)
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(wins[both] / (abnormal * normal)[both], [tail, 1 - tail])
    return Interval(float(low), float(high), "")


def clip_pairs(score: Floats, label: Labels, clip: NDArray[np.int64], clips: int) -> Floats:
    """Count, for each pair of clips, the pairs of frames that are ranked rightly.

    Args:
        score: (F,).
        label: (F,) 1 = abnormal.
        clip: (F,) in 0 .. clips - 1.
        clips: C.

    Returns:
        (C, C) float64: [a, b] = pairs of an abnormal frame of clip a that scores higher than a normal frame of clip b,
        ties counting half. O(F log F + C F).
    """
    order = np.argsort(score, kind="stable")
    score, label, clip = score[order], label[order], clip[order]
    abnormal = np.flatnonzero(label == 1)
    below = np.searchsorted(score, score[abnormal], "left")  # frames that score less than each abnormal one
    up_to = np.searchsorted(score, score[abnormal], "right")  # ... or the same
    pairs = np.zeros((clips, clips))
    for b in range(clips):
        normal = np.concatenate([[0], np.cumsum((label == 0) & (clip == b))])
        if normal[-1]:
            pairs[:, b] = np.bincount(clip[abnormal], (normal[below] + normal[up_to]) / 2, clips)
    return pairs
