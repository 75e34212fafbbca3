"""One camera watched: people come in, their scores and alarms come out."""

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from statistics import median

import numpy as np
from numpy.typing import NDArray

from skelmap.data.scale_check import ScaleCheck
from skelmap.evaluation.alarms import Alarm, AlarmRule, AlarmTracker
from skelmap.monitor.attribution import most_unusual_joints
from skelmap.monitor.scorers import Scorer
from skelmap.monitor.sources import PoseFrame
from skelmap.skeletons.clip import clean_keypoints
from skelmap.skeletons.layouts import Layout
from skelmap.skeletons.resampling import Resampler, bridge_for

SLOW = 3.0
"""Times the training recordings' interval between pictures from which on a camera is called slow."""
PACED = 31
"""Intervals between pictures that tell the camera's pace."""
FORGET = 60.0
"""Seconds after which a person who is not seen any more is forgotten."""


@dataclass(frozen=True)
class TrackScore:
    """A person's score at one tick of the model's clock.

    Attributes:
        person: their number.
        tick: frames at the model's rate since the beginning of the stream.
        time: of the tick, seconds.
        score: of the window that ends there.
    """

    person: int
    tick: int
    time: float
    score: float


@dataclass(frozen=True)
class Event:
    """An alarm, and why.

    Attributes:
        person: their number.
        alarm: when and how high.
        joints: that were most unusual at the peak, the worst first.
        ended: it is over; otherwise it was raised just now.
        clock: when it began, UTC; None for recordings.
    """

    person: int
    alarm: Alarm
    joints: tuple[str, ...]
    ended: bool
    clock: datetime | None = None


@dataclass(eq=False)
class _Person:
    """What is known of one person."""

    resampler: Resampler
    state: AlarmTracker
    frames: deque[NDArray[np.float32]]
    keypoints: deque[NDArray[np.float32]]
    last_seen: float = 0.0
    joints: tuple[str, ...] = ()  # most unusual at the peak of the alarm that lasts

    def forget_window(self) -> None:
        """Begin anew after a gap. The last frame stays: where joints were is still the best guess."""
        self.keypoints.clear()


@dataclass(frozen=True, eq=False)
class FrameResult:
    """What is said of one frame.

    Attributes:
        sight: the frame, with detector faults made missing joints.
        scores: of every tick since the frame before, of each person whose window is full.
        events: alarms raised or ended.
        alarmed: people whose alarm lasts.
        trouble: what makes scores doubtful, or empty.
    """

    sight: PoseFrame
    scores: tuple[TrackScore, ...]
    events: tuple[Event, ...]
    alarmed: frozenset[int]
    trouble: str = ""


