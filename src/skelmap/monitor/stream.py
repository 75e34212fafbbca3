"""Detector of one stream: takes pose frames, gives scores and alarms of each person."""

import math
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from statistics import median

import numpy as np
from numpy.typing import NDArray

from skelmap.evaluation.alarms import Alarm, AlarmRule, AlarmTracker
from skelmap.monitor.attribution import most_unusual_joints
from skelmap.monitor.first_seconds import FirstSeconds
from skelmap.monitor.scorers import Scorer
from skelmap.monitor.sources import PoseFrame
from skelmap.skeletons.clip import clean_keypoints
from skelmap.skeletons.layouts import Layout
from skelmap.skeletons.person_size import ScaleCheck
from skelmap.skeletons.resampling import Resampler, longest_gap

SLOW_CAMERA = 3.0
"""Frame intervals above this multiple of the model's are reported as too few frames."""
INTERVALS = 31
"""Number of frame intervals whose median is the interval of the camera."""
FORGET_SECONDS = 60.0
"""A person without an alarm is forgotten after this time without a detection."""


@dataclass(frozen=True)
class TrackScore:
    """Score of a person at a tick of the model's clock.

    Attributes:
        person: track number.
        tick: number of model frames since the start of the stream.
        time: of the tick, seconds of the stream.
        score: of the window that ends at the tick, higher = more abnormal.
    """

    person: int
    tick: int
    time: float
    score: float


@dataclass(frozen=True)
class Event:
    """Start or end of an alarm.

    Attributes:
        person: track number.
        alarm: its times and its peak score.
        joints: most unusual joints at the peak, the most unusual first.
        ended: whether the alarm has ended; False when it is raised.
        clock: start of the alarm in UTC; None for recordings.
        zone: name of the zone that raised it; empty for an alarm of the model.
    """

    person: int
    alarm: Alarm
    joints: tuple[str, ...]
    ended: bool
    clock: datetime | None = None
    zone: str = ""


@dataclass(frozen=True, eq=False)
class FrameResult:
    """Result of a frame.

    Attributes:
        frame: the input frame after `clean_keypoints`.
        scores: of all people with a full window, at each tick since the previous frame.
        events: alarms that were raised or have ended.
        alarmed: people with an active alarm.
        warning: why scores are unreliable; empty if they are not.
        windows: how full the window of each person in view is, 0 to 1; only full windows have scores.
    """

    frame: PoseFrame
    scores: tuple[TrackScore, ...]
    events: tuple[Event, ...]
    alarmed: frozenset[int]
    warning: str = ""
    windows: Mapping[int, float] = field(default_factory=dict)


@dataclass(eq=False)
class _Person:
    """State of a tracked person.

    Attributes:
        frames: input frames of the current window, (C, H, W) each, at most T.
        keypoints: keypoints of the same ticks, (V, 3) each.
        previous_frame: input frame of the previous tick, also across gaps.
        joints: most unusual joints at the peak of the current alarm.
    """

    resampler: Resampler
    alarms: AlarmTracker
    frames: deque[NDArray[np.float32]]
    keypoints: deque[NDArray[np.float32]]
    previous_frame: NDArray[np.float32]
    last_seen: float = 0.0
    joints: tuple[str, ...] = ()


