"""The loop goes on whatever goes wrong, and says so once."""

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
import pytest
from seen import Given, sight

from skelmap.data.input_spec import InputSpec
from skelmap.data.keypoints import KeypointSettings
from skelmap.evaluation.alarms import AlarmRule
from skelmap.monitor.runner import Monitor
from skelmap.monitor.sinks import Sink
from skelmap.monitor.sources import PoseFrame, SourceError
from skelmap.monitor.stream import Event, FrameResult
from skelmap.monitor.web import WebPage
from skelmap.skeletons.layouts import BODY_25
from synthetic_data import person


class Height:
    """Scores a person by the nose's height above the neck: nothing to load, everything known."""

    eye = InputSpec("height", 1, 30.0, BODY_25, KeypointSettings(BODY_25), simulated=False)

    def score(self, windows: np.ndarray) -> np.ndarray:
        return -240.0 * windows[:, -1, 0, 0, 1].astype(np.float64)

    def contributions(self, frames: np.ndarray) -> np.ndarray:
        return np.zeros_like(frames)


class Heard(Sink):
    def __init__(self) -> None:
        self.frames: list[FrameResult] = []
        self.events: list[Event] = []
        self.troubles: list[list[str]] = []
        self.closed = False

    def frame(self, verdict: FrameResult, latency_ms: float) -> None:
        self.frames.append(verdict)

    def event(self, event: Event) -> None:
        self.events.append(event)

    def on_status(self, texts: Sequence[str]) -> None:
        self.troubles.append(list(texts))

    def close(self) -> None:
        self.closed = True


class Broken(Sink):
    """Raises at some frames, and says of others what keeps it from its work."""

    def frame(self, verdict: FrameResult, latency_ms: float) -> None:
        if verdict.sight.number in (3, 4):
            raise OSError("no paper")
        self.trouble = "no ink" if verdict.sight.number in (6, 7, 8) else ""


def nodding(number: int, up: bool) -> PoseFrame:
    one = sight(number)
    one.keypoints[0, 0, 1] -= 60 if up else 0
    return one


RULE = AlarmRule(on=80, off=60, min_seconds=0.1, release_seconds=0.3)


def test_a_listener_that_fails_is_a_trouble_that_is_told_once() -> None:
    heard = Heard()
    Monitor(Height(), RULE, [Broken(), heard]).run([Given([sight(n) for n in range(12)])])
    assert len(heard.frames) == 12 and heard.closed
    assert heard.troubles == [["Broken: no paper"], [], ["no ink"], []]


def test_an_alarm_of_a_camera_that_is_lost_ends_and_tells_the_clocks_time() -> None:
    seen: list[PoseFrame | SourceError] = [nodding(n, up=n >= 10) for n in range(20)]
    seen += [SourceError(0.64 + i / 10, "lost") for i in range(5)]
    heard = Heard()
    Monitor(Height(), RULE, [heard]).run([Given(seen)])
    raised, ended = heard.events
    assert (raised.ended, ended.ended) == (False, True)
    assert (ended.alarm.start, ended.alarm.end) == pytest.approx((10 / 30, 19 / 30))
    assert heard.troubles == [["lost"]] and raised.clock is not None
    assert abs((datetime.now(UTC) - raised.clock).total_seconds()) < 60


def test_damaged_joints_and_scores_stop_nobody() -> None:
    page, heard = WebPage("127.0.0.1", 0), Heard()
    spoilt = sight(1)
    spoilt.keypoints[0, 5] = (np.nan, np.inf, 1)
    Monitor(Height(), RULE, [page, heard]).run([Given([sight(0), spoilt, sight(2)])])
    assert [len(verdict.scores) for verdict in heard.frames] == [1, 1, 1] and heard.troubles == []

    class Diverged(Height):
        def score(self, windows: np.ndarray) -> np.ndarray:
            return np.full(len(windows), np.nan)

    page, heard = WebPage("127.0.0.1", 0), Heard()
    Monitor(Diverged(), RULE, [page, heard]).run([Given([sight(n) for n in range(5)])])
    assert len(heard.troubles) == 1 and "NaN" in heard.troubles[0][0] and heard.events == []


def test_a_slow_camera_is_scored_all_the_same_and_called_slow() -> None:
    seen = [PoseFrame(n, n / 4, (640, 480), person()[None], np.zeros(1, np.int64)) for n in range(60)]
    heard = Heard()
    Monitor(Height(), RULE, [heard]).run([Given(seen)])
    assert [len(verdict.scores) for verdict in heard.frames[20:]] == [8, 7] * 20
    assert len(heard.troubles) == 1 and "too few pictures a second" in heard.troubles[0][0]


def test_an_interruption_completes_the_files_and_goes_on_its_way() -> None:
    class Stopping(Given):
        def __iter__(self):  # type: ignore[no-untyped-def]
            yield from (nodding(n, up=True) for n in range(10))
            raise KeyboardInterrupt

    heard = Heard()
    with pytest.raises(KeyboardInterrupt):
        Monitor(Height(), RULE, [heard]).run([Stopping([])])
    assert [event.ended for event in heard.events] == [False, True] and heard.closed
