"""Metrics of alarms on recordings with known abnormal spans."""

import numpy as np
import pytest

from evaluation_inputs import make_recording, make_rows
from skelmap.evaluation.alarms import Alarm, RecordingAlarms, event_metrics
from skelmap.evaluation.evaluate import operating_point
from skelmap.evaluation.metrics import Curve


def make_alarm(start: float, raised: float, end: float) -> Alarm:
    return Alarm(start, raised, end, peak=1.0, peak_at=start)


def test_events_false_alarms_and_delay() -> None:
    spans = ((20, 40), (50, 60), (100, 110))  # seconds 2-4, 5-6, 10-11
    alarms = [make_alarm(*times) for times in ((0.2, 0.5, 0.9), (1.5, 2.5, 3), (4.5, 4.8, 5.2), (12, 12.5, 13))]
    metrics = event_metrics([RecordingAlarms(make_recording("a", spans), (0, 150), 10.0, alarms)])
    assert (metrics.events, metrics.detected, metrics.false_alarms) == (3, 2, 2)
    assert metrics.median_delay == pytest.approx(0.25)  # 0.5 s, and 0 s for an alarm raised before the event
    assert metrics.normal_hours == pytest.approx(11 / 3600)
    assert metrics.false_alarms_per_hour == pytest.approx(2 / (11 / 3600))


def test_a_wholly_abnormal_recording_has_no_normal_footage() -> None:
    metrics = event_metrics([RecordingAlarms(make_recording("a", None), (5, 105), 10.0, [make_alarm(3, 3.5, 4)])])
    assert (metrics.events, metrics.detected, metrics.false_alarms) == (1, 1, 0)
    assert metrics.median_delay == pytest.approx(3.0) and metrics.false_alarms_per_hour is None


def test_without_detected_events_there_is_no_delay() -> None:
    metrics = event_metrics([RecordingAlarms(make_recording("a", ((10, 20),)), (0, 100), 10.0)])
    assert (metrics.detected, metrics.median_delay, metrics.false_alarms_per_hour) == (0, None, 0)


def test_the_operating_point_counts_alarms_by_the_alarm_rule() -> None:
    # 10 frames a second, an abnormal event in frames 30-39 of the first clip. Its alarm lasts from frame 32 to 61,
    # since there are less than 2 s without a high score in between; frames 90-93 are too short for an alarm. The second
    # clip has no scores, only normal footage; the third is normal with a false alarm of 1 s.
    score = np.zeros(200)
    score[[*range(32, 42), *range(55, 62)]] = 5.0
    score[90:94] = score[150:160] = 6.0
    clip, frame = np.repeat([0, 2], 100), np.tile(np.arange(100), 2)
    label = np.where((clip == 0) & (frame >= 30) & (frame < 40), 1, 0)
    recordings = [make_recording("a", ((30, 40),)), make_recording("b"), make_recording("c")]
    rows = make_rows([[(0, 100)], [], [(0, 100)]], [(0, 100), (0, 50), (0, 100)], recordings, 10, fps=10.0)
    point = operating_point(Curve.build(score, label), score, clip, frame, rows)
    assert (point.detection_rate, point.threshold) == (0.8, 5.0)
    metrics = point.metrics
    assert (metrics.events, metrics.detected, metrics.false_alarms) == (1, 1, 1)
    assert metrics.median_delay == pytest.approx(0.7)  # frame 37: 0.5 s after frame 32
    assert metrics.normal_hours == pytest.approx(24 / 3600)
    assert metrics.false_alarms_per_hour == pytest.approx(150)