class StreamDetector:
    """Scores the people of one stream, frame by frame.

    Each person has a ring buffer of T input frames at the model's frame rate. Results depend on past frames only;
    scores equal those of an offline evaluation.

    Args:
        scorer: the model.
        rule: of the alarms.
        layout: of the stream's keypoints.
        fps: expected frame rate of the stream.
    """

    def __init__(self, scorer: Scorer, rule: AlarmRule, layout: Layout, fps: float) -> None:
        self.scorer, self.spec, self.rule, self.layout = scorer, scorer.spec, rule, layout
        self._intervals = deque([1 / fps] * INTERVALS, maxlen=INTERVALS)
        self._last_time = -math.inf
        self._people: dict[int, _Person] = {}
        self._scale_check = ScaleCheck(self.spec.people_px)
        self._first_seconds = FirstSeconds(layout, fps)
        self._fullest = 0  # frames of the fullest window so far

    def update(self, frame: PoseFrame) -> FrameResult:
        """Score the people of the next frame and update their alarms.

        Args:
            frame: its time must be later than that of the previous frame.

        Returns:
            Scores, raised and ended alarms, and warnings.
        """
        cleaned = clean_keypoints(frame.keypoints, frame.size)
        self._first_seconds.update(frame, cleaned)
        frame = replace(frame, keypoints=self.spec.person_filter.drop(cleaned, self.layout, frame.size))
        if self._last_time > -math.inf:
            self._intervals.append(frame.time - self._last_time)
        self._last_time = frame.time
        self._scale_check.update(frame.keypoints, self.layout)
        keypoints_by_tick = self._resample(frame)
        scores: list[TrackScore] = []
        events: list[Event] = []
        for tick in sorted(keypoints_by_tick):
            for track_score in self._score(tick, keypoints_by_tick[tick], frame.size):
                scores.append(track_score)
                events += self._update_alarm(track_score) if math.isfinite(track_score.score) else ()
        events += self.advance_to(frame.time)
        in_view = [number for number in frame.person_ids.tolist() if number in self._people]
        windows = {number: len(self._people[number].frames) / self.spec.window for number in in_view}
        return FrameResult(frame, tuple(scores), tuple(events), self.alarmed, self._warning(scores), windows)

    def advance_to(self, time: float) -> tuple[Event, ...]:
        """Advance the stream's time without a frame: end alarms of people who are gone, and forget these people.

        Args:
            time: seconds of the stream.
        """
        events = []
        for number, person in list(self._people.items()):
            ended = person.alarms.advance_to(time)
            if ended:
                events.append(Event(number, ended, person.joints, ended=True))
            if time - person.last_seen > FORGET_SECONDS and not person.alarms.alarm:
                del self._people[number]
        return tuple(events)

    def finish(self) -> tuple[Event, ...]:
        """End all active alarms at the end of the stream."""
        ended = [(number, person, person.alarms.stop()) for number, person in self._people.items()]
        return tuple(Event(number, alarm, person.joints, True) for number, person, alarm in ended if alarm)

    @property
    def interval(self) -> float:
        """Median interval between recent frames, seconds."""
        return median(self._intervals)

    @property
    def alarmed(self) -> frozenset[int]:
        """People with an active alarm."""
        return frozenset(number for number, person in self._people.items() if person.alarms.alarm)

    @property
    def no_score_reason(self) -> str:
        """Why there was no score so far; empty if there was one."""
        if self._fullest == self.spec.window:
            return ""
        if not self._fullest:
            return "no score: nobody was seen"
        seen, needed = self._fullest / self.spec.fps, self.spec.window / self.spec.fps
        return f"no score: no window was full: {seen:.2g} s of {needed:.2g} s"

    def _warning(self, scores: Sequence[TrackScore]) -> str:
        if not all(math.isfinite(track_score.score) for track_score in scores):
            return "scores are NaN or infinite: the model has diverged, or its file is damaged"
        if self.interval > SLOW_CAMERA / self.spec.fps:
            return f"too few frames per second for a model that was trained on {self.spec.fps:g}"
        return "; ".join(filter(None, (self._first_seconds.warning, self._scale_check.warning)))

    def _resample(self, frame: PoseFrame) -> dict[int, dict[int, NDArray[np.float32]]]:
        """Resample the keypoints of all people to the model's clock: (V, 3) by tick and person."""
        keypoints_by_tick: dict[int, dict[int, NDArray[np.float32]]] = {}
        longest = longest_gap(self.spec.bridge_seconds, self.interval, self.spec.fps)
        for number, keypoints in zip(frame.person_ids.tolist(), frame.keypoints, strict=True):
            if not (keypoints[:, 2] > 0).any():
                continue
            if number not in self._people:
                self._people[number] = self._new_person()
            person = self._people[number]
            restarted, ticks = person.resampler.update(frame.time, keypoints, longest)
            person.last_seen = frame.time
            if restarted:
                person.frames.clear()
                person.keypoints.clear()
            for tick, resampled in ticks:
                keypoints_by_tick.setdefault(tick, {})[number] = resampled
        return keypoints_by_tick

    def _new_person(self) -> _Person:
        return _Person(
            Resampler(self.spec.fps),
            AlarmTracker(self.rule),
            frames=deque(maxlen=self.spec.window),
            keypoints=deque(maxlen=self.spec.window),
            previous_frame=np.zeros(self.spec.settings.shape, np.float32),
        )

    def _score(self, tick: int, keypoints: dict[int, NDArray[np.float32]], size: tuple[int, int]) -> list[TrackScore]:
        """Add a tick's input frames to the windows of all people, and score the windows that are full."""
        people = [self._people[number] for number in keypoints]
        previous = np.stack([person.previous_frame for person in people])
        frames = self.spec.settings.frames(np.stack(list(keypoints.values())), self.layout, size, previous)
        for person, frame, points in zip(people, frames, keypoints.values(), strict=True):
            person.frames.append(frame)
            person.keypoints.append(points)
            person.previous_frame = frame
            self._fullest = max(self._fullest, len(person.frames))
        full = [number for number in keypoints if len(self._people[number].frames) == self.spec.window]
        if not full:
            return []
        scores = self.scorer.score(np.stack([np.stack(self._people[number].frames) for number in full]))
        time = tick / self.spec.fps
        return [TrackScore(number, tick, time, float(score)) for number, score in zip(full, scores, strict=True)]

    def _update_alarm(self, track_score: TrackScore) -> list[Event]:
        """Pass a score to the person's alarm; give the events it causes."""
        person, time = self._people[track_score.person], track_score.time
        ended = person.alarms.update(time, track_score.score)
        events = [Event(track_score.person, ended, person.joints, ended=True)] if ended else []
        current = person.alarms.alarm or person.alarms.pending
        if current and current.peak_at == time:
            person.joints = self._most_unusual_joints(person)
        if person.alarms.alarm and person.alarms.alarm.raised == time:
            events.append(Event(track_score.person, person.alarms.alarm, person.joints, ended=False))
        return events

    def _most_unusual_joints(self, person: _Person) -> tuple[str, ...]:
        attribution = self.scorer.attribution(np.stack(person.frames))
        return most_unusual_joints(attribution, person.keypoints, self.layout, self.spec.settings)
