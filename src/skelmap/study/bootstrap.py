"""Resample clips and seeds together, fast: AUROCs of resamples are quadratic forms of clip counts."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from skelmap.evaluation.bootstrap import LEVEL, Interval, clip_pairs
from skelmap.evaluation.metrics import Floats, Labels

RESAMPLES = 10_000
"""So many that p = 0.05 can be told after a correction for 200 comparisons."""


class Pairs(NamedTuple):
    """What every resampled AUROC of one scoring can be computed from.

    Attributes:
        wins: (C, C) rightly ranked pairs of an abnormal frame of clip a and a normal frame of clip b.
        abnormal: (C,) abnormal frames of each clip.
        normal: (C,) normal frames of each clip.
    """

    wins: Floats
    abnormal: Floats
    normal: Floats

    @classmethod
    def build(cls, score: Floats, label: Labels, clip: Labels, clips: int) -> "Pairs":
        """Count the pairs; (F,) each, `clip` in 0 .. clips - 1."""
        abnormal, normal = (np.bincount(clip, of_class, clips).astype(np.float64) for of_class in (label, 1 - label))
        return cls(clip_pairs(score, label, clip, clips), abnormal, normal)

    @property
    def auroc(self) -> float | None:
        """AUROC of all frames, exact, ties counting half; None without both classes."""
        pairs = self.abnormal.sum() * self.normal.sum()
        return float(self.wins.sum() / pairs) if pairs else None

    def draws(self, weights: Floats) -> Floats:
        """AUROC of each resample.

        Args:
            weights: (B, C) how often each clip is drawn.

        Returns:
            (B,) AUROC, NaN where a resample holds one class only.
        """
        a, b = np.flatnonzero(self.abnormal), np.flatnonzero(self.normal)
        right = np.einsum("ij,ij->i", weights[:, a] @ self.wins[np.ix_(a, b)], weights[:, b])
        with np.errstate(invalid="ignore"):
            aurocs: Floats = right / ((weights @ self.abnormal) * (weights @ self.normal))
        return aurocs


def clip_weights(clips: int, seed: int) -> Floats:
    """Draw C of C clips with replacement, (B, C): how often each was drawn."""
    rng = np.random.default_rng([seed, 0])
    return rng.multinomial(clips, np.full(clips, 1 / clips), RESAMPLES).astype(np.float64)


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

    Clips and seeds are crossed, every seed being judged on the same clips; each is resampled on its own (A. B. Owen,
    The pigeonhole bootstrap, 2007), which errs on the side of wide intervals.

    Args:
        draws: (B,) for each seed, in the order of the seeds.
        seed: of the resampling; the same seed and number of seeds give the same choice.

    Returns:
        (B,).
    """
    mean: Floats = np.einsum("sb,bs->b", np.stack(draws), seed_weights(len(draws), seed))
    return mean


def interval(draws: Floats) -> Interval:
    """Percentile interval of resampled values.

    Args:
        draws: (B,) NaN where a resample has no value.

    Returns:
        The middle 95 %; none where over 5 % of the resamples have no value.
    """
    lost = int(np.isnan(draws).sum())
    if lost > 0.05 * len(draws):
        return Interval(None, None, f"{lost:,} of {len(draws):,} resamples hold normal or abnormal frames only")
    tail = (1 - LEVEL) / 2
    low, high = np.nanquantile(draws, [tail, 1 - tail])
    return Interval(float(low), float(high), "")


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
