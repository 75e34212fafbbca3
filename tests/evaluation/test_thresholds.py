"""The threshold for a chosen number of false alarms per hour of normal validation recordings."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skelmap.evaluation.alarms import AlarmRule, find_alarms
from skelmap.evaluation.thresholds import SCORES_FILE, Threshold, ValidationScores, choose_threshold
from skelmap.utils.errors import UserError


def make_scores(score: np.ndarray, fps: float = 10.0, people: int = 1) -> ValidationScores:
    each = len(score) // people
    return ValidationScores(
        clip=np.zeros(len(score), np.int64),
        track=np.repeat(np.arange(people), each),
        time=np.tile(np.arange(each) / fps, people),
        score=score,
        hours=each / fps / 3600,
    )


def count_alarms(scores: ValidationScores, rule: AlarmRule) -> int:
    person = scores.clip * 1000 + scores.track
    return sum(len(find_alarms(scores.time[person == p], scores.score[person == p], rule)) for p in np.unique(person))


def smooth_noise(rng: np.random.Generator, count: int) -> np.ndarray:
    return np.convolve(rng.normal(size=count), np.ones(8) / 8, "same")


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10**6), st.integers(1, 12), st.integers(1, 40))
def test_the_highest_threshold_with_the_allowed_false_alarms_is_chosen(seed: int, allowed: int, levels: int) -> None:
    score = (smooth_noise(np.random.default_rng(seed), 3000) * levels).round()
    validation = make_scores(score, people=3)
    threshold = choose_threshold(validation, allowed / validation.hours, 0.2, 0.5)
    assert threshold.false_alarms == count_alarms(validation, threshold.rule) <= allowed
    best, highest = 0, np.nextafter(score.max(), np.inf)
    for level in np.unique(score[score >= np.median(score)])[::-1]:  # every level from the top
        count = count_alarms(validation, validation.rule(level, 0.2, 0.5))
        if best < count <= allowed:
            best, highest = count, level
        if count >= allowed:
            break
    assert (threshold.false_alarms, threshold.rule.on) == (best, highest)


def test_new_normal_recordings_raise_the_requested_number_of_false_alarms() -> None:
    rng = np.random.default_rng(0)
    counts = []
    for _ in range(60):
        validation, new = (make_scores(smooth_noise(rng, 36_000)) for _ in range(2))
        counts.append(new.false_alarms(choose_threshold(validation, 3.0, 0.5, 2.0).rule))
    standard_error = np.std(counts) / np.sqrt(len(counts))
    assert np.mean(counts) == pytest.approx(3, abs=3 * standard_error)
    assert standard_error < 0.35, "one alarm too many would not be detected"


@pytest.mark.parametrize("per_hour", [74, 144, 216, pytest.param(5000, marks=pytest.mark.slow)])
def test_the_threshold_is_at_least_the_median_even_for_many_false_alarms(per_hour: int) -> None:
    """The search does not skip the levels with too many alarms, down to where all scores are one alarm."""
    rng = np.random.default_rng(0)
    for _ in range(10):
        score = np.zeros(1471)
        for i, noise in enumerate(rng.normal(size=1470)):
            score[i + 1] = 0.95 * score[i] + noise
        validation = make_scores(score, fps=30.0)
        assert choose_threshold(validation, per_hour, 0.5, 2.0).rule.on >= validation.median


@pytest.mark.parametrize("kind", ["periodic", "noise"])
def test_alarms_that_merge_into_one_do_not_lower_the_threshold(kind: str) -> None:
    rng = np.random.default_rng(1)
    times = np.arange(36_000)
    score = rng.normal(size=36_000) * (0.1 if kind == "periodic" else 1)
    score += np.sin(2 * np.pi * times / 30) if kind == "periodic" else 0
    validation = make_scores(score)
    for per_hour in (1, 5):
        threshold = choose_threshold(validation, per_hour, 0.0, 2.0)
        assert threshold.false_alarms <= per_hour and (score >= threshold.rule.on).mean() < 0.01


def test_too_short_recordings_are_refused() -> None:
    validation = make_scores(np.arange(600.0))  # one minute
    with pytest.raises(UserError, match=r"1\.0 minutes of normal.*last 1 h or more; allowed: 60 or more"):
        choose_threshold(validation, 1.0, 0.5, 2.0)
    assert choose_threshold(validation, 60.0, 0.5, 2.0).false_alarms <= 1


def test_interval_equals_garwoods_table() -> None:
    for count, low, high in ((0, 0.0, 3.689), (1, 0.0253, 5.572), (10, 4.795, 18.390)):  # for example in Ulm 1990
        rule = make_scores(np.zeros(10)).rule(1.0, 0, 0)
        assert Threshold(rule, count, 1.0).interval == pytest.approx((low, high), abs=1e-3)
        chosen = Threshold(rule, count + 1, 1.0, chosen=True).interval
        assert chosen[1] == pytest.approx(high, abs=1e-3)  # the chosen threshold is the peak of the last alarm
        assert Threshold(rule, count, 2.0).interval == pytest.approx((low / 2, high / 2), abs=1e-3)


def test_written_scores_are_read_unchanged(tmp_path: Path) -> None:
    scores = make_scores(np.linspace(0, 1, 50))
    scores.write(tmp_path)
    again = ValidationScores.read(tmp_path)
    assert again.hours == scores.hours
    for column in ("clip", "track", "time", "score"):
        np.testing.assert_array_equal(getattr(again, column), getattr(scores, column))


@pytest.mark.parametrize("damage", ["missing", "cut", "nonsense", "nan"])
def test_missing_and_damaged_files_are_refused_by_name(damage: str, tmp_path: Path) -> None:
    path = tmp_path / SCORES_FILE
    make_scores(np.array([np.nan] if damage == "nan" else [1.0, 2.0])).write(tmp_path)
    if damage == "missing":
        path.unlink()
    elif damage == "cut":
        path.write_bytes(path.read_bytes()[:100])
    elif damage == "nonsense":
        path.write_bytes(b"nonsense")
    with pytest.raises(UserError, match=r"validation_scores\.npz"):
        ValidationScores.read(tmp_path)
