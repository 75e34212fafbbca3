"""AUROC, average precision and curves against scikit-learn."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score, roc_curve

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
def test_metrics_equal_scikit_learn(label: list[int], seed: int, scale: float, ties: bool, bits: str) -> None:
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
        ([1.0, 2.0], [1, 1], "all 2 evaluated frames are abnormal"),
        ([1.0, 2.0], [0, 0], "all 2 evaluated frames are normal"),
    ],
)
def test_invalid_scores_and_labels_are_refused(score: list[float], label: list[int], words: str) -> None:
    with pytest.raises(UserError, match=words):
        auroc(torch.tensor(score), torch.tensor(label))


def test_a_thinned_curve_keeps_its_ends_and_area() -> None:
    score, label = draw([0, 1, 0, 0] * 10_000, 0, 50.0, ties=False)
    curve = Curve.build(score, label)
    thin = curve.thinned(500)
    assert len(thin.threshold) <= 502
    assert np.trapezoid(*thin.roc[::-1]) == pytest.approx(roc_auc_score(label, score), abs=2e-4)
    assert (thin.roc[0][-1], thin.roc[1][-1]) == (1.0, 1.0)


def test_threshold_at_a_detection_rate_is_the_highest_that_reaches_it() -> None:
    label, score = np.array([1, 1, 1, 1, 1, 0]), np.array([5.0, 4.0, 4.0, 2.0, 1.0, 3.0])
    curve = Curve.build(score, label)
    assert [curve.threshold_at(rate) for rate in (0.2, 0.6, 0.8, 1.0)] == [5.0, 4.0, 2.0, 1.0]
