"""Timeline of a worker's motion: root path over the floor, posture channels and hand keyframes.

Every voluntary movement is a minimum-jerk step (Flash & Hogan, J. Neurosci. 5, 1985); overlapping movements add up
(Flash & Henis, J. Cogn. Neurosci. 3, 1991), so that a new movement may begin at any time without a jump in velocity.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from skelmap.simulation.hand_targets import ArmSwing, HandKeyframe, HandTarget
from skelmap.simulation.motion import FPS, Floats, minimum_jerk, wrap_angle
from skelmap.simulation.posture import BodyTrajectory

CHANNELS = ("lean", "side_bend", "twist", "crouch", "head_yaw", "head_pitch")
"""Animated channels of trunk and head, see `BodyTrajectory`."""
TURN_SPEED = 2.6
"""Peak rate of turning the body, rad/s; people turn corners at 2 to 3 rad/s (Hase & Stein, 1999)."""
RAMP = 0.55
"""Seconds from standing to walking pace and back: about one step (Miller & Verstraete, 1996: gait initiation)."""
CORNER = 0.45
"""Distance before a waypoint at which the path begins to round it, m."""


@dataclass(frozen=True)
class ChannelStep:
    """Change of one channel by `amount`, from `start`, s, for `seconds`."""

    start: float
    seconds: float
    amount: float


@dataclass
class Timeline:
    """Motion of a worker, extended by one movement after the other.

    Attributes:
        position: (x, y) of the worker at the timeline's end, m.
        heading: heading of the worker at the timeline's end, rad, unwrapped.
        hand_keyframes: keyframes of the right and the left hand.
    """

    position: tuple[float, float]
    heading: float
    hand_keyframes: tuple[list[HandKeyframe], list[HandKeyframe]] = field(
        default_factory=lambda: ([HandKeyframe(-1.0, 0.5, ArmSwing())], [HandKeyframe(-1.0, 0.5, ArmSwing())])
    )
    _steps: dict[str, list[ChannelStep]] = field(default_factory=lambda: {key: [] for key in CHANNELS})
    _level: dict[str, float] = field(default_factory=lambda: dict.fromkeys(CHANNELS, 0.0))
    _xy: list[Floats] = field(default_factory=list)
    _heading: list[Floats] = field(default_factory=list)
    _running: list[Floats] = field(default_factory=list)
    _frames: int = 0

    @property
    def now(self) -> float:
        """Length of the timeline, s: the time at which the next movement begins."""
        return self._frames / FPS

    @property
    def frames(self) -> int:
        """Length of the timeline in frames."""
        return self._frames

    def animate(self, channel: str, to: float, seconds: float, after: float = 0.0) -> None:
        """Move a channel of the trunk or head to a value; the timeline does not get longer.

        Args:
            channel: one of `CHANNELS`.
            to: final value, rad (crouch: m).
            seconds: duration of the movement.
            after: delay of its start, s.
        """
        amount = to - self._level[channel]
        self._level[channel] = to
        if amount:
            self._steps[channel].append(ChannelStep(self.now + after, max(seconds, 1 / FPS), amount))

    def move_hand(self, side: int, target: HandTarget, seconds: float, after: float = 0.0) -> None:
        """Move a hand to a target; the timeline does not get longer.

        Args:
            side: 0 = right, 1 = left.
            target: rule for the wrist position from then on.
            seconds: duration of the transition.
            after: delay of its start, s; never before an earlier keyframe of the same hand.
        """
        start = max(self.now + after, self.hand_keyframes[side][-1].start)
        self.hand_keyframes[side].append(HandKeyframe(start, max(seconds, 1 / FPS), target))

    def wait(self, seconds: float) -> None:
        """Stand still for a time, s."""
        count = max(round(seconds * FPS), 1)
        self._append(np.tile(self.position, (count, 1)), np.full(count, self.heading), 0.0)

    def turn_to(self, heading: float) -> None:
        """Turn on the spot to a heading, rad, by the smaller angle."""
        heading = self.heading + wrap_angle(heading - self.heading)
        count = max(round(_turn_seconds(heading - self.heading) * FPS), 1)
        progress = minimum_jerk(np.arange(1, count + 1) / count)
        self._append(np.tile(self.position, (count, 1)), self.heading + (heading - self.heading) * progress, 0.0)
        self.heading = heading

    def follow_path(
        self, waypoints: Sequence[tuple[float, float]], heading: float, speed: float, running: bool = False
    ) -> None:
        """Walk or run along waypoints and turn to a heading on arrival.

        Args:
            waypoints: (x, y) m; the last is the goal.
            heading: heading on arrival, rad.
            speed: cruising speed, m/s.
            running: whether to run.
        """
        path = _rounded_path([self.position, *waypoints])
        length = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(path, axis=0).T))])
        if length[-1] < 0.05:
            self.turn_to(heading)
            return
        travelled = _travelled(length[-1], speed, RAMP * (1.3 if running else 1.0))
        direction = np.unwrap(np.arctan2(*np.gradient(path, axis=0).T[::-1]))
        direction += self.heading + wrap_angle(direction[0] - self.heading) - direction[0]
        arrival = direction[-1] + wrap_angle(heading - direction[-1])
        turn_in = _turn_seconds(direction[0] - self.heading)
        turn_out = _turn_seconds(arrival - direction[-1])
        before, after = int(0.55 * turn_in * FPS), int(0.55 * turn_out * FPS)  # walking overlaps with the turns
        travelled = np.concatenate([np.zeros(before), travelled, np.full(after, length[-1])])
        headings = np.interp(travelled, length, direction)
        clock = np.arange(1, len(travelled) + 1) / FPS
        headings += (self.heading - direction[0]) * (1 - minimum_jerk(clock / max(turn_in, 1 / FPS)))
        headings += (arrival - direction[-1]) * minimum_jerk(1 - (clock[-1] - clock) / max(turn_out, 1 / FPS))
        xy = np.stack([np.interp(travelled, length, path[:, k]) for k in (0, 1)], axis=1)
        self._append(xy, headings, float(running))
        self.heading = arrival
        self.position = (float(path[-1, 0]), float(path[-1, 1]))

    def sample(self) -> BodyTrajectory:
        """Evaluate root path and channels at every frame."""
        time = np.arange(self._frames) / FPS
        channels = {}
        for key in CHANNELS:
            value = np.zeros(self._frames)
            for step in self._steps[key]:
                first = max(int(step.start * FPS), 0)
                value[first:] += step.amount * minimum_jerk((time[first:] - step.start) / step.seconds)
            channels[key] = value
        return BodyTrajectory(
            np.concatenate(self._xy), np.concatenate(self._heading), np.concatenate(self._running), **channels
        )

    def _append(self, xy: Floats, heading: Floats, running: float) -> None:
        self._xy.append(np.asarray(xy, np.float64))
        self._heading.append(heading)
        self._running.append(np.full(len(xy), running))
        self._frames += len(xy)


def _turn_seconds(angle: float) -> float:
    """Duration of a minimum-jerk turn whose peak rate is TURN_SPEED; the peak is 1.875 times the mean."""
    return float(1.875 * abs(angle) / TURN_SPEED) if abs(angle) > 0.05 else 0.0


def _rounded_path(waypoints: Sequence[tuple[float, float]]) -> Floats:
    """Sample a polyline of distinct points every few centimetres, (M, 2) m, its corners cut by parabolas."""
    distinct = [a for a, b in pairwise([*waypoints, (np.inf, np.inf)]) if np.hypot(b[0] - a[0], b[1] - a[1]) > 1e-3]
    corners = np.array(distinct)
    pieces = [corners[:1]]
    for i in range(1, len(corners)):
        last = i == len(corners) - 1
        arrive = corners[i] if last else _before_corner(corners[i], corners[i - 1])
        pieces.append(_line(pieces[-1][-1], arrive))
        if not last:
            leave = _before_corner(corners[i], corners[i + 1])
            t = np.linspace(0, 1, 12)[1:, None]
            pieces.append((1 - t) ** 2 * arrive + 2 * t * (1 - t) * corners[i] + t**2 * leave)
    return np.concatenate(pieces)


def _before_corner(corner: Floats, other: Floats) -> Floats:
    """Point on the line from a corner to its neighbour at which the rounding begins or ends."""
    gap = float(np.hypot(*(other - corner)))
    result: Floats = corner + (other - corner) * min(CORNER / max(gap, 1e-9), 0.45)
    return result


def _line(a: Floats, b: Floats) -> Floats:
    count = max(int(np.hypot(*(b - a)) / 0.04), 2)
    result: Floats = a + (b - a) * np.linspace(0, 1, count + 1)[1:, None]
    return result


def _travelled(length: float, speed: float, ramp: float) -> Floats:
    """Distance travelled after each frame, m: accelerate for `ramp` s, cruise, decelerate, all smoothly."""
    speed = min(speed, length / ramp)  # a short path is done without reaching cruising speed
    seconds = length / speed + ramp
    fine = np.linspace(0, seconds, 400)
    pace = minimum_jerk(fine / ramp) * minimum_jerk((seconds - fine) / ramp)
    travelled = np.concatenate([[0.0], np.cumsum((pace[1:] + pace[:-1]) / 2)])
    count = max(round(seconds * FPS), 2)
    result: Floats = np.interp(np.linspace(0, seconds, count + 1)[1:], fine, travelled / travelled[-1] * length)
    return result
