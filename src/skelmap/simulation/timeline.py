"""A timeline on which acts are laid: where the worker goes, and when trunk, head and hands move.

Every voluntary movement is a minimum-jerk step (Flash & Hogan, J. Neurosci. 5, 1985); movements that overlap add up
(Flash & Henis, J. Cogn. Neurosci. 3, 1991), so that a plan may change at any moment without a jolt.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from skelmap.simulation.gait import FPS, Floats, minimum_jerk
from skelmap.simulation.hands import Grip, Hang, Take
from skelmap.simulation.posture import Plan

CHANNELS = ("lean", "bend", "twist", "crouch", "head_yaw", "head_pitch")
TURN_SPEED = 2.6
"""Peak rate of turning the body, rad/s; people turn corners at 2 to 3 rad/s (Hase & Stein, 1999)."""
RAMP = 0.55
"""Seconds from standing to walking pace and back: about one step (Miller & Verstraete, 1996: gait initiation)."""
CORNER = 0.45
"""How far before a way point the path begins to round it, m."""


@dataclass(frozen=True)
class Move:
    """A step of one channel by `amount`, from `start` for `seconds`."""

    start: float
    seconds: float
    amount: float


@dataclass
class Timeline:
    """What a worker does, growing as acts are added.

    Attributes:
        place: (x, y) where the worker is now, m.
        facing: where the worker faces now, rad, unwrapped.
        hands: what each hand does, 0 = right, 1 = left.
    """

    place: tuple[float, float]
    facing: float
    hands: tuple[list[Take], list[Take]] = field(
        default_factory=lambda: ([Take(-1.0, 0.5, Hang())], [Take(-1.0, 0.5, Hang())])
    )
    _moves: dict[str, list[Move]] = field(default_factory=lambda: {key: [] for key in CHANNELS})
    _level: dict[str, float] = field(default_factory=lambda: dict.fromkeys(CHANNELS, 0.0))
    _xy: list[Floats] = field(default_factory=list)
    _heading: list[Floats] = field(default_factory=list)
    _run: list[Floats] = field(default_factory=list)
    _frames: int = 0

    @property
    def now(self) -> float:
        """Seconds since the timeline's start."""
        return self._frames / FPS

    @property
    def frames(self) -> int:
        """Frames since the timeline's start."""
        return self._frames

    def shift(self, channel: str, to: float, seconds: float, after: float = 0.0) -> None:
        """Bring a channel of the trunk or head to a value.

        Args:
            channel: one of `CHANNELS`.
            to: the value to reach, rad (crouch: m).
            seconds: how long the movement takes.
            after: seconds from now until it begins.
        """
        amount = to - self._level[channel]
        self._level[channel] = to
        if amount:
            self._moves[channel].append(Move(self.now + after, max(seconds, 1 / FPS), amount))

    def hand(self, side: int, grip: Grip, seconds: float, after: float = 0.0) -> None:
        """Let a hand go over to something else.

        Args:
            side: 0 = right, 1 = left.
            grip: where the hand is from then on.
            seconds: how long the movement takes.
            after: seconds from now until it begins; never before an earlier one of the same hand.
        """
        start = max(self.now + after, self.hands[side][-1].start)
        self.hands[side].append(Take(start, max(seconds, 1 / FPS), grip))

    def stay(self, seconds: float) -> None:
        """Stand where one is."""
        count = max(round(seconds * FPS), 1)
        self._append(np.tile(self.place, (count, 1)), np.full(count, self.facing), 0.0)

    def turn(self, facing: float) -> None:
        """Turn on the spot to a heading, rad, the short way round."""
        facing = self.facing + _wrapped(facing - self.facing)
        count = max(round(_turn_seconds(facing - self.facing) * FPS), 1)
        share = minimum_jerk(np.arange(1, count + 1) / count)
        self._append(np.tile(self.place, (count, 1)), self.facing + (facing - self.facing) * share, 0.0)
        self.facing = facing

    def go(self, way: Sequence[tuple[float, float]], facing: float, speed: float, run: bool = False) -> None:
        """Walk or run along way points and turn to a heading on arrival.

        Args:
            way: points to pass, m; the last is the goal.
            facing: heading on arrival, rad.
            speed: cruising speed, m/s.
            run: whether to run.
        """
        corners = [self.place, *way]
        path = _rounded(
            np.array(
                [a for a, b in pairwise([*corners, (np.inf, np.inf)]) if np.hypot(b[0] - a[0], b[1] - a[1]) > 1e-3]
            )
        )
        length = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(path, axis=0).T))])
        if length[-1] < 0.05:
            self.turn(facing)
            return
        travelled = _advance(length[-1], speed, RAMP * (1.3 if run else 1.0))
        direction = np.unwrap(np.arctan2(*np.gradient(path, axis=0).T[::-1]))
        direction += self.facing + _wrapped(direction[0] - self.facing) - direction[0]
        arrival = direction[-1] + _wrapped(facing - direction[-1])
        before = int(0.55 * _turn_seconds(direction[0] - self.facing) * FPS)  # set off while still turning
        after = int(0.55 * _turn_seconds(arrival - direction[-1]) * FPS)
        travelled = np.concatenate([np.zeros(before), travelled, np.full(after, length[-1])])
        heading = np.interp(travelled, length, direction)
        clock = np.arange(1, len(travelled) + 1) / FPS
        turn_in = _turn_seconds(direction[0] - self.facing)
        turn_out = _turn_seconds(arrival - direction[-1])
        heading += (self.facing - direction[0]) * (1 - minimum_jerk(clock / max(turn_in, 1 / FPS)))
        heading += (arrival - direction[-1]) * minimum_jerk(1 - (clock[-1] - clock) / max(turn_out, 1 / FPS))
        xy = np.stack([np.interp(travelled, length, path[:, k]) for k in (0, 1)], axis=1)
        self._append(xy, heading, float(run))
        self.facing = arrival
        self.place = (float(path[-1, 0]), float(path[-1, 1]))

    def plan(self) -> Plan:
        """Lay everything out frame by frame."""
        time = np.arange(self._frames) / FPS
        channels = {}
        for key in CHANNELS:
            value = np.zeros(self._frames)
            for move in self._moves[key]:
                first = max(int(move.start * FPS), 0)
                value[first:] += move.amount * minimum_jerk((time[first:] - move.start) / move.seconds)
            channels[key] = value
        return Plan(np.concatenate(self._xy), np.concatenate(self._heading), np.concatenate(self._run), **channels)

    def _append(self, xy: Floats, heading: Floats, run: float) -> None:
        self._xy.append(np.asarray(xy, np.float64))
        self._heading.append(heading)
        self._run.append(np.full(len(xy), run))
        self._frames += len(xy)


