"""The threshold that gives a chosen number of false alarms an hour on normal work."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skelmap.evaluation.alarms import AlarmRule, find_alarms
from skelmap.evaluation.thresholds import Threshold, ValidationScores, choose_threshold
from skelmap.utils.errors import UserError


def normal_scores(score: np.ndarray, fps: float = 10.0, people: int = 1) -> ValidationScores:
    each = len(score) // people
    return ValidationScores(
        clip=np.zeros(len(score), np.int64),
        track=np.repeat(np.arange(people), each),
        time=np.tile(np.arange(each) / fps, people),
        score=score,
        hours=each / fps / 3600,
    )


def plain(normal: ValidationScores, rule: AlarmRule) -> int:
    """Alarms in every score, none left out."""
    owner = normal.clip * 1000 + normal.track
    return sum(len(find_alarms(normal.time[owner == p], normal.score[owner == p], rule)) for p in np.unique(owner))


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10**6), st.integers(1, 12), st.integers(1, 40))
def test_it_is_the_highest_threshold_that_gives_so_many_false_alarms(seed: int, allowed: int, levels: int) -> None:
    rng = np.random.default_rng(seed)
    score = (np.convolve(rng.normal(size=3000), np.ones(8) / 8, "same") * levels).round()
    normal = normal_scores(score, people=3)
    threshold = choose_threshold(normal, allowed / normal.hours, 0.2, 0.5)
    assert threshold.false_alarms == plain(normal, threshold.rule) <= allowed
    best, highest = 0, np.nextafter(score.max(), np.inf)
    for level in np.unique(score[score >= np.median(score)])[::-1]:  # one by one from the top
        count = plain(normal, normal.rule(level, 0.2, 0.5))
        if best < count <= allowed:
            best, highest = count, level
        if count >= allowed:
            break
    assert (threshold.false_alarms, threshold.rule.on) == (best, highest)


def test_new_normal_work_gives_as_many_false_alarms_as_were_asked_for() -> None:
    rng = np.random.default_rng(0)
    found = []
    for _ in range(60):
        known, new = (normal_scores(np.convolve(rng.normal(size=36_000), np.ones(8) / 8, "same")) for _ in range(2))
        rule = choose_threshold(known, 3.0, 0.5, 2.0).rule
        found.append(new.false_alarms(rule))
    assert np.mean(found) == pytest.approx(3, abs=3 * np.std(found) / np.sqrt(len(found)))
    assert np.std(found) / np.sqrt(len(found)) < 0.35, "so that one alarm too many would be seen"


@pytest.mark.parametrize("per_hour", [74, 144, 216, 5000])
def test_many_false_alarms_in_a_short_recording_leave_normal_work_below_the_threshold(per_hour: int) -> None:
    """The walk down does not jump over the levels with too many alarms, to where all scores are a single one."""
    rng = np.random.default_rng(0)
    for _ in range(10):
        score = np.zeros(1471)
        for i, noise in enumerate(rng.normal(size=1470)):
            score[i + 1] = 0.95 * score[i] + noise
        normal = normal_scores(score, fps=30.0)
        assert choose_threshold(normal, per_hour, 0.5, 2.0).rule.on >= normal.median


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
    with pytest.raises(UserError, match=r"1\.0 minutes of normal.*last 1 h or more.*60 an hour and more"):
        choose_threshold(normal, 1.0, 0.5, 2.0)
    assert choose_threshold(normal, 60.0, 0.5, 2.0).false_alarms <= 1


def test_the_interval_is_garwoods() -> None:
    for count, low, high in ((0, 0.0, 3.689), (1, 0.0253, 5.572), (10, 4.795, 18.390)):  # tabled, e.g. in Ulm 1990
        rule = normal_scores(np.zeros(10)).rule(1.0, 0, 0)
        assert Threshold(rule, count, 1.0).interval == pytest.approx((low, high), abs=1e-3)
        chosen = Threshold(rule, count + 1, 1.0, chosen=True).interval
        assert chosen[1] == pytest.approx(high, abs=1e-3)  # at the peak of the last alarm there is none to come
        assert Threshold(rule, count, 2.0).interval == pytest.approx((low / 2, high / 2), abs=1e-3)


def test_scores_are_kept_with_the_run(tmp_path: Path) -> None:
    normal = normal_scores(np.linspace(0, 1, 50))
    normal.write(tmp_path)
    again = ValidationScores.read(tmp_path)
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
        ValidationScores.read(tmp_path)
