"""From scores to alarms, and alarms compared with labelled events."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from skelmap.evaluation.metrics import Curve, Floats, Labels

TICK = 1e-6
"""Seconds by which times may differ that are meant to be equal."""


@dataclass(frozen=True)
class AlarmRule:
    """When scores are an alarm.

    Attributes:
        on: an alarm begins with a score of at least this.
        off: it lasts while scores are at least this; at most `on`.
        min_seconds: it is raised once it has lasted so long.
        cool_down_seconds: it is over once scores have been below `off`, or nobody was there, for so long; longer than
            from one score to the next.
    """

    on: float
    off: float
    min_seconds: float = 0.5
    cool_down_seconds: float = 2.0


@dataclass(frozen=True)
class Alarm:
    """One alarm of one person; times are seconds of the stream.

    Attributes:
        start: of the unusual movement, its first score of at least `on`.
        raised: when the alarm was given.
        end: the last score of at least `off`; so far, while the alarm lasts.
        peak: the highest score.
        peak_at: when that was.
    """

    start: float
    raised: float
    end: float
    peak: float
    peak_at: float


class AlarmTracker:
    """Follow one person's scores.

    Attributes:
        alarm: the alarm that lasts, or None.
        pending: what will be an alarm if it lasts long enough, or None.
    """

    def __init__(self, rule: AlarmRule) -> None:
        self.rule = rule
        self.alarm: Alarm | None = None
        self.pending: Alarm | None = None

    def score(self, time: float, score: float) -> Alarm | None:
        """Take a score; give the alarm that ended with it, if one did.

        Args:
            time: seconds, later than the last.
            score: of the window that ends then.
        """
        ended = self.advance_to(time)
        if self.alarm is not None and score >= self.rule.off:
            self.alarm = _on(self.alarm, time, score)
        elif self.pending is not None and score >= self.rule.off:
            self.pending = _on(self.pending, time, score)
        elif self.alarm is None:
            self.pending = Alarm(time, time, time, score, time) if score >= self.rule.on else None
        if self.pending is not None and time - self.pending.start >= self.rule.min_seconds - TICK:
            self.alarm, self.pending = replace(self.pending, raised=time), None
        return ended

    def advance_to(self, time: float) -> Alarm | None:
        """Say that it is `time` now, seconds; give the alarm that is over by then, if one is."""
        if self.pending is not None and time - self.pending.end > self.rule.cool_down_seconds + TICK:
            self.pending = None  # nobody was seen meanwhile
        if self.alarm is None or time - self.alarm.end <= self.rule.cool_down_seconds + TICK:
            return None
        return self.stop()

    def stop(self) -> Alarm | None:
        """End the alarm that lasts, if there is one, and give it."""
        ended, self.alarm, self.pending = self.alarm, None, None
        return ended


def alarms_of(times: Iterable[float], scores: Iterable[float], rule: AlarmRule) -> list[Alarm]:
    """Give all alarms of one person's scores, in order.

    Args:
        times: seconds, ascending.
        scores: one for each time.
        rule: when they are an alarm.
    """
    state = AlarmTracker(rule)
    ended = [state.score(time, score) for time, score in zip(times, scores, strict=True)]
    return [alarm for alarm in (*ended, state.stop()) if alarm is not None]


def _on(alarm: Alarm, time: float, score: float) -> Alarm:
    """Prolong an alarm to `time`."""
    if score > alarm.peak:
        return replace(alarm, end=time, peak=score, peak_at=time)
    return replace(alarm, end=time)


DETECTION_RATE = 0.8


@dataclass(frozen=True)
class OperatingPoint:
    """A point of the ROC curve, in units of the workplace.

    Its threshold is read off the labels of the test split itself: it describes the curve and was not chosen
    beforehand. A threshold for use comes from normal validation data.

    Attributes:
        detection_rate: share of abnormal frames asked for, at least so many score at or above the threshold.
        threshold: the highest threshold that reaches it.
        false_alarms: runs of successive normal frames at or above the threshold, also such that follow an abnormal one.
        normal_hours: judged normal footage.
        false_alarms_per_hour: false alarms by normal hours.
        spans: abnormal spans with judged frames.
        spans_detected: those with a frame at or above the threshold.
        median_delay: from the start of a detected span to its first such frame, seconds; None if none was detected.
    """

    detection_rate: float
    threshold: float
    false_alarms: int
    normal_hours: float
    false_alarms_per_hour: float
    spans: int
    spans_detected: int
    median_delay: float | None


def operating_point(
    curve: Curve,
    score: Floats,
    label: Labels,
    onset: NDArray[np.int64],
    clip: NDArray[np.int64],
    frame: NDArray[np.int64],
    fps: Floats,
) -> OperatingPoint:
    """Describe the point of the curve where 80 % of the abnormal frames are detected.

    Args:
        curve: of `score` and `label`, with both classes.
        score: (F,) of frames sorted by (clip, frame).
        label: (F,) 1 = abnormal.
        onset: (F,) first frame of the abnormal span that a frame lies in.
        clip: (F,) index of the clip.
        frame: (F,) frame number.
        fps: (C,) frames a second of each clip.

    Returns:
        The operating point.
    """
    reached = np.flatnonzero(curve.detected >= DETECTION_RATE * curve.detected[-1])[0]
    threshold = float(curve.threshold[reached])
    above = score >= threshold

    false = above & (label == 0)
    follows = np.append(False, (np.diff(clip) == 0) & (np.diff(frame) == 1) & false[:-1])
    false_alarms = int((false & ~follows).sum())
    hours = float(np.sum((label == 0) / fps[clip]) / 3600)

    abnormal = label == 1
    spans = np.unique(np.stack([clip, onset], axis=1)[abnormal], axis=0)
    hits, first = np.unique(np.stack([clip, onset], axis=1)[abnormal & above], axis=0, return_index=True)
    delay = (frame[abnormal & above][first] - hits[:, 1]) / fps[hits[:, 0]]
    return OperatingPoint(
        detection_rate=DETECTION_RATE,
        threshold=threshold,
        false_alarms=false_alarms,
        normal_hours=hours,
        false_alarms_per_hour=false_alarms / hours,
        spans=len(spans),
        spans_detected=len(hits),
        median_delay=float(np.median(delay)) if len(delay) else None,
    )
