"""Clustered bootstrap of the AUROC, p-values and their correction against plain loops."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from skelmap.evaluation import bootstrap
from skelmap.evaluation.bootstrap import (
    RESAMPLES,
    TOO_FEW_CLIPS,
    ClusteredAUROC,
    auroc_interval,
    holm,
    interval,
    mean_over_seeds,
    ranked_pairs,
    seed_weights,
    two_sided_p,
    unit_weights,
)
from synthetic_sweeps import auroc_of_repeated_frames


def synthetic_scores(rng: np.random.Generator, clips: int, frames: int, ties: bool = False) -> tuple[np.ndarray, ...]:
    clip = rng.integers(0, clips, frames)
    label = rng.integers(0, 2, frames)
    score = label + rng.normal(0, 1, frames)
    return score.round() if ties else score, label, clip


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 1), min_size=2, max_size=120).filter(lambda x: 0 < sum(x) < len(x)), st.integers(0, 99))
def test_ranked_pairs_equal_plain_loops(label: list[int], seed: int) -> None:
    target = np.array(label)
    score = np.random.default_rng(seed).normal(target, 1).round(9 * (seed % 2))  # half of them with ties
    clip = np.random.default_rng(seed).integers(0, 4, len(label))
    expected = np.zeros((4, 4))
    for i in np.flatnonzero(target == 1):
        for j in np.flatnonzero(target == 0):
            expected[clip[i], clip[j]] += (score[i] > score[j]) + 0.5 * (score[i] == score[j])
    np.testing.assert_array_equal(ranked_pairs(score, target, clip, 4), expected)
    assert expected.sum() / (target.sum() * (1 - target).sum()) == pytest.approx(roc_auc_score(target, score))


def test_the_interval_equals_that_of_a_plain_bootstrap() -> None:
    rng = np.random.default_rng(3)
    clip = np.repeat(np.arange(12), 40)
    label = (np.arange(480) % 40 >= 25).astype(int)
    score = np.round(rng.normal(label + rng.normal(0, 1, 12)[clip], 1), 1)
    draws = np.random.default_rng([5, 0]).multinomial(12, np.full(12, 1 / 12), RESAMPLES)[:800]
    areas = []
    for drawn in draws:
        index = np.concatenate([np.flatnonzero(clip == c) for c in range(12) for _ in range(drawn[c])])
        areas.append(roc_auc_score(label[index], score[index]))
    low, high, reason = auroc_interval(score, label, clip * 7, seed=5)
    assert reason == ""
    assert (low, high) == pytest.approx(np.quantile(areas, [0.025, 0.975]), abs=0.01)


def test_missing_intervals_have_a_reason() -> None:
    score, label = np.arange(8.0), np.array([0, 0, 0, 0, 1, 1, 1, 1])
    assert auroc_interval(score, label, np.zeros(8, int), 0) == (None, None, TOO_FEW_CLIPS)
    low, _, reason = auroc_interval(score, label, label, 0)
    assert low is None
    assert "resamples hold normal or abnormal frames only" in reason


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("clips", [2, 5, 9])
def test_replicates_equal_the_auroc_of_repeated_frames(clips: int, ties: bool) -> None:
    rng = np.random.default_rng(clips)
    score, label, clip = synthetic_scores(rng, clips, 60, ties)
    label[clip == 0] = 0  # clips of one class
    label[clip == clips - 1] = 1
    weights = unit_weights(clips, 3)[:200]
    draws = ClusteredAUROC.build(score, label, clip, clips).draws(weights)
    assert draws == pytest.approx([auroc_of_repeated_frames(score, label, clip, w) for w in weights], nan_ok=True)
    assert clips > 2 or np.isnan(draws).any()


@given(st.integers(0, 2**32), st.integers(1, 6))
def test_auroc_equals_that_of_scikit_learn(seed: int, clips: int) -> None:
    score, label, clip = synthetic_scores(np.random.default_rng(seed), clips, 30, ties=True)
    auroc = ClusteredAUROC.build(score, label, clip, clips + 2).auroc  # two clips without frames
    if 0 < label.sum() < len(label):
        assert auroc == pytest.approx(roc_auc_score(label, score))
    else:
        assert auroc is None


def test_seeds_and_clips_are_resampled_together() -> None:
    """Compare with loops over replicates, seeds and repeated frames."""
    rng = np.random.default_rng(0)
    clip = np.repeat(np.arange(4), 20)
    label = np.tile(np.arange(20) < 8, 4).astype(np.int64)
    scores = [label + rng.normal(0, 1, 80) for _ in range(3)]
    clips, seeds = unit_weights(4, 5), seed_weights(3, 5)
    draws = mean_over_seeds([ClusteredAUROC.build(score, label, clip, 4).draws(clips) for score in scores], 5)
    for b in range(100):
        values = [auroc_of_repeated_frames(score, label, clip, clips[b]) for score in scores]
        assert draws[b] == pytest.approx(sum(share * v for share, v in zip(seeds[b], values, strict=True)))


def test_weights_of_units_and_seeds() -> None:
    clips, seeds = unit_weights(7, 1), seed_weights(4, 1)
    assert clips.shape == (RESAMPLES, 7) and seeds.shape == (RESAMPLES, 4)
    assert (clips.sum(axis=1) == 7).all()
    assert seeds.sum(axis=1) == pytest.approx(1)
    assert set(np.unique((seeds * 3).round(9))) == {0, 1, 2, 3}  # three of the four seeds
    assert (seed_weights(1, 1) == 1).all()
    assert np.array_equal(unit_weights(7, 1), clips) and not np.array_equal(unit_weights(7, 2), clips)
    assert abs(np.corrcoef(clips[:, 0], seeds[:, 0])[0, 1]) < 0.05


@pytest.mark.parametrize("seeds", [2, 3, 5, 10])
def test_the_variance_over_seeds_is_that_of_a_mean(seeds: int) -> None:
    """The unbiased sample variance divided by n."""
    values = np.random.default_rng(seeds).normal(0.7, 0.05, seeds)
    draws = mean_over_seeds([np.full(RESAMPLES, value) for value in values], 0)
    assert draws.mean() == pytest.approx(values.mean(), abs=0.002)
    assert draws.var() == pytest.approx(values.var(ddof=1) / seeds, rel=0.05)


def test_one_seed_gives_the_interval_of_the_evaluation() -> None:
    score, label, clip = synthetic_scores(np.random.default_rng(1), 12, 600)
    draws = ClusteredAUROC.build(score, label, clip, 12).draws(unit_weights(12, 0))
    low, high, _ = interval(mean_over_seeds([draws], 0))
    assert (low, high) == auroc_interval(score, label, clip, 0)[:2]


def test_no_interval_if_many_resamples_have_one_class() -> None:
    draws = np.random.default_rng(0).normal(size=1000)
    draws[:50] = np.nan
    assert interval(draws).low == pytest.approx(np.quantile(draws[50:], 0.025))
    draws[:51] = np.nan
    assert interval(draws) == (None, None, "51 of 1,000 resamples hold normal or abnormal frames only")


def naive_p(differences: list[float]) -> float:
    below = sum(d <= 0 for d in differences)
    above = sum(d >= 0 for d in differences)
    return min(1.0, 2 * (min(below, above) + 1) / (len(differences) + 1))


@given(st.lists(st.integers(-3, 3), min_size=1, max_size=30))
def test_p_equals_a_count_of_both_sides(values: list[int]) -> None:
    p = two_sided_p(np.array(values, np.float64))
    assert p == pytest.approx(naive_p([float(v) for v in values]))
    assert p == two_sided_p(-np.array(values, np.float64))
    assert p == two_sided_p(np.array([*values, math.nan]))
    assert 0 < p <= 1


def test_p_and_interval_agree() -> None:
    rng = np.random.default_rng(0)
    for shift in np.linspace(1.5, 2.5, 21):
        draws = rng.normal(shift, 1, RESAMPLES)
        low = interval(draws).low
        assert low is not None
        assert abs(low) < 0.01 or (low > 0) == (two_sided_p(draws) < 0.05)


def loop_holm(p: list[float]) -> list[float]:
    """Holm's procedure as a loop over the p-values from the smallest up."""
    corrected = [0.0] * len(p)
    largest = 0.0
    for rank, index in enumerate(sorted(range(len(p)), key=lambda i: p[i])):
        largest = max(largest, min(1.0, (len(p) - rank) * p[index]))
        corrected[index] = largest
    return corrected


