"""Events found, and false alarms, at thresholds chosen on normal validation recordings, as in the monitor."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from skelmap.data.windows import EvalIndex
from skelmap.evaluation.alarms import Alarm, AlarmRule, EventMetrics, RecordingAlarms, event_metrics, find_alarms
from skelmap.evaluation.frame_scores import OnlineScores, Predictions, causal_mean, online_scores
from skelmap.evaluation.thresholds import Threshold, ValidationScores, choose_threshold
from skelmap.utils.errors import UserError

NOMINAL_RATES = (1.0, 10.0)
"""False alarms per hour that are allowed in the validation recordings."""
LEVELS = 300
"""Quantiles of the scores that are tried as thresholds where the test recordings themselves set the rate."""
IOUS = (0.2, 0.5)
"""Temporal intersection over union from which on an alarm counts as the event."""


@dataclass(frozen=True)
class EventMatch:
    """Alarms and events matched one to one by their overlap in time.

    Attributes:
        iou: least intersection over union of an alarm and its event.
        matched: pairs.
        alarms: number of alarms.
        events: number of abnormal events.
    """

    iou: float
    matched: int
    alarms: int
    events: int

    @property
    def precision(self) -> float | None:
        """Share of the alarms that match an event; None without alarms."""
        return self.matched / self.alarms if self.alarms else None

    @property
    def recall(self) -> float | None:
        """Share of the events that match an alarm; None without events."""
        return self.matched / self.events if self.events else None

    @property
    def f1(self) -> float | None:
        """Harmonic mean of precision and recall; None without alarms and events."""
        return 2 * self.matched / (self.alarms + self.events) if self.alarms + self.events else None


@dataclass(frozen=True)
class DetectionResult:
    """Alarms on the test split.

    Attributes:
        nominal: false alarms per hour that were allowed in the validation recordings.
        threshold: chosen for them.
        metrics: of the alarms in the test recordings.
        matches: events matched at each of `IOUS`.
    """

    nominal: float
    threshold: Threshold
    metrics: EventMetrics
    matches: tuple[EventMatch, ...]


@dataclass(frozen=True)
class Detection:
    """Alarms on the test split at every allowed false-alarm rate that the validation recordings are long enough for.

    Attributes:
        results: in the order of the rates.
        reason: why a rate is missing; empty if none is.
    """

    results: tuple[DetectionResult, ...]
    reason: str


@dataclass(frozen=True)
class EventRecall:
    """Events found at the lowest threshold with at most a rate of false alarms in the test recordings themselves.

    The threshold is read off the labels of the test split, so this describes the scores and cannot be used.

    Attributes:
        per_hour: allowed false alarms per hour of normal footage.
        threshold: the lowest one, searched from the top down.
        metrics: of its alarms.
    """

    per_hour: float
    threshold: float
    metrics: EventMetrics

    @property
    def recall(self) -> float | None:
        """Share of the events that are found; None without events."""
        return self.metrics.detected / self.metrics.events if self.metrics.events else None


def detect_events(
    predictions: Predictions, rows: EvalIndex, validation: ValidationScores | None, smooth_seconds: float = 0.0
) -> Detection:
    """Choose thresholds on validation scores, and apply them to the test recordings person by person.

    Args:
        predictions: scores of the test windows; each belongs to the last frame of its window.
        rows: the test split.
        validation: scores of normal validation recordings; None without any.
        smooth_seconds: length of the causal mean of both scores; 0 leaves them as they are.
    """
    if validation is None:
        return Detection((), "no validation scores, so no threshold can be chosen")
    scores = online_scores(predictions, rows)
    if smooth_seconds:
        scores = scores._replace(score=causal_mean(*scores, smooth_seconds))
        of_validation = validation.clip, validation.track, validation.time, validation.score
        validation = replace(validation, score=causal_mean(*of_validation, smooth_seconds))
    rule = AlarmRule(0, 0)
    results, reason = [], ""
    for nominal in NOMINAL_RATES:
        try:
            threshold = choose_threshold(validation, nominal, rule.min_seconds, rule.release_seconds)
        except UserError:
            minutes, needed = 60 * validation.hours, 60 / nominal
            reason = reason or (
                f"{nominal:g} false alarms per hour: {minutes:.1f} minutes of normal validation recordings; {needed:g} "
                "are needed"
            )
            continue
        recordings = _recording_alarms(scores, rows, threshold.rule)
        matches = tuple(match_events(recordings, iou) for iou in IOUS)
        results.append(DetectionResult(nominal, threshold, event_metrics(recordings), matches))
    return Detection(tuple(results), reason)


def event_recalls(predictions: Predictions, rows: EvalIndex) -> tuple[EventRecall, ...]:
    """Find the events that scores detect at each of `NOMINAL_RATES` in the test recordings; empty without events.

    Thresholds are searched from the top down, since far below alarms merge until a single one covers everything.

    Args:
        predictions: scores of the test windows.
        rows: the test split.
    """
    scores = online_scores(predictions, rows)
    shares = np.append(0, np.geomspace(1 / len(scores.score), 1, LEVELS))  # of higher scores: dense at the top
    levels = np.unique(np.quantile(scores.score, 1 - shares, method="higher"))[::-1].tolist()
    levels = [math.nextafter(levels[0], math.inf), *levels]
    found: list[EventRecall] = []
    position, best = 0, None
    for per_hour in NOMINAL_RATES:
        for level in levels[position:]:
            metrics = event_metrics(_recording_alarms(scores, rows, AlarmRule(level, level)))
            if metrics.false_alarms > per_hour * metrics.normal_hours + 1e-9:
                break
            position, best = position + 1, (level, metrics)
        if best is not None and best[1].events and best[1].normal_hours:
            found.append(EventRecall(per_hour, *best))
    return tuple(found)


def _recording_alarms(scores: OnlineScores, rows: EvalIndex, rule: AlarmRule) -> list[RecordingAlarms]:
    """Apply a rule to the scores of each person of each recording."""
    clip, track, times, score = scores
    alarms: list[list[Alarm]] = [[] for _ in rows.recordings]
    changes = np.flatnonzero((np.diff(clip) != 0) | (np.diff(track) != 0)) + 1
    for part in np.split(np.arange(len(score)), changes):
        if len(part):
            alarms[clip[part[0]]] += find_alarms(times[part], score[part], rule)
    recordings = zip(rows.recordings, rows.spans, alarms, strict=True)
    return [RecordingAlarms(recording, span, rows.fps, found) for recording, span, found in recordings]


def match_events(recordings: Sequence[RecordingAlarms], iou: float) -> EventMatch:
    """Match alarms and abnormal events of each recording one to one, the largest overlaps first.

    Args:
        recordings: with their alarms; alarms of several people that overlap are one.
        iou: least intersection over union of a pair.
    """
    matched = alarms = events = 0
    for recording in recordings:
        spans = recording.abnormal_seconds()
        raised = _merge([(alarm.start, max(alarm.end, alarm.raised)) for alarm in recording.alarms])
        overlaps = sorted(
            ((_iou(alarm, span), i, j) for i, alarm in enumerate(raised) for j, span in enumerate(spans)), reverse=True
        )
        used: tuple[set[int], set[int]] = (set(), set())
        for overlap, i, j in overlaps:
            if overlap >= iou and i not in used[0] and j not in used[1]:
                used[0].add(i)
                used[1].add(j)
        matched, alarms, events = matched + len(used[0]), alarms + len(raised), events + len(spans)
    return EventMatch(iou, matched, alarms, events)


def _merge(intervals: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Unite intervals that overlap."""
    merged: list[tuple[float, float]] = []
    for start, stop in sorted(intervals):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], stop))
        else:
            merged.append((start, stop))
    return merged


def _iou(one: tuple[float, float], other: tuple[float, float]) -> float:
    intersection = min(one[1], other[1]) - max(one[0], other[0])
    union = max(one[1], other[1]) - min(one[0], other[0])
    return max(intersection, 0.0) / union if union > 0 else 0.0
