"""Limbs by inverse kinematics: from trunk, feet and wrists to the 25 joints in metres."""

import numpy as np

from skelmap.simulation.body import HEEL_SHARE, Worker
from skelmap.simulation.feet import Feet
from skelmap.simulation.gait import Floats
from skelmap.simulation.posture import RIGHT_LEFT, Trunk

KNEE_LIMIT = np.deg2rad(145.0)
ELBOW_LIMIT = np.deg2rad(145.0)
"""Active flexion ends near 145 degrees at the knee and the elbow (Boone & Azen, J. Bone Joint Surg. 61-A, 1979)."""
STRAIGHT_ARM = 0.990
"""Longest shoulder-to-wrist distance over the arm's length: elbows keep 16 degrees of flexion."""


def solve_joints(trunk: Trunk, feet: Feet, wrists: Floats, worker: Worker) -> Floats:
    """Join trunk, feet and wrists with two-bone legs and arms.

    Args:
        trunk: from `solve_trunk`.
        feet: where the feet are.
        wrists: (N, 2, 3) where the wrists should be, m; brought within the arms' reach.
        worker: whose body.

    Returns:
        (N, 25, 3) joints in BODY_25 order, m.
    """
    count = len(wrists)
    joints = np.zeros((count, 25, 3))
    joints[:, 1], joints[:, 8] = trunk.neck, trunk.pelvis
    for side, (shoulder, hip) in enumerate(((2, 9), (5, 12))):
        pole = _elbow_pole(trunk, wrists[:, side], side, worker)
        elbow, wrist = two_bones(
            trunk.shoulders[:, side], wrists[:, side], worker.upper_arm, worker.forearm, pole, ELBOW_LIMIT, STRAIGHT_ARM
        )
        joints[:, shoulder], joints[:, shoulder + 1], joints[:, shoulder + 2] = trunk.shoulders[:, side], elbow, wrist
        yaw = feet.yaw[:, side]
        toes = np.stack([np.cos(yaw), np.sin(yaw), np.zeros(count)], axis=1)
        knee, ankle = two_bones(
            trunk.hips[:, side], feet.ankle[:, side], worker.thigh, worker.shank, trunk.ahead + toes, KNEE_LIMIT, 1.0
        )
        joints[:, hip], joints[:, hip + 1], joints[:, hip + 2] = trunk.hips[:, side], knee, ankle
        _foot(joints, side, ankle, toes, feet.pitch[:, side], worker)
    _face(joints, trunk, worker)
    return joints


def two_bones(
    root: Floats, target: Floats, upper: float, lower: float, pole: Floats, limit: float, straight: float
) -> tuple[Floats, Floats]:
    """Solve a hinge between two bones.

    Args:
        root: (N, 3) shoulder or hip, m.
        target: (N, 3) wrist or ankle, m.
        upper: length of the first bone, m.
        lower: length of the second bone, m.
        pole: (N, 3) direction in which the hinge points.
        limit: largest flexion of the hinge, rad.
        straight: largest share of upper + lower that the limb stretches to.

    Returns:
        The hinge (N, 3) and the limb's end (N, 3), which is the target where it is within reach.
    """
    nearest = np.sqrt(upper**2 + lower**2 + 2 * upper * lower * np.cos(limit))
    line = target - root
    distance = np.linalg.norm(line, axis=1, keepdims=True)
    axis = line / np.maximum(distance, 1e-6)
    distance = np.clip(distance, nearest, straight * (upper + lower))
    along = (upper**2 - lower**2 + distance**2) / (2 * distance)
    height = np.sqrt(np.maximum(upper**2 - along**2, 0.0))
    across = pole - np.sum(pole * axis, axis=1, keepdims=True) * axis
    across /= np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-6)
    return root + along * axis + height * across, root + distance * axis


def _elbow_pole(trunk: Trunk, wrist: Floats, side: int, worker: Worker) -> Floats:
    """Where the elbow points: back and out while the hand is low, down and out while it is high.

    The change is gradual, and the pole is never in line with a hand in front of or beside the body, so that the
    elbow does not flip.
    """
    forward, left, up = (trunk.chest[:, i] for i in range(3))
    line = wrist - trunk.shoulders[:, side]
    rise = np.sum(line * up, axis=1, keepdims=True) / np.maximum(np.linalg.norm(line, axis=1, keepdims=True), 1e-6)
    high = (1 + rise) / 2
    outward = (0.1 + np.tan(worker.elbows_out)) * RIGHT_LEFT[side] * left
    result: Floats = outward - (1 - high) * forward - high * up
    return result


# --- details ---------------------------------------------------------------------------------------------------


def _foot(joints: Floats, side: int, ankle: Floats, toes: Floats, pitch: Floats, worker: Worker) -> None:
    up = np.array([0.0, 0.0, 1.0])
    tip = toes * np.cos(pitch)[:, None] + up * np.sin(pitch)[:, None]
    sole = up * np.cos(pitch)[:, None] - toes * np.sin(pitch)[:, None]
    outward = RIGHT_LEFT[side] * np.cross(up, toes)
    floor = ankle - worker.ankle * sole
    big, small, heel = (22, 23, 24) if side == 0 else (19, 20, 21)
    front = (1 - HEEL_SHARE) * worker.foot
    joints[:, big] = floor + front * tip
    joints[:, small] = floor + 0.8 * front * tip + 0.30 * worker.foot * outward
    joints[:, heel] = floor - HEEL_SHARE * worker.foot * tip


def _face(joints: Floats, trunk: Trunk, worker: Worker) -> None:
    """Nose, eyes and ears in head lengths; offsets measured on the real detections (docs/simulation.md)."""
    forward, left, up = (trunk.head[:, i] for i in range(3))
    skull = trunk.neck + worker.head * (0.35 * trunk.chest[:, 2] + 0.50 * up)
    spots = {
        0: (0.52, 0.0, 0.02),
        15: (0.44, -0.16, 0.20),
        16: (0.44, 0.16, 0.20),
        17: (0, -0.38, 0.1),
        18: (0, 0.38, 0.1),
    }
    for joint, (f, s, u) in spots.items():
        joints[:, joint] = skull + worker.head * (f * forward + s * left + u * up)
