"""Frames, results, events, sources, sinks and a simple scorer for tests of the monitor."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import numpy as np

from skelmap.data.input_spec import InputSpec
from skelmap.data.keypoints import KeypointSettings
from skelmap.evaluation.alarms import Alarm, AlarmRule
from skelmap.monitor.sinks import Sink
from skelmap.monitor.sources import PoseFrame, Source, SourceError
from skelmap.monitor.stream import Event, FrameResult, TrackScore
from skelmap.skeletons.layouts import BODY_25
from synthetic_data import person

RULE = AlarmRule(on=80, off=60, min_seconds=0.1, release_seconds=0.3)
NO_ALARMS = AlarmRule(on=np.inf, off=np.inf)
"""A rule for `NoseHeightScorer`: `pose_frame(n, nose_up=True)` is above `on`, other frames are below `off`."""


class ListSource(Source):
    """Source of given frames and errors; live unless it has a count."""

    def __init__(self, items: Sequence[PoseFrame | SourceError], name: str = "list", count: int | None = None) -> None:
        super().__init__(name, BODY_25, 30.0, count)
        self.items = items

    def __iter__(self) -> Iterator[PoseFrame | SourceError]:
        yield from self.items


class NoseHeightScorer:
    """Scores a person by the height of the nose above the neck, px."""

    spec = InputSpec("nose height", 1, 30.0, BODY_25, KeypointSettings(BODY_25), simulated=False)

    def score(self, windows: np.ndarray) -> np.ndarray:
        return -240.0 * windows[:, -1, 0, 0, 1].astype(np.float64)

    def attribution(self, window: np.ndarray) -> np.ndarray:
        return np.zeros_like(window)


class RecordingSink(Sink):
    """Keeps all that it receives."""

    def __init__(self) -> None:
        self.results: list[FrameResult] = []
        self.events: list[Event] = []
        self.statuses: list[list[str]] = []
        self.closed = False

    def on_frame(self, result: FrameResult, latency_ms: float) -> None:
        self.results.append(result)

    def on_event(self, event: Event) -> None:
        self.events.append(event)

    def on_status(self, errors: Sequence[str]) -> None:
        self.statuses.append(list(errors))

    def close(self) -> None:
        self.closed = True


def pose_frame(number: int, people: int = 1, nose_up: bool = False) -> PoseFrame:
    """A frame at 30 per second with standing people; the first one's nose may be 60 px higher."""
    keypoints = np.stack([person((100 + 150 * i, 180)) for i in range(people)] or [np.zeros((25, 3))])[:people]
    frame = PoseFrame(number, number / 30, (640, 480), keypoints.astype(np.float32), np.arange(people))
    if nose_up:
        frame.keypoints[0, 0, 1] -= 60
    return frame


def frame_result(number: int, score: float = 0.5, alarmed: bool = False) -> FrameResult:
    """The result of `pose_frame(number)` with a score of person 0."""
    scores = (TrackScore(0, number, number / 30, score),)
    return FrameResult(pose_frame(number), scores, (), frozenset({0} if alarmed else ()), windows={0: 1.0})


def alarm_event(ended: bool, start: float = 1.0) -> Event:
    """An alarm of person 0 that lasts a second."""
    alarm = Alarm(start, start + 0.5, start + 2, 0.9, start + 1)
    return Event(0, alarm, ("left_wrist", "nose"), ended, datetime(2026, 1, 2, tzinfo=UTC))
