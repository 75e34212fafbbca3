"""AUROC per action, intervals over groups and clips, and the difference between the two scores."""

import re
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from evaluation_inputs import make_recording, make_rows, noisy_predictions, three_clips, window_predictions
from skelmap.data.windows import EvalIndex
from skelmap.evaluation.bootstrap import RESAMPLES
from skelmap.evaluation.evaluate import evaluate
from skelmap.evaluation.frame_scores import Predictions
from skelmap.evaluation.results import write_results


def rows_with_groups(clips: list[int]) -> EvalIndex:
    """Make a test split with so many clips of each group."""
    groups = [f"person {i}" for i, count in enumerate(clips) for _ in range(count)]
    recordings = [replace(make_recording(f"clip{i}", ((20, 40),)), group=group) for i, group in enumerate(groups)]
    return make_rows([[(0, 60)]] * len(groups), [(0, 60)] * len(groups), recordings, 10)


def large_rows(clips: int, length: int) -> EvalIndex:
    recordings = [make_recording(f"c{i}", ((100, 200),) if i % 2 else ()) for i in range(clips)]
    return make_rows([[(0, length)]] * clips, [(0, length)] * clips, recordings, 30)


def test_actions_are_compared_with_their_own_normal_frames() -> None:
    result = evaluate(noisy_predictions(three_clips(), 1), three_clips())
    frames = result.frames
    label, score, action = frames.label.numpy(), frames.score.numpy(), frames.action.numpy()
    by_name = {a.action: a for a in result.primary.actions}
    for index, name in enumerate(frames.actions):
        keep = (action == index) | ((label == 0) & (name == "run"))
        assert by_name[name].auroc.value == pytest.approx(roc_auc_score(label[keep], score[keep]), abs=1e-6)
    against = {name: a.against for name, a in by_name.items()}
    assert against == {"cut": "same action", "saw": "same action", "run": "all normal frames"}
    assert [(a.abnormal, a.normal) for a in result.primary.actions] == [(40, 160), (50, 150), (200, 310)]


def test_a_constant_score_has_the_auroc_of_chance() -> None:
    rows = three_clips()
    result = evaluate(window_predictions(rows, np.full(len(rows.starts), 0.1)), rows)
    assert result.primary.auroc.value == result.variant.auroc.value == 0.5
    assert result.primary.auroc.interval[:2] == (0.5, 0.5)


@pytest.mark.parametrize(
    ("equal", "expected"),
    [
        (1.0, "100% of the test frames with people have the same score, in clip cut<script>, saw, run: "),
        (0.6, "60% of the test frames with people have the same score, in clip cut<script>, saw: "),
        (0.3, ""),
    ],
)
def test_equal_scores_are_named_with_their_share_and_clips(equal: float, expected: str) -> None:
    rows = three_clips()
    score = np.random.default_rng(0).gamma(2, 30, len(rows.starts))
    count = round(equal * len(score))
    score[:count] = 0.1 + np.random.default_rng(1).normal(0, 1e-9, count)  # as batches of another size round it
    warning = evaluate(window_predictions(rows, score), rows).warning
    assert re.match(expected, warning) and bool(warning) == bool(expected)


def test_averaging_removes_independent_noise() -> None:
    rows = three_clips()
    result = evaluate(noisy_predictions(rows, 1), rows)
    assert result.variant.auroc.value > result.primary.auroc.value + 0.01


def test_the_interval_depends_on_the_seed_alone() -> None:
    rows = large_rows(clips=8, length=250)
    predictions = window_predictions(rows, np.random.default_rng(0).gamma(2, 30, len(rows.starts)))
    one, again, other = (evaluate(predictions, rows, seed).primary.auroc.interval for seed in (1, 1, 2))
    assert one == again != other


def test_five_groups_are_resampled_as_groups(tmp_path: Path) -> None:
    rows = rows_with_groups([4, 1, 2, 3, 5])
    rng = np.random.default_rng(0)
    group = np.unique([r.group for r in rows.recordings], return_inverse=True)[1]
    score = rng.normal(rng.normal(0, 3, (5,))[group[rows.clip]], 1)[rows.starts]
    result = evaluate(window_predictions(rows, score), rows, seed=4)
    frames = result.frames.select(~result.frames.score.isnan())
    group_of_frame, label = group[frames.clip], frames.label.numpy()
    aurocs = []
    for times in np.random.default_rng([4, 0]).multinomial(5, np.full(5, 0.2), RESAMPLES)[:400]:
        index = np.repeat(np.arange(len(label)), times[group_of_frame])
        aurocs.append(roc_auc_score(label[index], frames.score.numpy()[index]))
    low, high, _ = result.primary.auroc.interval
    assert (low, high) == pytest.approx(np.quantile(aurocs, [0.025, 0.975]), abs=0.02)
    metrics = write_results(tmp_path, result)
    assert metrics["resampled"] == "5 groups" and metrics["groups"]["clip4"] == "person 1"
    score, names = frames.score.numpy(), [result.groups[frames.clips[clip]] for clip in frames.clip.tolist()]
    own = {name: np.array(names) == name for name in result.groups.values()}
    by_group = {name: roc_auc_score(label[m], score[m]) for name, m in own.items() if len(set(label[m])) == 2}
    assert metrics["macro_mean"] == pytest.approx(np.mean(list(by_group.values())), abs=1e-6)
    assert metrics["macro_worst_group"] == min(by_group, key=by_group.get)


def test_clips_are_resampled_if_there_are_fewer_groups() -> None:
    rows = rows_with_groups([4, 1, 2, 3])
    result = evaluate(window_predictions(rows, np.arange(len(rows.starts)) % 7.0), rows)
    assert str(result.units) == "10 clips of 4 groups"


@pytest.mark.slow
def test_a_large_test_split_takes_seconds(tmp_path: Path) -> None:
    rows = large_rows(164, 770)
    score = torch.tensor(np.random.default_rng(0).gamma(2, 30, len(rows.starts)))
    begin = time.process_time()
    write_results(tmp_path, evaluate(Predictions(torch.tensor(rows.starts), score, None, 30), rows))
    assert time.process_time() - begin < 10  # 2 s on one core
