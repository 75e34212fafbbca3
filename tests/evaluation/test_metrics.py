import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score, roc_curve

from skelmap.evaluation.bootstrap import ALONE, RESAMPLES, auroc_interval, ranked_pairs
from skelmap.evaluation.metrics import Curve, auroc
from skelmap.utils.errors import UserError

LABELS = st.lists(st.integers(0, 1), min_size=2, max_size=120).filter(lambda x: 0 < sum(x) < len(x))


def draw(label: list[int], seed: int, scale: float, ties: bool) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    score = rng.normal(np.array(label), 1)
    return (np.round(score) if ties else score) * scale, np.array(label)


@settings(max_examples=150, deadline=None)
@given(
    LABELS,
    st.integers(0, 99),
    st.sampled_from([1e-6, 1.0, 1e3, 1e12]),
    st.booleans(),
    st.sampled_from(["16", "32", "64"]),
)
def test_exact_against_scikit_learn(label: list[int], seed: int, scale: float, ties: bool, bits: str) -> None:
    score, target = draw(label, seed, scale if bits != "16" else 100.0, ties)
    tensor = torch.tensor(score).to(getattr(torch, f"float{bits}"))
    score = tensor.double().numpy()
    expected = roc_auc_score(target, score)
    assert auroc(tensor, torch.tensor(target)) == pytest.approx(expected, abs=1e-6)

    curve = Curve.build(score, target)
    assert curve.average_precision == pytest.approx(average_precision_score(target, score))
    fpr, tpr, threshold = roc_curve(target, score, drop_intermediate=False)
    np.testing.assert_allclose(curve.roc, (fpr, tpr))
    np.testing.assert_array_equal(curve.threshold, threshold[1:])
    precision, recall, _ = precision_recall_curve(target, score)
    np.testing.assert_allclose(curve.precision_recall, (precision[-2::-1], recall[-2::-1]))
    assert np.trapezoid(tpr, fpr) == pytest.approx(expected)


def test_scores_far_above_one_do_not_saturate() -> None:
    rng = np.random.default_rng(0)
    label = np.arange(5000) % 2
    score = 1000 + 100 * rng.normal(label, 1)
    expected = roc_auc_score(label, score)
    assert expected > 0.7
    assert auroc(torch.tensor(score), torch.tensor(label)) == pytest.approx(expected, abs=1e-6)


def test_constant_score_is_chance() -> None:
    assert auroc(torch.full((10,), 7.3), torch.arange(10) % 2) == 0.5


@pytest.mark.parametrize(
    ("score", "label", "words"),
    [
        ([1.0, float("nan"), 2.0], [0, 1, 1], "1 of 3 scores are NaN or infinite"),
        ([1.0, float("inf"), 2.0], [0, 1, 1], "1 of 3 scores are NaN or infinite"),
        ([1.0, 2.0, 3.0], [0, 1, 2], "1 of 3 labels are neither 0 nor 1"),
        ([1.0, 2.0], [1, 1], "all 2 judged frames are abnormal"),
        ([1.0, 2.0], [0, 0], "all 2 judged frames are normal"),
    ],
)
def test_what_torchmetrics_would_accept_is_refused(score: list[float], label: list[int], words: str) -> None:
    with pytest.raises(UserError, match=words):
        auroc(torch.tensor(score), torch.tensor(label))


def test_thinned_curve_keeps_ends_and_area() -> None:
    score, label = draw([0, 1, 0, 0] * 10_000, 0, 50.0, ties=False)
    curve = Curve.build(score, label)
    thin = curve.thinned(500)
    assert len(thin.threshold) <= 502
    assert np.trapezoid(*thin.roc[::-1]) == pytest.approx(roc_auc_score(label, score), abs=2e-4)
    assert (thin.roc[0][-1], thin.roc[1][-1]) == (1.0, 1.0)


@settings(max_examples=40, deadline=None)
@given(LABELS, st.integers(0, 99), st.booleans())
def test_ranked_pairs_equal_plain_loops(label: list[int], seed: int, ties: bool) -> None:
    score, target = draw(label, seed, 1.0, ties)
    clip = np.random.default_rng(seed).integers(0, 4, len(label))
    expected = np.zeros((4, 4))
    for i in np.flatnonzero(target == 1):
        for j in np.flatnonzero(target == 0):
            expected[clip[i], clip[j]] += (score[i] > score[j]) + 0.5 * (score[i] == score[j])
    np.testing.assert_array_equal(ranked_pairs(score, target, clip, 4), expected)
    assert expected.sum() / (target.sum() * (1 - target).sum()) == pytest.approx(roc_auc_score(target, score))


def test_interval_equals_a_plain_bootstrap() -> None:
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


def test_no_interval_says_why() -> None:
    score, label = np.arange(8.0), np.array([0, 0, 0, 0, 1, 1, 1, 1])
    assert auroc_interval(score, label, np.zeros(8, int), 0) == (None, None, ALONE)
    low, _, reason = auroc_interval(score, label, label, 0)
    assert low is None
    assert "resamples hold normal or abnormal frames only" in reason


def test_threshold_at_a_detection_rate_is_the_highest_that_reaches_it() -> None:
    label, score = np.array([1, 1, 1, 1, 1, 0]), np.array([5.0, 4.0, 4.0, 2.0, 1.0, 3.0])
    curve = Curve.build(score, label)
    assert [curve.threshold_at(rate) for rate in (0.2, 0.6, 0.8, 1.0)] == [5.0, 4.0, 2.0, 1.0]
