"""Errors in px, with intervals over clips."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from skelmap.evaluation.bootstrap import interval
from skelmap.evaluation.metrics import Floats

LEVELS = 512
"""Quantiles of the errors between which a resampled median is told; 0.2 % of the errors lie between two."""


class Summary(NamedTuple):
    """Median and mean of errors, px, each with its 95 % interval; None where there is no value."""

    median: float | None
    median_low: float | None
    median_high: float | None
    mean: float | None
    mean_low: float | None
    mean_high: float | None


def summarise(error: Floats, clip: NDArray[np.int64], weights: Floats) -> Summary:
    """Summarise errors; intervals are percentiles over resampled clips.

    Args:
        error: (E,) px, of detected joints.
        clip: (E,) clip of each, 0 .. C - 1.
        weights: (B, C) how often each resample draws each clip (`unit_weights`); with fewer than 2 clips there is no
            interval.

    Returns:
        The summary.
    """
    if not len(error):
        return Summary(*[None] * 6)
    median, mean = float(np.median(error)), float(error.mean())
    clips = weights.shape[1]
    if clips < 2:
        return Summary(median, None, None, mean, None, None)
    count = weights @ np.bincount(clip, minlength=clips)
    with np.errstate(invalid="ignore"):
        means = interval(weights @ np.bincount(clip, error, clips) / count)
    medians = interval(_medians(error, clip, weights, count))
    return Summary(median, medians.low, medians.high, mean, means.low, means.high)


def _medians(error: Floats, clip: NDArray[np.int64], weights: Floats, count: Floats) -> Floats:
    """Median of each resample, (B,): the first of the errors' quantiles that half of the resample does not exceed."""
    levels = np.quantile(error, np.linspace(0, 1, LEVELS))
    bins = np.searchsorted(levels, error)
    below = np.zeros((weights.shape[1], LEVELS))
    np.add.at(below, (clip, np.minimum(bins, LEVELS - 1)), 1)
    reached = weights @ below.cumsum(axis=1) >= count[:, None] / 2
    medians: Floats = np.where(count > 0, levels[reached.argmax(axis=1)], np.nan)
    return medians
