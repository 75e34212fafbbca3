"""Events found at thresholds of validation recordings."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from evaluation_inputs import make_recording, make_rows
from hydra_config import Compose
from monitor_config import compose_monitor
from skelmap.evaluation.alarms import Alarm, RecordingAlarms
from skelmap.evaluation.detection import detect_events, event_recalls, match_events
from skelmap.evaluation.frame_scores import Predictions
from skelmap.evaluation.thresholds import ValidationScores
from skelmap.monitor.app import run_monitor
from skelmap.training.run import run

FPS = 10.0


def validation(hours: float = 1.0) -> ValidationScores:
    """One alarm of score 5 in an hour of scores below 1."""
    score = np.random.default_rng(0).uniform(0, 1, int(3600 * hours))
    score[100:110] = 5.0
    zeros = np.zeros(len(score), np.int64)
    return ValidationScores(zeros, zeros, np.arange(len(score), dtype=float), score, hours)


def test_events_and_false_alarms_of_each_person_are_counted() -> None:
    rows = make_rows([[(0, 600), (0, 600)]], [(0, 600)], [make_recording("a", ((100, 150), (400, 420)))], 5, FPS)
    score = np.zeros(len(rows.starts))
    last = rows.starts + 4
    frame, track = rows.frame[last], rows.track[last]
    score[(track == 0) & (frame >= 100) & (frame < 150)] = 9  # the first event, person 0
    score[(track == 1) & (frame >= 250) & (frame < 300)] = 9  # a false alarm, person 1
    detection = detect_events(
        Predictions(torch.from_numpy(rows.starts), torch.from_numpy(score), None, 5), rows, validation()
    )
    (found,) = [result for result in detection.results if result.nominal == 1]
    assert found.threshold.rule.on == 5.0
    assert (found.metrics.events, found.metrics.detected, found.metrics.false_alarms) == (2, 1, 1)
    assert found.metrics.median_delay == pytest.approx(0.5)
    loose, strict = found.matches
    assert (loose.precision, loose.recall, loose.f1) == (0.5, 0.5, 0.5)
    assert strict.matched == 1


def test_recall_at_the_false_alarms_of_the_test_recordings() -> None:
    """Half an hour of normal footage allows five false alarms at 10 an hour: the scores of events rank 1, 4 and 8."""
    alarms = [(1000 + 500 * i, 9.0 - 0.5 * i) for i in range(8)]
    spans = ((1200, 1220), (3000, 3020), (8000, 8020))
    rows = make_rows([[(0, 18060)]], [(0, 18060)], [make_recording("a", spans)], 5, FPS)
    score = np.zeros(len(rows.starts))
    for start, value in [*alarms, (1200, 9.2), (3002, 7.2), (8002, 5.2)]:
        score[start : start + 10] = value
    once, ten = event_recalls(Predictions(torch.from_numpy(rows.starts), torch.from_numpy(score), None, 5), rows)
    assert (once.metrics.detected, once.metrics.false_alarms, once.recall) == (1, 0, pytest.approx(1 / 3))
    assert (ten.metrics.detected, ten.metrics.false_alarms) == (2, 5)


def test_smoothing_removes_short_peaks() -> None:
    rows = make_rows([[(0, 600)]], [(0, 600)], [make_recording("a", ((300, 400),))], 5, FPS)
    score = np.zeros(len(rows.starts))
    score[100:107] = score[296:396] = 9.0
    predictions = Predictions(torch.from_numpy(rows.starts), torch.from_numpy(score), None, 5)
    plain, smoothed = (detect_events(predictions, rows, validation(), seconds).results[0] for seconds in (0.0, 1.0))
    assert (plain.metrics.detected, plain.metrics.false_alarms) == (1, 1)
    assert smoothed.metrics.detected == 1 and smoothed.metrics.median_delay > plain.metrics.median_delay


def test_short_validation_recordings_leave_rates_out_with_a_reason() -> None:
    rows = make_rows([[(0, 60)]], [(0, 60)], [make_recording("a", ((10, 20),))], 5, FPS)
    predictions = Predictions(torch.from_numpy(rows.starts), torch.zeros(len(rows.starts)), None, 5)
    detection = detect_events(predictions, rows, validation(0.2))
    assert [result.nominal for result in detection.results] == [10.0]
    assert detection.reason.startswith("1 false alarms per hour: 12.0 minutes") and "60 are needed" in detection.reason
    assert "no validation scores" in detect_events(predictions, rows, None).reason


intervals = st.lists(st.tuples(st.integers(0, 90), st.integers(1, 20)), max_size=5)


@given(alarms=intervals, spans=intervals, iou=st.sampled_from([0.2, 0.5]))
def test_matches_are_one_to_one_and_overlap(
    alarms: list[tuple[int, int]], spans: list[tuple[int, int]], iou: float
) -> None:
    raised = [Alarm(float(a), float(a), float(a + n), 1.0, float(a)) for a, n in alarms]
    labelled = make_recording("a", tuple((a, a + n) for a, n in spans))
    recording = RecordingAlarms(labelled, (0, 120), 1.0, raised)
    match = match_events([recording], iou)
    events = recording.abnormal_seconds()
    assert match.events == len(events) and match.alarms <= len(raised)
    best = sum(any(_iou((alarm.start, alarm.end), event) >= iou for alarm in raised) for event in events)
    assert match.matched <= min(match.alarms, match.events)
    if len(raised) == 1:
        assert match.matched == min(best, 1)


def _iou(one: tuple[float, float], other: tuple[float, float]) -> float:
    seconds = np.arange(0, 200, 0.5)
    inside = [(seconds >= a) & (seconds < b) for a, b in (one, other)]
    return float((inside[0] & inside[1]).sum() / (inside[0] | inside[1]).sum())


def test_a_run_finds_the_events_that_its_monitor_finds(
    task: Path, compose: Compose, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = ("data=manifest", f"data.manifest={task}", "data.img_size=14", "data.seq_len=8", "model=pca_windows")
    monkeypatch.setattr("skelmap.evaluation.detection.NOMINAL_RATES", (1.0, 2000.0))
    metrics = run(compose(*small))
    (alarms,) = metrics["alarms"]
    assert metrics["alarms_reason"].startswith("1 false alarms per hour: ")
    sources = (f"source={task}", "false_alarms_per_hour=2000", "save_video=false", "evidence.seconds=null")
    run_monitor(compose_monitor(tmp_path / "run", tmp_path / "monitor", *sources))
    monitor = json.loads((tmp_path / "monitor" / "monitor.json").read_text())
    assert alarms["threshold"] == pytest.approx(monitor["rule"]["on"], abs=1e-6)
    keys = ("events", "detected", "false_alarms", "normal_hours", "median_delay", "false_alarms_per_hour")
    assert {key: alarms[key] for key in keys} == pytest.approx({key: monitor["events"][key] for key in keys})
    assert alarms["events"] > 0
    assert monitor["events"]["not_judged"] == len(metrics["counts"]["unjudged"]) == 0
    assert metrics["test_evaluations"] >= 1
