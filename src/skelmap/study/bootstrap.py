"""Resample seeds beside people or clips; p-values of differences."""

from collections.abc import Sequence

import numpy as np

from skelmap.evaluation.bootstrap import RESAMPLES
from skelmap.evaluation.metrics import Floats


def seed_weights(seeds: int, seed: int) -> Floats:
    """Draw n - 1 of n seeds with replacement, (B, n): the share of each, rows summing to 1.

    Drawing n would give the mean's variance too small by (n - 1) / n, which matters for three seeds; drawing n - 1
    gives it unbiased (J. N. K. Rao and C. F. J. Wu, Resampling inference with complex survey data, 1988).
    """
    rng = np.random.default_rng([seed, 1])
    drawn = max(seeds - 1, 1)
    return rng.multinomial(drawn, np.full(seeds, 1 / seeds), RESAMPLES) / drawn


def mean_over_seeds(draws: Sequence[Floats], seed: int) -> Floats:
    """Average resampled values over resampled seeds.

    People (or clips) and seeds are crossed, every seed being judged on the same recordings; each is resampled on its
    own (A. B. Owen, The pigeonhole bootstrap, 2007), which errs on the side of wide intervals.

    Args:
        draws: (B,) for each seed, in the order of the seeds.
        seed: of the resampling; the same seed and number of seeds give the same choice.

    Returns:
        (B,).
    """
    mean: Floats = np.einsum("sb,bs->b", np.stack(draws), seed_weights(len(draws), seed))
    return mean


def two_sided_p(differences: Floats) -> float:
    """Two-sided bootstrap p of a difference: where the percentile interval would begin to leave out 0.

    Args:
        differences: (B,) resampled, NaN where a resample has none.

    Returns:
        Twice the smaller share of resamples on one side of 0 (0 counts for both), in (0, 1]; one resample is added
        to either side, so that B resamples never claim less than 2 / (B + 1).
    """
    known = differences[~np.isnan(differences)]
    rarer = min(int((known <= 0).sum()), int((known >= 0).sum()))
    return min(2 * (rarer + 1) / (len(known) + 1), 1.0)


def holm(p: Sequence[float]) -> list[float]:
    """Correct p-values for their number (S. Holm, A simple sequentially rejective multiple test procedure, 1979).

    Args:
        p: (M,) in [0, 1].

    Returns:
        (M,) corrected, in the same order.
    """
    values = np.asarray(p, np.float64)
    order = np.argsort(values, kind="stable")
    stepped = np.maximum.accumulate((len(values) - np.arange(len(values))) * values[order])
    corrected = np.empty_like(values)
    corrected[order] = np.minimum(stepped, 1)
    return [float(value) for value in corrected]
