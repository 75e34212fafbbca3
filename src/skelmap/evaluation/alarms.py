"""Alarms: the rule that raises them from scores, and their metrics on recordings with labels.

A false alarm is defined here alone: an alarm raised by an `AlarmRule` that touches no abnormal span. Rates are per hour
of normal footage.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from skelmap.skeletons.manifest import Recording, Span

TOLERANCE = 1e-6
"""Seconds by which times may differ that are meant to be equal."""


@dataclass(frozen=True)
class AlarmRule:
    """When the scores of a person raise an alarm, and when it ends.

    Attributes:
        on: an alarm starts at a score of at least this.
        off: it continues while scores are at least this; at most `on`.
        min_seconds: it is raised once it has lasted this long.
        release_seconds: it ends when no score has reached `off` for this long, because scores were lower or the person
            was not seen; longer than the interval between two scores.
    """

    on: float
    off: float
    min_seconds: float = 0.5
    release_seconds: float = 2.0


@dataclass(frozen=True)
class Alarm:
    """One alarm of one person; times are seconds since the start of the recording or stream.

    Attributes:
        start: time of its first score of at least `on`.
        raised: time at which it had lasted `min_seconds`.
        end: time of its last score of at least `off`, so far if the alarm is active.
        peak: the highest score.
        peak_at: time of the highest score.
    """

    start: float
    raised: float
    end: float
    peak: float
    peak_at: float


class AlarmTracker:
    """Apply an `AlarmRule` to one person's scores as they arrive.

    Attributes:
        rule: the rule.
        alarm: the active alarm, or None.
        pending: a candidate that has not yet lasted `min_seconds`, or None.
    """

    def __init__(self, rule: AlarmRule) -> None:
        self.rule = rule
        self.alarm: Alarm | None = None
        self.pending: Alarm | None = None

    def update(self, time: float, score: float) -> Alarm | None:
        """Process a score.

        Args:
            time: of the score, seconds, later than the previous one.
            score: of the window that ends at this time.

        Returns:
            The alarm that has ended before this score, or None.
        """
        ended = self.advance_to(time)
        if self.alarm is not None and score >= self.rule.off:
            self.alarm = _extend(self.alarm, time, score)
        elif self.pending is not None and score >= self.rule.off:
            self.pending = _extend(self.pending, time, score)
        elif self.alarm is None:
            self.pending = Alarm(time, time, time, score, time) if score >= self.rule.on else None
        if self.pending is not None and time - self.pending.start >= self.rule.min_seconds - TOLERANCE:
            self.alarm, self.pending = replace(self.pending, raised=time), None
        return ended

    def advance_to(self, time: float) -> Alarm | None:
        """Advance the clock to `time`, seconds, without a score; return the alarm that has ended by then, or None."""
        if self.pending is not None and time - self.pending.end > self.rule.release_seconds + TOLERANCE:
            self.pending = None
        if self.alarm is None or time - self.alarm.end <= self.rule.release_seconds + TOLERANCE:
            return None
        return self.stop()

    def stop(self) -> Alarm | None:
        """End the active alarm and return it; None if there is none."""
        ended, self.alarm, self.pending = self.alarm, None, None
        return ended


def find_alarms(times: NDArray[np.float64], scores: NDArray[np.float64], rule: AlarmRule) -> list[Alarm]:
    """Find all alarms of one person, in order.

    Args:
        times: (N,) seconds, ascending.
        scores: (N,) score at each time.
        rule: when scores raise an alarm.
    """
    kept = scores >= rule.off
    kept[1:] |= kept[:-1].copy()  # of successive scores below `off`, only the first can change the tracker's state
    tracker = AlarmTracker(rule)
    ended = [tracker.update(*pair) for pair in zip(times[kept].tolist(), scores[kept].tolist(), strict=True)]
    return [alarm for alarm in (*ended, tracker.stop()) if alarm is not None]


def _extend(alarm: Alarm, time: float, score: float) -> Alarm:
    if score > alarm.peak:
        return replace(alarm, end=time, peak=score, peak_at=time)
    return replace(alarm, end=time)


@dataclass(frozen=True)
class RecordingAlarms:
    """The alarms of a recording with known abnormal spans.

    Attributes:
        recording: the recording, with its labels.
        span: its first monitored frame, and one past its last.
        fps: frames a second.
        alarms: in any order; times are frame numbers divided by `fps`.
    """

    recording: Recording
    span: Span
    fps: float
    alarms: Sequence[Alarm] = field(default_factory=list)

    def abnormal_seconds(self) -> list[tuple[float, float]]:
        """List the abnormal spans within `span` as (start, end) in seconds; adjacent spans are merged."""
        first, stop = self.span
        edges = np.diff(self.recording.labels(np.arange(first, stop)), prepend=0, append=0)
        starts, ends = np.flatnonzero(edges == 1).tolist(), np.flatnonzero(edges == -1).tolist()
        return [((first + a) / self.fps, (first + b) / self.fps) for a, b in zip(starts, ends, strict=True)]


@dataclass(frozen=True)
class EventMetrics:
    """Metrics of alarms, with each abnormal span as one event.

    Attributes:
        events: abnormal spans.
        detected: abnormal spans that an alarm touches.
        false_alarms: alarms that touch no abnormal span.
        normal_hours: footage outside the abnormal spans, hours.
        median_delay: seconds from the start of a detected span until its first alarm is raised, 0 if it was raised
            before the span; None if no span is detected.
    """

    events: int
    detected: int
    false_alarms: int
    normal_hours: float
    median_delay: float | None

    @property
    def false_alarms_per_hour(self) -> float | None:
        """False alarms per hour of normal footage; None without normal footage."""
        return self.false_alarms / self.normal_hours if self.normal_hours else None


def event_metrics(recordings: Sequence[RecordingAlarms]) -> EventMetrics:
    """Compare the alarms of recordings with their abnormal spans."""
    events = false_alarms = 0
    normal_seconds = 0.0
    delays = []
    for recording in recordings:
        spans = recording.abnormal_seconds()
        events += len(spans)
        normal_seconds += (recording.span[1] - recording.span[0]) / recording.fps
        normal_seconds -= sum(stop - start for start, stop in spans)
        for start, stop in spans:
            raised = [alarm.raised for alarm in recording.alarms if _touches(alarm, start, stop)]
            delays += [max(0.0, min(raised) - start)] if raised else []
        false_alarms += sum(not any(_touches(alarm, *span) for span in spans) for alarm in recording.alarms)
    median_delay = float(np.median(delays)) if delays else None
    return EventMetrics(events, len(delays), false_alarms, normal_seconds / 3600, median_delay)


def _touches(alarm: Alarm, start: float, stop: float) -> bool:
    return alarm.start < stop and max(alarm.end, alarm.raised) >= start
