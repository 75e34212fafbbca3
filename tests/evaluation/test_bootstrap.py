"""Clustered bootstrap of the AUROC against plain loops."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from skelmap.evaluation.bootstrap import RESAMPLES, TOO_FEW_CLIPS, auroc_interval, ranked_pairs


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