class StreamDetector:
    """Follow the people before one camera.

    Each has a ring of T frames. Everything is a function of what came before: scores are those
    that `train.py` gives online.

    Args:
        scorer: the model.
        rule: when scores are an alarm; None gives none.
        layout: of the camera's keypoints.
        fps: pictures a second, as far as is known beforehand.
    """

    def __init__(self, scorer: Scorer, rule: AlarmRule | None, layout: Layout, fps: float) -> None:
        self.scorer, self.eye, self.rule, self.layout = scorer, scorer.eye, rule, layout
        self._intervals = deque([1 / fps] * PACED, maxlen=PACED)
        self._last = -math.inf
        self._people: dict[int, _Person] = {}
        self._fit = ScaleCheck(self.eye.sizes)

    def see(self, sight: PoseFrame) -> FrameResult:
        """Take the next frame; its time must be later than the last one's."""
        sight = replace(sight, keypoints=clean_keypoints(sight.keypoints, sight.size))
        if self._last > -math.inf:
            self._intervals.append(sight.time - self._last)
        self._last = sight.time
        self._fit.see(sight.keypoints, self.layout)
        due = self._resample(sight)
        scores: list[TrackScore] = []
        events: list[Event] = []
        for tick in sorted(due):
            for scored in self._score(tick, due[tick], sight.size):
                scores.append(scored)
                events += self._judge(scored) if math.isfinite(scored.score) else ()
        events += self.advance_to(sight.time)
        return FrameResult(sight, tuple(scores), tuple(events), self.alarmed, self._trouble(scores))

    def _trouble(self, scores: Sequence[TrackScore]) -> str:
        """What makes scores doubtful."""
        if not all(math.isfinite(scored.score) for scored in scores):
            return "scores are NaN or infinite: the model has diverged, or its file is damaged"
        if self.interval > SLOW / self.eye.fps:
            return f"too few pictures a second for a model that was trained on {self.eye.fps:g}"
        return self._fit.trouble

    @property
    def interval(self) -> float:
        """Usual time from one picture to the next, seconds: the median of the last ones."""
        return median(self._intervals)

    @property
    def alarmed(self) -> frozenset[int]:
        """People whose alarm lasts."""
        return frozenset(number for number, person in self._people.items() if person.state.alarm)

    def advance_to(self, now: float) -> tuple[Event, ...]:
        """Say that it is `now`, seconds: end alarms of people who are not seen any more, and forget who left."""
        events = []
        for number, person in list(self._people.items()):
            ended = person.state.advance_to(now)
            if ended:
                events.append(Event(number, ended, person.joints, ended=True))
            if now - person.last_seen > FORGET and not person.state.alarm:
                del self._people[number]
        return tuple(events)

    def stop(self) -> tuple[Event, ...]:
        """End what lasts, at the end of the stream."""
        ended = [(number, person, person.state.stop()) for number, person in self._people.items()]
        return tuple(Event(number, alarm, person.joints, True) for number, person, alarm in ended if alarm)

    def _resample(self, sight: PoseFrame) -> dict[int, dict[int, NDArray[np.float32]]]:
        """Take everybody's sighting; give by tick what each person's keypoints are there."""
        due: dict[int, dict[int, NDArray[np.float32]]] = {}
        bridge = bridge_for(self.interval, self.eye.fps)
        for number, keypoints in zip(sight.person.tolist(), sight.keypoints, strict=True):
            if not (keypoints[:, 2] > 0).any():
                continue
            if number not in self._people:
                self._people[number] = self._new()
            person = self._people[number]
            anew, ticks = person.resampler.see(sight.time, keypoints, bridge)
            person.last_seen = sight.time
            if anew:
                person.forget_window()
            for tick, there in ticks:
                due.setdefault(tick, {})[number] = there
        return due

    def _new(self) -> _Person:
        window = self.eye.window
        return _Person(
            Resampler(self.eye.fps),
            AlarmTracker(self.rule or AlarmRule(math.inf, math.inf)),
            frames=deque([np.zeros(self.eye.settings.shape, np.float32)], maxlen=window),
            keypoints=deque(maxlen=window),
        )

    def _score(self, tick: int, there: dict[int, NDArray[np.float32]], size: tuple[int, int]) -> list[TrackScore]:
        """Draw everybody's frame at a tick, and score the windows that are full."""
        people = [self._people[number] for number in there]
        before = np.stack([person.frames[-1] for person in people])
        frames = self.eye.settings.frames(np.stack(list(there.values())), self.layout, size, before)
        for person, frame, keypoints in zip(people, frames, there.values(), strict=True):
            person.frames.append(frame)
            person.keypoints.append(keypoints)
        full = [number for number in there if len(self._people[number].keypoints) == self.eye.window]
        if not full:
            return []
        windows = np.stack([np.stack(self._people[number].frames) for number in full])
        scores = self.scorer.score(windows)
        time = tick / self.eye.fps
        return [TrackScore(number, tick, time, float(score)) for number, score in zip(full, scores, strict=True)]

    def _judge(self, scored: TrackScore) -> list[Event]:
        """Tell the person's alarm of a score; give what changed."""
        person, time = self._people[scored.person], scored.time
        ended = person.state.update(time, scored.score)
        events = [Event(scored.person, ended, person.joints, ended=True)] if ended else []
        lasting = person.state.alarm or person.state.pending
        if lasting and lasting.peak_at == time:
            person.joints = self._reasons(person)
        if person.state.alarm and person.state.alarm.raised == time:
            events.append(Event(scored.person, person.state.alarm, person.joints, ended=False))
        return events

    def _reasons(self, person: _Person) -> tuple[str, ...]:
        contributions = self.scorer.contributions(np.stack(person.frames))
        return most_unusual_joints(contributions, person.keypoints, self.layout, self.eye.settings)
