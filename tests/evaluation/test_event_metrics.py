"""Metrics of alarms on recordings with known abnormal spans."""

from pathlib import Path

import numpy as np
import pytest
from evaluation_cases import rows_of

from skelmap.evaluation.alarms import Alarm, RecordingAlarms, event_metrics
from skelmap.evaluation.evaluate import operating_point
from skelmap.evaluation.metrics import Curve
from skelmap.skeletons.manifest import Recording


def alarm(start: float, raised: float, end: float) -> Alarm:
    return Alarm(start, raised, end, peak=1.0, peak_at=start)


def recording(*abnormal: tuple[int, int], whole: bool = False) -> Recording:
    return Recording("clip", Path("clip.npz"), "test", "group", None if whole else abnormal)


def test_events_false_alarms_and_delay() -> None:
    alarms = [alarm(0.2, 0.5, 0.9), alarm(1.5, 2.5, 3), alarm(4.5, 4.8, 5.2), alarm(12, 12.5, 13)]
    spans = ((20, 40), (50, 60), (100, 110))  # seconds 2-4, 5-6, 10-11
    metrics = event_metrics([RecordingAlarms(recording(*spans), (0, 150), 10.0, alarms)])
    assert (metrics.events, metrics.detected, metrics.false_alarms) == (3, 2, 2)
    assert metrics.median_delay == pytest.approx(0.25)  # 0.5 s, and at once
    assert metrics.normal_hours == pytest.approx(11 / 3600)
    assert metrics.false_alarms_per_hour == pytest.approx(2 / (11 / 3600))


def test_a_wholly_abnormal_clip_has_no_normal_footage() -> None:
    metrics = event_metrics([RecordingAlarms(recording(whole=True), (5, 105), 10.0, [alarm(3, 3.5, 4)])])
    assert (metrics.events, metrics.detected, metrics.false_alarms) == (1, 1, 0)
    assert metrics.median_delay == pytest.approx(3.0) and metrics.false_alarms_per_hour is None


def test_nothing_detected_has_no_delay() -> None:
    metrics = event_metrics([RecordingAlarms(recording((10, 20)), (0, 100), 10.0)])
    assert (metrics.detected, metrics.median_delay, metrics.false_alarms_per_hour) == (0, None, 0)


def test_operating_point_counts_alarms_by_the_rule_of_the_monitor() -> None:
    # 10 frames a second. The first clip: an alarm of 1.0 s during the event, one of 0.6 s with a gap that ends 1.5 s
    # after the event, one of 0.4 s that is never raised. The second clip has no scores, the third is normal.
    score = np.zeros(200)
    score[[*range(32, 42), *range(55, 62)]] = 5.0
    score[90:94] = score[150:160] = 6.0
    clip, frame = np.repeat([0, 2], 100), np.tile(np.arange(100), 2)
    label = np.where((clip == 0) & (frame >= 30) & (frame < 40), 1, 0)
    recordings = [recording((30, 40)), recording(), recording()]
    rows = rows_of([[(0, 100)], [], [(0, 100)]], [(0, 100), (0, 50), (0, 100)], recordings, 10, fps=10.0)
    point = operating_point(Curve.build(score, label), score, clip, frame, rows)
    assert (point.detection_rate, point.threshold) == (0.8, 5.0)
    metrics = point.metrics
    # Less than 2 s lie between the first two runs of high scores: one alarm, raised 0.5 s after its start.
    assert (metrics.events, metrics.detected, metrics.false_alarms) == (1, 1, 1)
    assert metrics.median_delay == pytest.approx(0.7)
    assert metrics.normal_hours == pytest.approx(24 / 3600)
    assert metrics.false_alarms_per_hour == pytest.approx(150)
