"""The monitor's loop continues after errors of sources and sinks, and reports each error once."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from monitor_events import RULE, ListSource, NoseHeightScorer, RecordingSink, pose_frame
from skelmap.monitor.runner import Monitor
from skelmap.monitor.sinks import Sink
from skelmap.monitor.sources import PoseFrame, Source, SourceError
from skelmap.monitor.stream import FrameResult
from skelmap.monitor.web.live import LiveState
from synthetic_data import person


class FailingSink(Sink):
    """Raises at frames 3 and 4, and reports an error at frames 6 to 8."""

    def on_frame(self, result: FrameResult, latency_ms: float) -> None:
        if result.frame.number in (3, 4):
            raise OSError("no paper")
        self.error = "no ink" if result.frame.number in (6, 7, 8) else ""


def test_an_error_of_a_sink_is_reported_once_and_when_it_is_over() -> None:
    sink = RecordingSink()
    Monitor(NoseHeightScorer(), RULE, [FailingSink(), sink]).run([ListSource([pose_frame(n) for n in range(12)])])
    assert len(sink.results) == 12 and sink.closed
    assert sink.statuses == [["FailingSink: no paper"], [], ["no ink"], []]


def test_an_error_of_a_source_ends_with_it_and_one_of_a_sink_does_not() -> None:
    class SinkWithoutInk(Sink):
        def on_source_start(self, source: Source) -> None:
            self.error = "no ink"

    sink = RecordingSink()
    first = ListSource([pose_frame(0), SourceError(0.1, "lost")])
    Monitor(NoseHeightScorer(), RULE, [SinkWithoutInk(), sink]).run([first, ListSource([SourceError(0, "lost")])])
    lost, unseen = "lost", "no score: nobody was seen"
    expected = [[], [lost], [], [lost], [lost, unseen]]  # the first source had a score
    assert sink.statuses == [["no ink", *errors] for errors in expected]


def test_a_source_that_ends_without_a_score_says_how_full_the_window_was() -> None:
    class SlowScorer(NoseHeightScorer):
        spec = replace(NoseHeightScorer.spec, window=120)

    sink = RecordingSink()
    Monitor(SlowScorer(), RULE, [sink]).run([ListSource([pose_frame(n) for n in range(90)])])
    assert sink.statuses == [["no score: no window was full: 3 s of 4 s"]]
    assert [round(result.windows[0], 2) for result in sink.results[::30]] == [0.01, 0.26, 0.51]


def test_an_alarm_ends_while_the_camera_is_lost_and_has_the_wall_clock_time() -> None:
    items: list[PoseFrame | SourceError] = [pose_frame(n, nose_up=n >= 10) for n in range(20)]
    items += [SourceError(0.64 + i / 10, "lost") for i in range(5)]
    sink = RecordingSink()
    Monitor(NoseHeightScorer(), RULE, [sink]).run([ListSource(items)])
    raised, ended = sink.events
    assert (raised.ended, ended.ended) == (False, True)
    assert (ended.alarm.start, ended.alarm.end) == pytest.approx((10 / 30, 19 / 30))
    assert sink.statuses == [["lost"]] and raised.clock is not None
    assert abs((datetime.now(UTC) - raised.clock).total_seconds()) < 60


def test_invalid_keypoints_and_scores_do_not_stop_the_monitor() -> None:
    page, sink = LiveState(RULE.on), RecordingSink()
    invalid = pose_frame(1)
    invalid.keypoints[0, 5] = (np.nan, np.inf, 1)
    Monitor(NoseHeightScorer(), RULE, [page, sink]).run([ListSource([pose_frame(0), invalid, pose_frame(2)])])
    assert [len(result.scores) for result in sink.results] == [1, 1, 1] and sink.statuses == []

    class DivergedScorer(NoseHeightScorer):
        def score(self, windows: np.ndarray) -> np.ndarray:
            return np.full(len(windows), np.nan)

    page, sink = LiveState(RULE.on), RecordingSink()
    Monitor(DivergedScorer(), RULE, [page, sink]).run([ListSource([pose_frame(n) for n in range(5)])])
    assert len(sink.statuses) == 1 and "NaN" in sink.statuses[0][0] and sink.events == []


def test_a_slow_camera_is_scored_at_every_tick_and_reported() -> None:
    frames = [PoseFrame(n, n / 4, (640, 480), person()[None], np.zeros(1, np.int64)) for n in range(60)]
    sink = RecordingSink()
    Monitor(NoseHeightScorer(), RULE, [sink]).run([ListSource(frames)])
    assert [len(result.scores) for result in sink.results[20:]] == [8, 7] * 20
    assert len(sink.statuses) == 1 and "too few frames per second" in sink.statuses[0][0]


def test_an_interruption_finishes_alarms_and_sinks() -> None:
    class InterruptedSource(ListSource):
        def __iter__(self):  # type: ignore[no-untyped-def]
            yield from (pose_frame(n, nose_up=True) for n in range(10))
            raise KeyboardInterrupt

    sink = RecordingSink()
    with pytest.raises(KeyboardInterrupt):
        Monitor(NoseHeightScorer(), RULE, [sink]).run([InterruptedSource([])])
    assert [event.ended for event in sink.events] == [False, True] and sink.closed
