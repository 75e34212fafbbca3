"""Inverse kinematics of the limbs: from trunk, feet and wrist targets to the 25 joints in metres."""

import numpy as np

from skelmap.simulation.body import HEEL_FRACTION, Worker
from skelmap.simulation.footsteps import FootTrajectories
from skelmap.simulation.motion import SIDE_SIGN, Floats
from skelmap.simulation.posture import Trunk

MAX_KNEE_FLEXION = np.deg2rad(145.0)
MAX_ELBOW_FLEXION = np.deg2rad(145.0)
"""Active flexion ends near 145 degrees at the knee and the elbow (Boone & Azen, J. Bone Joint Surg. 61-A, 1979)."""
MAX_ARM_EXTENSION = 0.990
"""Largest shoulder-to-wrist distance over the arm's length: elbows keep 16 degrees of flexion."""


def solve_joints(trunk: Trunk, feet: FootTrajectories, wrists: Floats, worker: Worker) -> Floats:
    """Solve arms and legs as two-bone chains, then place feet and face.

    Args:
        trunk: from `solve_trunk`.
        feet: foot trajectories.
        wrists: (N, 2, 3) wrist targets, m; a target out of reach is moved to the arm's largest extension.
        worker: body measures.

    Returns:
        (N, 25, 3) joints in BODY_25 order, m.
    """
    count = len(wrists)
    joints = np.zeros((count, 25, 3))
    joints[:, 1], joints[:, 8] = trunk.neck, trunk.pelvis
    for side, (shoulder, hip) in enumerate(((2, 9), (5, 12))):
        pole = _elbow_pole(trunk, wrists[:, side], side, worker)
        elbow, wrist = solve_two_bone(
            trunk.shoulders[:, side],
            wrists[:, side],
            worker.upper_arm,
            worker.forearm,
            pole,
            MAX_ELBOW_FLEXION,
            MAX_ARM_EXTENSION,
        )
        joints[:, shoulder], joints[:, shoulder + 1], joints[:, shoulder + 2] = trunk.shoulders[:, side], elbow, wrist
        yaw = feet.yaw[:, side]
        toes = np.stack([np.cos(yaw), np.sin(yaw), np.zeros(count)], axis=1)
        knee, ankle = solve_two_bone(
            trunk.hips[:, side],
            feet.ankle[:, side],
            worker.thigh,
            worker.shank,
            trunk.forward + toes,
            MAX_KNEE_FLEXION,
            1.0,
        )
        joints[:, hip], joints[:, hip + 1], joints[:, hip + 2] = trunk.hips[:, side], knee, ankle
        _place_foot(joints, side, ankle, toes, feet.pitch[:, side], worker)
    _place_face(joints, trunk, worker)
    return joints


def solve_two_bone(
    root: Floats, target: Floats, upper: float, lower: float, pole: Floats, max_flexion: float, max_extension: float
) -> tuple[Floats, Floats]:
    """Solve a two-bone chain: the position of the hinge (elbow, knee) and of the end (wrist, ankle).

    Args:
        root: (N, 3) shoulder or hip, m.
        target: (N, 3) target of the chain's end, m.
        upper: length of the first bone, m.
        lower: length of the second bone, m.
        pole: (N, 3) pole vector: the direction in which the hinge points.
        max_flexion: largest flexion of the hinge, rad.
        max_extension: largest distance from root to end over upper + lower.

    Returns:
        Hinge (N, 3) and end (N, 3), m; the end is the target where that is within reach.
    """
    nearest = np.sqrt(upper**2 + lower**2 + 2 * upper * lower * np.cos(max_flexion))
    line = target - root
    distance = np.linalg.norm(line, axis=1, keepdims=True)
    axis = line / np.maximum(distance, 1e-6)
    distance = np.clip(distance, nearest, max_extension * (upper + lower))
    along = (upper**2 - lower**2 + distance**2) / (2 * distance)
    height = np.sqrt(np.maximum(upper**2 - along**2, 0.0))
    across = pole - np.sum(pole * axis, axis=1, keepdims=True) * axis
    across /= np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-6)
    return root + along * axis + height * across, root + distance * axis


def _elbow_pole(trunk: Trunk, wrist: Floats, side: int, worker: Worker) -> Floats:
    """Pole vector (N, 3) of the elbow: back and out while the hand is low, down and out while it is high.

    The change is gradual, and the pole is never in line with a hand in front of or beside the body, so that the
    elbow does not flip.
    """
    forward, left, up = (trunk.chest_axes[:, i] for i in range(3))
    line = wrist - trunk.shoulders[:, side]
    rise = np.sum(line * up, axis=1, keepdims=True) / np.maximum(np.linalg.norm(line, axis=1, keepdims=True), 1e-6)
    high = (1 + rise) / 2
    outward = (0.1 + np.tan(worker.elbow_abduction)) * SIDE_SIGN[side] * left
    result: Floats = outward - (1 - high) * forward - high * up
    return result


def _place_foot(joints: Floats, side: int, ankle: Floats, toes: Floats, pitch: Floats, worker: Worker) -> None:
    """Set toes and heel of one foot in joints (N, 25, 3); toes (N, 3) is its horizontal direction, pitch (N,) rad."""
    up = np.array([0.0, 0.0, 1.0])
    tip = toes * np.cos(pitch)[:, None] + up * np.sin(pitch)[:, None]
    sole = up * np.cos(pitch)[:, None] - toes * np.sin(pitch)[:, None]
    outward = SIDE_SIGN[side] * np.cross(up, toes)
    floor = ankle - worker.ankle_height * sole
    big, small, heel = (22, 23, 24) if side == 0 else (19, 20, 21)
    front = (1 - HEEL_FRACTION) * worker.foot_length
    joints[:, big] = floor + front * tip
    joints[:, small] = floor + 0.8 * front * tip + 0.30 * worker.foot_length * outward
    joints[:, heel] = floor - HEEL_FRACTION * worker.foot_length * tip


def _place_face(joints: Floats, trunk: Trunk, worker: Worker) -> None:
    """Set nose, eyes and ears in joints (N, 25, 3); offsets in head lengths, measured on real detections."""
    forward, left, up = (trunk.head_axes[:, i] for i in range(3))
    skull = trunk.neck + worker.head * (0.35 * trunk.chest_axes[:, 2] + 0.50 * up)
    offsets = {
        0: (0.52, 0.0, 0.02),
        15: (0.44, -0.16, 0.20),
        16: (0.44, 0.16, 0.20),
        17: (0, -0.38, 0.1),
        18: (0, 0.38, 0.1),
    }
    for joint, (f, s, u) in offsets.items():
        joints[:, joint] = skull + worker.head * (f * forward + s * left + u * up)
