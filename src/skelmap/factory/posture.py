"""From a plan of the body to its 25 joints in metres: trunk, head, legs and arms by inverse kinematics.

Axes of the world: x to the camera's right, y away from it, z up, m; the camera stands above the origin. A heading of
0 faces along x, pi/2 away from the camera. Sides are indexed 0 = right, 1 = left, as in BODY_25.
"""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d, minimum_filter1d

from skelmap.factory.body import HEEL_SHARE, Worker
from skelmap.factory.curves import Floats
from skelmap.factory.feet import Feet

KNEE_LIMIT = np.deg2rad(145.0)
ELBOW_LIMIT = np.deg2rad(145.0)
"""Active flexion ends near 145 degrees at the knee and the elbow (Boone & Azen, J. Bone Joint Surg. 61-A, 1979)."""
STRAIGHT_LEG, STRAIGHT_ARM = 0.9975, 0.990
"""Longest hip-to-ankle and shoulder-to-wrist distance over segment lengths: knees and elbows never lock quite straight
(8 and 16 degrees of flexion)."""
BALANCE = 0.42
"""How far the pelvis goes back when the trunk leans forward, over the trunk's horizontal extent. Head, arms and trunk
are 68 % of the body's mass with their centre 63 % up the trunk (Winter 2009, table 4.1): to keep the centre of mass
above the feet the pelvis goes back by about 0.68 * 0.63 = 0.43 of the extent."""
WALK_BOB, RUN_BOB = 0.018, 0.040
"""Amplitude of the pelvis's rise and fall, m: about 4 cm from top to bottom in walking (Inman et al. 1981), 8 cm in
running, where it is lowest, not highest, in mid-stance (Novacheck 1998)."""
SWAY = 0.02
"""Sideways shift of the pelvis over the foot that bears weight, m (Inman et al. 1981: 4 to 5 cm from side to side)."""
SMOOTHING = 2
"""Frames over which a limit on the pelvis's height is smoothed."""

RIGHT_LEFT = np.array([-1.0, 1.0])


@dataclass(frozen=True)
class Plan:
    """What the body is to do over N frames; angles in rad.

    Attributes:
        xy: (N, 2) path of the pelvis over the floor, m.
        heading: (N,) where the pelvis faces.
        run: (N,) 0 = walking, 1 = running.
        lean: (N,) forward lean of the trunk.
        bend: (N,) sideways lean of the trunk, to the left positive.
        twist: (N,) turn of the shoulders against the pelvis, to the left positive.
        crouch: (N,) lowering of the pelvis, m.
        head_yaw: (N,) turn of the head against the shoulders, to the left positive.
        head_pitch: (N,) nod, down positive.
    """

    xy: Floats
    heading: Floats
    run: Floats
    lean: Floats
    bend: Floats
    twist: Floats
    crouch: Floats
    head_yaw: Floats
    head_pitch: Floats


@dataclass(frozen=True)
class Trunk:
    """Trunk, head and hips over N frames, m. Axes are unit vectors (N, 3): forward, left, up.

    Attributes:
        pelvis: (N, 3) mid-hip.
        neck: (N, 3) midpoint of the shoulders.
        hips: (N, 2, 3).
        shoulders: (N, 2, 3).
        ahead: (N, 3) horizontal, where the pelvis faces.
        left: (N, 3) horizontal.
        chest: (N, 3, 3) forward, left and up of the chest.
        head: (N, 3, 3) forward, left and up of the head.
    """

    pelvis: Floats
    neck: Floats
    hips: Floats
    shoulders: Floats
    ahead: Floats
    left: Floats
    chest: Floats
    head: Floats


def solve_trunk(plan: Plan, feet: Feet, worker: Worker) -> Trunk:
    """Place pelvis, trunk, shoulders and head above the feet.

    Args:
        plan: what the body is to do.
        feet: where the feet are.
        worker: whose body.

    Returns:
        The trunk; every ankle is within reach of its hip.
    """
    ahead, left = _level_axes(plan.heading)
    fore = np.einsum("nsk,nk->ns", feet.ankle - plan.xy[:, None, [0, 1, 1]] * [1, 1, 0], ahead)
    swivel = gaussian_filter1d(np.clip(0.13 * (fore[:, 0] - fore[:, 1]), -0.12, 0.12), 2.0)
    pelvis_left = _turn(left, ahead, -swivel)  # the pelvis turns with the leading leg
    extent = worker.trunk * np.sin(plan.lean)
    side = gaussian_filter1d(feet.load @ RIGHT_LEFT, 3.0) * SWAY
    pelvis = np.zeros((len(plan.xy), 3))
    pelvis[:, :2] = plan.xy
    pelvis += ahead * (-BALANCE * extent)[:, None] + left * side[:, None]
    spread = RIGHT_LEFT[None, :, None] * worker.hip * pelvis_left[:, None]
    pelvis[:, 2] = _pelvis_height(plan, feet, pelvis[:, None] + spread, worker)
    chest = _chest_axes(plan, ahead, left, swivel)
    neck = pelvis + worker.trunk * chest[:, 2]
    return Trunk(
        pelvis=pelvis,
        neck=neck,
        hips=pelvis[:, None] + spread,
        shoulders=neck[:, None] + RIGHT_LEFT[None, :, None] * worker.shoulder * chest[:, None, 1],
        ahead=ahead,
        left=left,
        chest=chest,
        head=_head_axes(plan, swivel),
    )


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


