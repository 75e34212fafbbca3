"""Wrist targets for the arms' inverse kinematics, and the wrist trajectory through a sequence of them."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Protocol

import numpy as np

from skelmap.simulation.body import Worker
from skelmap.simulation.motion import SIDE_SIGN, Floats, minimum_jerk
from skelmap.simulation.posture import Trunk


@dataclass(frozen=True)
class BodyMotion:
    """Motion of the body that a hand target may refer to, over N frames.

    Attributes:
        trunk: pelvis, trunk, shoulders and head.
        arm_drive: (N, 2) drive of the right and the left arm swing: distance, in leg lengths, by which the ankle of
            the other side is ahead of the pelvis.
        running: (N,) 0 = walking, 1 = running.
        time: (N,) s.
        worker: body measures.
    """

    trunk: Trunk
    arm_drive: Floats
    running: Floats
    time: Floats
    worker: Worker

    def cut(self, frames: slice) -> "BodyMotion":
        """Select a range of frames."""
        trunk = Trunk(*(getattr(self.trunk, f.name)[frames] for f in fields(Trunk)))
        return BodyMotion(trunk, self.arm_drive[frames], self.running[frames], self.time[frames], self.worker)


class HandTarget(Protocol):
    """Rule that gives a wrist position for every frame."""

    def wrist(self, body: BodyMotion, side: int) -> Floats:
        """Compute the wrist position, (N, 3) m; side 0 = right, 1 = left."""


@dataclass(frozen=True)
class ArmSwing:
    """A free arm that swings in antiphase to the leg of its side; bent while running.

    Shoulder and elbow angles after Murray, Sepic & Barnard (Phys. Ther. 47, 1967) in walking: about 30 degrees of
    swing at the shoulder, 15 to 35 at the elbow. Runners hold the elbow near a right angle.
    """

    def wrist(self, body: BodyMotion, side: int) -> Floats:
        """Compute the wrist position from shoulder and elbow angles."""
        worker, trunk, running = body.worker, body.trunk, body.running
        drive = np.clip(body.arm_drive[:, side] * worker.arm_swing_scale, -0.6, 0.6)
        shoulder = 0.02 + (0.75 + 0.35 * running) * drive - 0.25 * running
        elbow = 0.32 + 0.35 * np.maximum(drive, 0) + running * (1.25 + 0.3 * drive)
        forward = worker.upper_arm * np.sin(shoulder) + worker.forearm * np.sin(shoulder + elbow)
        down = worker.upper_arm * np.cos(shoulder) + worker.forearm * np.cos(shoulder + elbow)
        outward = SIDE_SIGN[side] * (0.07 * worker.arm_length + 0.04 - 0.07 * running * (forward / worker.arm_length))
        position: Floats = trunk.shoulders[:, side] + forward[:, None] * trunk.forward + outward[:, None] * trunk.left
        position[:, 2] -= down
        return position


@dataclass(frozen=True)
class WorldTarget:
    """A point in world coordinates, optionally with an oscillation about it.

    Attributes:
        position: (x, y, z) m.
        amplitude: (x, y, z) of the oscillation, m.
        frequency: of the oscillation, 1/s.
        phase: of the oscillation, 0..1.
    """

    position: tuple[float, float, float]
    amplitude: tuple[float, float, float] = (0.0, 0.0, 0.0)
    frequency: float = 0.0
    phase: float = 0.0

    def wrist(self, body: BodyMotion, side: int) -> Floats:
        """Compute the wrist position."""
        wave = _oscillation(body.time, self.frequency, self.phase)
        position: Floats = np.array(self.position) + wave * np.array(self.amplitude)
        return position


@dataclass(frozen=True)
class ChestTarget:
    """A point fixed to the chest: a load held in front of the body, a hand on the hip.

    Attributes:
        forward: distance in front of the midpoint of the shoulders, m.
        outward: distance to the hand's own side, m.
        up: height above the shoulders, m (negative: below).
    """

    forward: float
    outward: float
    up: float

    def wrist(self, body: BodyMotion, side: int) -> Floats:
        """Compute the wrist position."""
        trunk = body.trunk
        position: Floats = trunk.neck + self.forward * trunk.forward + SIDE_SIGN[side] * self.outward * trunk.left
        position[:, 2] += self.up
        return position


@dataclass(frozen=True)
class SideCarry:
    """A heavy load carried at arm's length beside the body: the arm hangs without swinging.

    Attributes:
        outward: distance by which the load keeps the hand off the shoulder's vertical, m.
        forward: distance in front of the shoulder, m.
        bend: fraction of the arm's length by which the bent elbow shortens it, 0..0.5.
    """

    outward: float
    forward: float
    bend: float

    def wrist(self, body: BodyMotion, side: int) -> Floats:
        """Compute the wrist position."""
        trunk = body.trunk
        position: Floats = (
            trunk.shoulders[:, side] + self.forward * trunk.forward + SIDE_SIGN[side] * self.outward * trunk.left
        )
        position[:, 2] -= body.worker.arm_length * (0.97 - self.bend)
        return position


@dataclass(frozen=True)
class HeadTarget:
    """A point fixed to the head that the hand rubs.

    Attributes:
        forward: distance in front of the head's middle, m.
        outward: distance to the hand's own side, m.
        up: height above the head's middle, m.
        amplitude: of the rubbing, m.
    """

    forward: float
    outward: float
    up: float
    amplitude: float = 0.02

    def wrist(self, body: BodyMotion, side: int) -> Floats:
        """Compute the wrist position."""
        axes, neck = body.trunk.head_axes, body.trunk.neck
        middle = neck + body.worker.head * axes[:, 2]
        up = self.up + self.amplitude * _oscillation(body.time, 2.5, 0.0)
        position: Floats = (
            middle + self.forward * axes[:, 0] + SIDE_SIGN[side] * self.outward * axes[:, 1] + up * axes[:, 2]
        )
        return position


def _oscillation(time: Floats, frequency: float, phase: float) -> Floats:
    result: Floats = np.sin(2 * np.pi * (frequency * time + phase))[:, None]
    return result


@dataclass(frozen=True)
class HandKeyframe:
    """Transition of a hand to a target, from `start`, s, for `seconds`."""

    start: float
    seconds: float
    target: HandTarget


def wrist_trajectory(keyframes: Sequence[HandKeyframe], body: BodyMotion, side: int) -> Floats:
    """Blend a hand's targets over time with minimum-jerk weights; overlapping transitions add up.

    Args:
        keyframes: in order of start; the first transition is over before frame 0.
        body: motion of the body over all N frames.
        side: 0 = right, 1 = left.

    Returns:
        (N, 3) wrist position, m.
    """
    position = np.zeros((len(body.time), 3))
    for i, key in enumerate(keyframes):
        weight = minimum_jerk((body.time - key.start) / key.seconds)
        if i + 1 < len(keyframes):
            weight = weight - minimum_jerk((body.time - keyframes[i + 1].start) / keyframes[i + 1].seconds)
        used = np.flatnonzero(weight)
        if len(used):
            frames = slice(int(used[0]), int(used[-1]) + 1)
            position[frames] += weight[frames, None] * key.target.wrist(body.cut(frames), side)
    return position
