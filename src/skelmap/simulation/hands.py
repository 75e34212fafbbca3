"""What hands hold on to: each grip says where a wrist is, given the rest of the body."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Protocol

import numpy as np

from skelmap.simulation.body import Worker
from skelmap.simulation.gait import Floats, minimum_jerk
from skelmap.simulation.posture import RIGHT_LEFT, Trunk


@dataclass(frozen=True)
class GripContext:
    """What grips may refer to, for the frames in question.

    Attributes:
        trunk: the body above the legs.
        drive: (N, 2) swing of each arm: how far the other side's ankle is ahead of the pelvis, in leg lengths.
        run: (N,) 0 = walking, 1 = running.
        time: (N,) s.
        worker: whose body.
    """

    trunk: Trunk
    drive: Floats
    run: Floats
    time: Floats
    worker: Worker

    def part(self, frames: slice) -> "GripContext":
        """Cut out some frames."""
        trunk = Trunk(*(getattr(self.trunk, f.name)[frames] for f in fields(Trunk)))
        return GripContext(trunk, self.drive[frames], self.run[frames], self.time[frames], self.worker)


class Grip(Protocol):
    """Where a hand is."""

    def wrist(self, scene: GripContext, side: int) -> Floats:
        """Place the wrist, (N, 3) m; side 0 = right, 1 = left."""


@dataclass(frozen=True)
class Hang:
    """The arm hangs and swings against the leg of its side; bent when running.

    Shoulder and elbow angles after Murray, Sepic & Barnard (Phys. Ther. 47, 1967) in walking: about 30 degrees of
    swing at the shoulder, 15 to 35 at the elbow. Runners hold the elbow near a right angle.
    """

    def wrist(self, scene: GripContext, side: int) -> Floats:
        """Place the wrist."""
        sign = RIGHT_LEFT[side]
        worker, trunk = scene.worker, scene.trunk
        drive = np.clip(scene.drive[:, side] * worker.arm_swing, -0.6, 0.6)
        shoulder = 0.02 + (0.75 + 0.35 * scene.run) * drive - 0.25 * scene.run
        elbow = 0.32 + 0.35 * np.maximum(drive, 0) + scene.run * (1.25 + 0.3 * drive)
        forward = worker.upper_arm * np.sin(shoulder) + worker.forearm * np.sin(shoulder + elbow)
        down = worker.upper_arm * np.cos(shoulder) + worker.forearm * np.cos(shoulder + elbow)
        outward = sign * (0.07 * worker.arm + 0.04 - 0.07 * scene.run * (forward / worker.arm))
        place: Floats = trunk.shoulders[:, side] + forward[:, None] * trunk.ahead + outward[:, None] * trunk.left
        place[:, 2] -= down
        return place


@dataclass(frozen=True)
class At:
    """The hand is at a place of the world, and may move about it.

    Attributes:
        place: (x, y, z) m.
        swing: amplitude (x, y, z) of a to and fro movement, m.
        rate: movements a second.
        phase: of the movement, 0..1.
    """

    place: tuple[float, float, float]
    swing: tuple[float, float, float] = (0.0, 0.0, 0.0)
    rate: float = 0.0
    phase: float = 0.0

    def wrist(self, scene: GripContext, side: int) -> Floats:
        """Place the wrist."""
        place: Floats = np.array(self.place) + _oscillation(scene.time, self.rate, self.phase) * np.array(self.swing)
        return place


@dataclass(frozen=True)
class Hold:
    """The hand keeps its place against the chest: a carried thing, a hand on the hip.

    Attributes:
        ahead: in front of the midpoint of the shoulders, m.
        outward: to the hand's own side, m.
        up: above the shoulders, m (negative: below).
        swing: amplitude (ahead, outward, up) of a to and fro movement, m.
        rate: movements a second.
    """

    ahead: float
    outward: float
    up: float
    swing: tuple[float, float, float] = (0.0, 0.0, 0.0)
    rate: float = 0.0

    def wrist(self, scene: GripContext, side: int) -> Floats:
        """Place the wrist."""
        sign = RIGHT_LEFT[side]
        trunk = scene.trunk
        shift = _oscillation(scene.time, self.rate, 0.0) * np.array(self.swing) + (self.ahead, self.outward, self.up)
        place: Floats = trunk.neck + shift[:, :1] * trunk.ahead + sign * shift[:, 1:2] * trunk.left
        place[:, 2] += shift[:, 2]
        return place


@dataclass(frozen=True)
class Dangle:
    """The hand carries something heavy at arm's length: the arm hangs and hardly swings.

    Attributes:
        outward: how far the load keeps the hand off the body, m.
        ahead: how far it is in front of the shoulder, m.
        bend: share by which the bent elbow shortens the arm, 0..0.5.
    """

    outward: float
    ahead: float
    bend: float

    def wrist(self, scene: GripContext, side: int) -> Floats:
        """Place the wrist."""
        sign = RIGHT_LEFT[side]
        trunk, worker = scene.trunk, scene.worker
        place: Floats = trunk.shoulders[:, side] + self.ahead * trunk.ahead + sign * self.outward * trunk.left
        place[:, 2] -= worker.arm * (0.97 - self.bend)
        return place


@dataclass(frozen=True)
class Touch:
    """The hand is at the head and may rub it.

    Attributes:
        ahead: in front of the head's middle, m.
        outward: to the hand's own side, m.
        up: above it, m.
        rub: amplitude of rubbing, m.
    """

    ahead: float
    outward: float
    up: float
    rub: float = 0.02

    def wrist(self, scene: GripContext, side: int) -> Floats:
        """Place the wrist."""
        sign = RIGHT_LEFT[side]
        head, neck = scene.trunk.head, scene.trunk.neck
        middle = neck + scene.worker.head * head[:, 2]
        up = self.up + self.rub * _oscillation(scene.time, 2.5, 0.0)
        place: Floats = middle + self.ahead * head[:, 0] + sign * self.outward * head[:, 1] + up * head[:, 2]
        return place


def _oscillation(time: Floats, rate: float, phase: float) -> Floats:
    result: Floats = np.sin(2 * np.pi * (rate * time + phase))[:, None]
    return result


@dataclass(frozen=True)
class Take:
    """From `start` s on, within `seconds`, a hand goes over to what `grip` says."""

    start: float
    seconds: float
    grip: Grip


def follow(takes: Sequence[Take], scene: GripContext, side: int) -> Floats:
    """Blend a hand's grips over time; overlapping movements add up.

    Args:
        takes: in order of start; the first is over before the clip begins.
        scene: the body over the whole clip.
        side: 0 = right, 1 = left.

    Returns:
        (N, 3) wrist, m.
    """
    place = np.zeros((len(scene.time), 3))
    for i, take in enumerate(takes):
        weight = minimum_jerk((scene.time - take.start) / take.seconds)
        if i + 1 < len(takes):
            weight = weight - minimum_jerk((scene.time - takes[i + 1].start) / takes[i + 1].seconds)
        used = np.flatnonzero(weight)
        if len(used):
            part = slice(int(used[0]), int(used[-1]) + 1)
            place[part] += weight[part, None] * take.grip.wrist(scene.part(part), side)
    return place
