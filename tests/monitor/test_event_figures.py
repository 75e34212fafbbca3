"""Alarms against what was abnormal."""

from pathlib import Path

import pytest

from skelmap.evaluation.alarms import Alarm
from skelmap.evaluation.events import Watched, event_metrics
from skelmap.skeletons.manifest import Recording


def alarm(start: float, raised: float, end: float) -> Alarm:
    return Alarm(start, raised, end, peak=1.0, peak_at=start)


def recording(*abnormal: tuple[int, int], whole: bool = False) -> Recording:
    return Recording("clip", Path("clip.npz"), "test", "group", None if whole else abnormal)


def test_events_false_alarms_and_delay() -> None:
    alarms = [alarm(0.2, 0.5, 0.9), alarm(1.5, 2.5, 3), alarm(4.5, 4.8, 5.2), alarm(12, 12.5, 13)]
    spans = ((20, 40), (50, 60), (100, 110))  # seconds 2-4, 5-6, 10-11
    figures = event_metrics([Watched(recording(*spans), (0, 150), 10.0, alarms)])
    assert (figures.events, figures.found, figures.false_alarms) == (3, 2, 2)
    assert figures.median_delay == pytest.approx(0.25)  # 0.5 s, and at once
    assert figures.normal_hours == pytest.approx(11 / 3600)
    assert figures.false_alarms_per_hour == pytest.approx(2 / (11 / 3600))


def test_a_wholly_abnormal_clip_has_no_normal_footage() -> None:
    figures = event_metrics([Watched(recording(whole=True), (5, 105), 10.0, [alarm(3, 3.5, 4)])])
    assert (figures.events, figures.found, figures.false_alarms) == (1, 1, 0)
    assert figures.median_delay == pytest.approx(3.0) and figures.false_alarms_per_hour is None


def test_nothing_found_has_no_delay() -> None:
    figures = event_metrics([Watched(recording((10, 20)), (0, 100), 10.0)])
    assert (figures.found, figures.median_delay, figures.false_alarms_per_hour) == (0, None, 0)