def _level_axes(heading: Floats) -> tuple[Floats, Floats]:
    zero = np.zeros_like(heading)
    ahead = np.stack([np.cos(heading), np.sin(heading), zero], axis=1)
    return ahead, np.stack([-np.sin(heading), np.cos(heading), zero], axis=1)


def _turn(axis: Floats, towards: Floats, angle: Floats) -> Floats:
    """Turn a unit vector towards another, perpendicular one."""
    return axis * np.cos(angle)[:, None] + towards * np.sin(angle)[:, None]


def _pelvis_height(plan: Plan, feet: Feet, hips: Floats, worker: Worker) -> Floats:
    """As high as the plan says, but never out of a leg's reach, and smooth."""
    bob = feet.bob * ((1 - plan.run) * WALK_BOB - plan.run * RUN_BOB)
    wanted = worker.ankle + worker.leg * 0.996 - WALK_BOB * np.abs(feet.bob) + bob - plan.crouch
    reach = STRAIGHT_LEG * worker.leg
    flat = np.sum((hips[:, :, :2] - feet.ankle[:, :, :2]) ** 2, axis=2)
    allowed = (feet.ankle[:, :, 2] + np.sqrt(np.maximum(reach**2 - flat, 0.01))).min(axis=1)
    lowest = minimum_filter1d(np.minimum(wanted, allowed), 2 * SMOOTHING + 1, mode="nearest")
    return gaussian_filter1d(lowest, SMOOTHING / 2, radius=SMOOTHING, mode="nearest")  # stays below `allowed`


def _chest_axes(plan: Plan, ahead: Floats, left: Floats, swivel: Floats) -> Floats:
    """Lean, bend, then twist about the trunk's own axis; the shoulders swing against the pelvis."""
    up = np.zeros_like(ahead)
    up[:, 2] = 1.0
    trunk_up = _turn(_turn(up, ahead, plan.lean), left, plan.bend)
    forward = ahead - np.sum(ahead * trunk_up, axis=1, keepdims=True) * trunk_up
    forward /= np.linalg.norm(forward, axis=1, keepdims=True)
    sideways = np.cross(trunk_up, forward)
    twist = plan.twist - swivel
    return np.stack([_turn(forward, sideways, twist), _turn(sideways, -forward, twist), trunk_up], axis=1)


def _head_axes(plan: Plan, swivel: Floats) -> Floats:
    """The head follows half of the trunk's lean and keeps level sideways."""
    ahead, left = _level_axes(plan.heading + plan.twist + plan.head_yaw)
    down = np.clip(plan.head_pitch + 0.5 * plan.lean, -0.6, 1.3)
    up = np.zeros_like(ahead)
    up[:, 2] = 1.0
    return np.stack([_turn(ahead, -up, down), left, _turn(up, ahead, down)], axis=1)


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
    """Nose, eyes and ears in head lengths; offsets measured on the real detections (docs/factory.md)."""
    forward, left, up = (trunk.head[:, i] for i in range(3))
    skull = trunk.neck + worker.head * (0.35 * trunk.chest[:, 2] + 0.50 * up)
    spots = {0: (0.52, 0.0, 0.02), 15: (0.44, -0.16, 0.20), 16: (0.44, 0.16, 0.20), 17: (0, -0.38, 0.1), 18: (0, 0.38, 0.1)}
    for joint, (f, s, u) in spots.items():
        joints[:, joint] = skull + worker.head * (f * forward + s * left + u * up)


def reach_posture(worker: Worker, forward: float, height: float) -> tuple[float, float]:
    """Find the least lean and crouch that bring the hands to a point in front.

    Args:
        worker: who reaches.
        forward: horizontal distance of the hands from where the feet stand, m.
        height: height of the hands, m.

    Returns:
        Lean, rad, and crouch, m.
    """
    lean, crouch = np.meshgrid(np.linspace(0, 1.15, 47), np.linspace(0, 0.42, 22), indexing="ij")
    ahead = (1 - BALANCE) * worker.trunk * np.sin(lean)
    up = worker.ankle + worker.leg - crouch + worker.trunk * np.cos(lean)
    gap = np.hypot(forward - ahead, up - height) / worker.arm
    cost = lean**2 + 20 * crouch**2 + 400 * np.maximum(gap - 0.92, 0) ** 2 + 2 * np.maximum(0.55 - gap, 0) ** 2
    best = np.unravel_index(np.argmin(cost), cost.shape)
    return float(lean[best]), float(crouch[best])


