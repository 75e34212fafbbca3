"""How good alarms are where it is known what was abnormal: events found, false alarms, delay."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from skelmap.evaluation.alarms import Alarm
from skelmap.monitor.sinks import Sink
from skelmap.monitor.sources import Source
from skelmap.monitor.stream import Event, FrameResult
from skelmap.skeletons.manifest import Recording, Span


@dataclass(frozen=True)
class Watched:
    """A recording that was watched.

    Attributes:
        truth: what is abnormal in it.
        span: its first frame and one past the last that was watched.
        fps: frames a second.
        alarms: that were raised.
    """

    truth: Recording
    span: Span
    fps: float
    alarms: list[Alarm] = field(default_factory=list)


class AlarmCollector(Sink):
    """Remembers the alarms of recordings of which a manifest says what is abnormal.

    Attributes:
        watched: these recordings.
    """

    def __init__(self) -> None:
        self.watched: list[Watched] = []
        self._source: Source | None = None
        self._alarms: list[Alarm] = []
        self._watched = 0  # one past the last frame

    def begin(self, source: Source) -> None:
        """Begin a list."""
        self._source, self._alarms, self._watched = source, [], 0

    def frame(self, verdict: FrameResult, latency_ms: float) -> None:
        """Count the frame."""
        self._watched = verdict.sight.number + 1

    def event(self, event: Event) -> None:
        """Add an alarm that has ended."""
        if event.ended:
            self._alarms.append(event.alarm)

    def end(self) -> None:
        """Close the list, with as much of the recording as was watched."""
        assert self._source is not None
        if self._source.truth is not None and self._watched:
            span = (self._source.first, self._watched)
            self.watched.append(Watched(self._source.truth, span, self._source.fps, self._alarms))


@dataclass(frozen=True)
class EventMetrics:
    """What alarms were worth.

    Attributes:
        events: abnormal spans.
        found: those during which an alarm lasted.
        false_alarms: alarms that touch no abnormal span.
        normal_hours: of footage outside the abnormal spans.
        median_delay: seconds from the start of a found span to its alarm, 0 where the alarm was there before; None
            where none was found.
    """

    events: int
    found: int
    false_alarms: int
    normal_hours: float
    median_delay: float | None

    @property
    def false_alarms_per_hour(self) -> float | None:
        """False alarms by normal hours; None without normal footage."""
        return self.false_alarms / self.normal_hours if self.normal_hours else None


def event_metrics(watched: Sequence[Watched]) -> EventMetrics:
    """Compare alarms with what was abnormal.

    Args:
        watched: recordings with their alarms.
    """
    events = found = false = 0
    normal = 0.0
    delays = []
    for one in watched:
        spans = _abnormal_seconds(one)
        events += len(spans)
        normal += (one.span[1] - one.span[0]) / one.fps - sum(stop - start for start, stop in spans)
        for start, stop in spans:
            raised = [a.raised for a in one.alarms if a.start < stop and max(a.end, a.raised) >= start]
            found += bool(raised)
            delays += [max(0.0, min(raised) - start)] if raised else []
        false += sum(
            not any(a.start < stop and max(a.end, a.raised) >= start for start, stop in spans) for a in one.alarms
        )
    return EventMetrics(events, found, false, normal / 3600, float(np.median(delays)) if delays else None)


def _abnormal_seconds(one: Watched) -> list[tuple[float, float]]:
    """The abnormal spans within the recording, seconds; spans that touch are one."""
    first, stop = one.span
    frames = np.arange(first, stop)
    edges = np.diff(one.truth.labels(frames), prepend=0, append=0)
    starts, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    return [((first + a) / one.fps, (first + b) / one.fps) for a, b in zip(starts, ends, strict=True)]
