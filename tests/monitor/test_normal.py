"""The threshold that gives a chosen number of false alarms an hour on normal work."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skelmap.errors import UserError
from skelmap.monitor.normal import NormalScores, Threshold, choose_threshold


def normal_scores(score: np.ndarray, fps: float = 10.0, people: int = 1) -> NormalScores:
    each = len(score) // people
    return NormalScores(
        clip=np.zeros(len(score), np.int64),
        track=np.repeat(np.arange(people), each),
        time=np.tile(np.arange(each) / fps, people),
        score=score,
        hours=each / fps / 3600,
    )


@settings(deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 12))
def test_it_is_the_lowest_threshold_that_gives_no_more_false_alarms(seed: int, allowed: int) -> None:
    rng = np.random.default_rng(seed)
    score = np.convolve(rng.normal(size=3000), np.ones(8) / 8, "same")
    normal = normal_scores(score, people=3)
    threshold = choose_threshold(normal, allowed / normal.hours, 0.2, 0.5)
    assert threshold.false_alarms == normal.false_alarms(threshold.rule) <= allowed
    lower = score[score < threshold.rule.on].max()
    assert normal.false_alarms(normal.rule(lower, 0.2, 0.5)) > allowed


@pytest.mark.parametrize("kind", ["a cycle of work", "noise"])
def test_scores_that_melt_into_one_endless_alarm_do_not_lower_the_threshold(kind: str) -> None:
    rng = np.random.default_rng(1)
    times = np.arange(36_000)
    score = rng.normal(size=36_000) * (0.1 if kind == "a cycle of work" else 1)
    score += np.sin(2 * np.pi * times / 30) if kind == "a cycle of work" else 0
    normal = normal_scores(score)
    for per_hour in (1, 5):
        threshold = choose_threshold(normal, per_hour, 0.0, 2.0)
        assert threshold.false_alarms <= per_hour and (score >= threshold.rule.on).mean() < 0.01


def test_too_little_normal_work_is_said_and_nothing_is_guessed() -> None:
    normal = normal_scores(np.arange(600.0))  # one minute
    with pytest.raises(UserError, match=r"1\.0 minutes of normal.*at least 1 hours.*60 an hour and more"):
        choose_threshold(normal, 1.0, 0.5, 2.0)
    assert choose_threshold(normal, 60.0, 0.5, 2.0).false_alarms <= 1


def test_the_interval_is_garwoods() -> None:
    for count, low, high in ((0, 0.0, 3.689), (1, 0.0253, 5.572), (10, 4.795, 18.390)):  # tabled, e.g. in Ulm 1990
        rule = normal_scores(np.zeros(10)).rule(1.0, 0, 0)
        assert Threshold(rule, count, 1.0).interval == pytest.approx((low, high), abs=1e-3)
        assert Threshold(rule, count, 2.0).interval == pytest.approx((low / 2, high / 2), abs=1e-3)


def test_scores_are_kept_with_the_run(tmp_path: Path) -> None:
    normal = normal_scores(np.linspace(0, 1, 50))
    normal.write(tmp_path)
    again = NormalScores.read(tmp_path)
    assert again.hours == normal.hours
    for column in ("clip", "track", "time", "score"):
        np.testing.assert_array_equal(getattr(again, column), getattr(normal, column))


@pytest.mark.parametrize("damage", ["missing", "cut", "nonsense", "nan"])
def test_damaged_scores_are_refused_by_name(damage: str, tmp_path: Path) -> None:
    path = tmp_path / "normal_scores.npz"
    normal_scores(np.array([np.nan] if damage == "nan" else [1.0, 2.0])).write(tmp_path)
    if damage == "missing":
        path.unlink()
    elif damage == "cut":
        path.write_bytes(path.read_bytes()[:100])
    elif damage == "nonsense":
        path.write_bytes(b"nonsense")
    with pytest.raises(UserError, match=r"normal_scores\.npz"):
        NormalScores.read(tmp_path)
