"""Verdicts and sources that tests make up."""

from collections.abc import Iterator
from datetime import UTC, datetime

import numpy as np

from skelmap.evaluation.alarms import Alarm
from skelmap.monitor.sources import PoseFrame, Source, SourceError
from skelmap.monitor.stream import Event, FrameResult, TrackScore
from skelmap.skeletons.layouts import BODY_25
from synthetic_data import person


class Given(Source):
    """A source that gives what it is made of; without a count it is a camera."""

    def __init__(self, seen: list[PoseFrame | SourceError], name: str = "given", count: int | None = None) -> None:
        super().__init__(name, BODY_25, 30.0, count)
        self.seen = seen

    def __iter__(self) -> Iterator[PoseFrame | SourceError]:
        yield from self.seen


def sight(number: int, people: int = 1) -> PoseFrame:
    keypoints = np.stack([person((100 + 150 * i, 180)) for i in range(people)] or [np.zeros((25, 3))])[:people]
    return PoseFrame(number, number / 30, (640, 480), keypoints.astype(np.float32), np.arange(people))


def verdict(number: int, score: float = 0.5, alarmed: bool = False) -> FrameResult:
    return FrameResult(
        sight(number), (TrackScore(0, number, number / 30, score),), (), frozenset({0} if alarmed else ())
    )


def event(ended: bool, start: float = 1.0) -> Event:
    return Event(
        0,
        Alarm(start, start + 0.5, start + 2, 0.9, start + 1),
        ("left_wrist", "nose"),
        ended,
        datetime(2026, 1, 2, tzinfo=UTC),
    )