@given(st.lists(st.floats(0, 1), max_size=20))
def test_holm_equals_the_step_down_loop(p: list[float]) -> None:
    corrected = holm(p)
    assert corrected == pytest.approx(loop_holm(p))
    assert all(before <= after + 1e-12 for before, after in zip(p, corrected, strict=True))


def test_holm_on_a_known_case() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


@pytest.mark.slow
def test_coverage_and_false_positives(monkeypatch: pytest.MonkeyPatch) -> None:
    """12 clips and 5 seeds of a known model: intervals cover, and equal models differ in about 5 % of trials."""
    monkeypatch.setattr(bootstrap, "RESAMPLES", 1000)
    clips, frames, seeds, spread, trials = 12, 60, 5, 0.1, 200
    clip, frame = np.repeat(np.arange(clips), frames), np.tile(np.arange(frames), clips)
    label = ((frame > 18) & (frame < 42)).astype(np.int64)
    variance = 2 * (1 + 0.5**2 + 0.15**2) + spread**2
    truth = 0.5 * (1 + math.erf(1 / math.sqrt(2 * variance)))
    covered = different = 0
    for trial in range(trials):
        rng = np.random.default_rng(trial)
        weights = unit_weights(clips, trial)
        hard = rng.normal(0, 0.5, (2, clips))[label, clip]
        draws = []
        for _ in range(2 * seeds):
            own = rng.normal(0, 0.15, (2, clips))[label, clip]
            score = rng.normal(1, spread) * label + hard + own + rng.normal(0, 1, len(label))
            draws.append(ClusteredAUROC.build(score, label, clip, clips).draws(weights))
        first, second = mean_over_seeds(draws[:seeds], trial), mean_over_seeds(draws[seeds:], trial)
        low, high, _ = interval(first)
        assert low is not None and high is not None
        covered += low <= truth <= high
        different += two_sided_p(second - first) < 0.05
    assert covered / trials > 0.88
    assert different / trials < 0.08