def _wrapped(angle: float) -> float:
    """The same angle between -pi and pi."""
    return float((angle + np.pi) % (2 * np.pi) - np.pi)


def _turn_seconds(angle: float) -> float:
    """Duration of a minimum-jerk turn whose peak rate is TURN_SPEED; the peak is 1.875 times the mean."""
    return float(1.875 * abs(angle) / TURN_SPEED) if abs(angle) > 0.05 else 0.0


def _rounded(corners: Floats) -> Floats:
    """Sample a polyline every few centimetres with its corners cut by parabolas."""
    pieces = [corners[:1]]
    for i in range(1, len(corners)):
        last = i == len(corners) - 1
        arrive = corners[i] if last else _short_of(corners[i], corners[i - 1])
        pieces.append(_line(pieces[-1][-1], arrive))
        if not last:
            leave = _short_of(corners[i], corners[i + 1])
            t = np.linspace(0, 1, 12)[1:, None]
            pieces.append((1 - t) ** 2 * arrive + 2 * t * (1 - t) * corners[i] + t**2 * leave)
    return np.concatenate(pieces)


def _short_of(corner: Floats, other: Floats) -> Floats:
    gap = float(np.hypot(*(other - corner)))
    result: Floats = corner + (other - corner) * min(CORNER / max(gap, 1e-9), 0.45)
    return result


def _line(a: Floats, b: Floats) -> Floats:
    count = max(int(np.hypot(*(b - a)) / 0.04), 2)
    result: Floats = a + (b - a) * np.linspace(0, 1, count + 1)[1:, None]
    return result


def _advance(length: float, speed: float, ramp: float) -> Floats:
    """Distance travelled after each frame: speed up, cruise, slow down, with smooth acceleration."""
    speed = min(speed, length / ramp)  # a short way is done without reaching full pace
    seconds = length / speed + ramp
    fine = np.linspace(0, seconds, 400)
    pace = minimum_jerk(fine / ramp) * minimum_jerk((seconds - fine) / ramp)
    travelled = np.concatenate([[0.0], np.cumsum((pace[1:] + pace[:-1]) / 2)])
    count = max(round(seconds * FPS), 2)
    result: Floats = np.interp(np.linspace(0, seconds, count + 1)[1:], fine, travelled / travelled[-1] * length)
    return result
