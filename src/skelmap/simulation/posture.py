"""Posture: pelvis, trunk, head, shoulders and hips of a body trajectory, on feet that are already placed.

World axes: x to the camera's right, y away from it, z up, m; the camera stands above the origin. A heading of 0 faces
along x, pi/2 away from the camera. Sides are indexed 0 = right, 1 = left, as in BODY_25.
"""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d, minimum_filter1d

from skelmap.simulation.body import Worker
from skelmap.simulation.footsteps import FootTrajectories
from skelmap.simulation.motion import SIDE_SIGN, Floats

MAX_LEG_EXTENSION = 0.9975
"""Largest hip-to-ankle distance over the leg's length: knees never lock quite straight (8 degrees of flexion)."""
COUNTERBALANCE = 0.42
"""Backward shift of the pelvis when the trunk leans forward, over the trunk's horizontal extent. Head, arms and trunk
are 68 % of the body's mass with their centre 63 % up the trunk (Winter 2009, table 4.1): to keep the centre of mass
above the feet the pelvis goes back by about 0.68 * 0.63 = 0.43 of the extent."""
WALK_BOB, RUN_BOB = 0.018, 0.040
"""Amplitude of the pelvis's rise and fall, m: about 4 cm from top to bottom in walking (Inman et al. 1981), 8 cm in
running, where it is lowest, not highest, in mid-stance (Novacheck 1998)."""
SWAY = 0.02
"""Sideways shift of the pelvis over the foot that bears weight, m (Inman et al. 1981: 4 to 5 cm from side to side)."""
SMOOTHING = 2
"""Frames over which a limit on the pelvis's height is smoothed."""


@dataclass(frozen=True)
class BodyTrajectory:
    """Root trajectory and posture channels over N frames; angles in rad.

    Attributes:
        pelvis_xy: (N, 2) path of the pelvis over the floor, m.
        heading: (N,) heading of the pelvis.
        running: (N,) 0 = walking, 1 = running.
        lean: (N,) forward lean of the trunk.
        side_bend: (N,) sideways lean of the trunk, to the left positive.
        twist: (N,) rotation of the shoulders against the pelvis, to the left positive.
        crouch: (N,) lowering of the pelvis, m.
        head_yaw: (N,) rotation of the head against the shoulders, to the left positive.
        head_pitch: (N,) nod, down positive.
    """

    pelvis_xy: Floats
    heading: Floats
    running: Floats
    lean: Floats
    side_bend: Floats
    twist: Floats
    crouch: Floats
    head_yaw: Floats
    head_pitch: Floats


@dataclass(frozen=True)
class Trunk:
    """Trunk, head and hips over N frames, m.

    Attributes:
        pelvis: (N, 3) mid-hip.
        neck: (N, 3) midpoint of the shoulders.
        hips: (N, 2, 3) right and left hip joint.
        shoulders: (N, 2, 3) right and left shoulder joint.
        forward: (N, 3) horizontal unit vector along the pelvis's heading.
        left: (N, 3) horizontal unit vector to the pelvis's left.
        chest_axes: (N, 3, 3) forward, left and up unit vectors of the chest.
        head_axes: (N, 3, 3) forward, left and up unit vectors of the head.
    """

    pelvis: Floats
    neck: Floats
    hips: Floats
    shoulders: Floats
    forward: Floats
    left: Floats
    chest_axes: Floats
    head_axes: Floats


def solve_trunk(body: BodyTrajectory, feet: FootTrajectories, worker: Worker) -> Trunk:
    """Place pelvis, trunk, shoulders and head above the feet.

    Args:
        body: root trajectory and posture channels.
        feet: foot trajectories under the same root trajectory.
        worker: body measures.

    Returns:
        The trunk; every ankle is within the leg's length of its hip.
    """
    forward, left = _level_axes(body.heading)
    lead = np.einsum("nsk,nk->ns", feet.ankle - body.pelvis_xy[:, None, [0, 1, 1]] * [1, 1, 0], forward)
    pelvis_yaw = gaussian_filter1d(np.clip(0.13 * (lead[:, 0] - lead[:, 1]), -0.12, 0.12), 2.0)
    pelvis_left = _rotate(left, forward, -pelvis_yaw)  # the pelvis rotates with the leading leg
    extent = worker.trunk * np.sin(body.lean)
    sway = gaussian_filter1d(feet.contact @ SIDE_SIGN, 3.0) * SWAY
    pelvis = np.zeros((len(body.pelvis_xy), 3))
    pelvis[:, :2] = body.pelvis_xy
    pelvis += forward * (-COUNTERBALANCE * extent)[:, None] + left * sway[:, None]
    hip_offset = SIDE_SIGN[None, :, None] * worker.half_hip_width * pelvis_left[:, None]
    pelvis[:, 2] = _pelvis_height(body, feet, pelvis[:, None] + hip_offset, worker)
    chest_axes = _chest_axes(body, forward, left, pelvis_yaw)
    neck = pelvis + worker.trunk * chest_axes[:, 2]
    return Trunk(
        pelvis=pelvis,
        neck=neck,
        hips=pelvis[:, None] + hip_offset,
        shoulders=neck[:, None] + SIDE_SIGN[None, :, None] * worker.half_shoulder_width * chest_axes[:, None, 1],
        forward=forward,
        left=left,
        chest_axes=chest_axes,
        head_axes=_head_axes(body),
    )


def _level_axes(heading: Floats) -> tuple[Floats, Floats]:
    """Horizontal unit vectors (N, 3) forward and to the left of a heading."""
    zero = np.zeros_like(heading)
    forward = np.stack([np.cos(heading), np.sin(heading), zero], axis=1)
    return forward, np.stack([-np.sin(heading), np.cos(heading), zero], axis=1)


def _rotate(axis: Floats, towards: Floats, angle: Floats) -> Floats:
    """Rotate a unit vector towards another, perpendicular one."""
    return axis * np.cos(angle)[:, None] + towards * np.sin(angle)[:, None]


def _pelvis_height(body: BodyTrajectory, feet: FootTrajectories, hips: Floats, worker: Worker) -> Floats:
    """Height (N,) of the pelvis: the planned one, lowered smoothly where a leg would be too short; hips (N, 2, 3)."""
    bob = feet.bob * ((1 - body.running) * WALK_BOB - body.running * RUN_BOB)
    wanted = worker.ankle_height + worker.leg_length * 0.996 - WALK_BOB * np.abs(feet.bob) + bob - body.crouch
    reach = MAX_LEG_EXTENSION * worker.leg_length
    flat = np.sum((hips[:, :, :2] - feet.ankle[:, :, :2]) ** 2, axis=2)
    allowed = (feet.ankle[:, :, 2] + np.sqrt(np.maximum(reach**2 - flat, 0.01))).min(axis=1)
    lowest = minimum_filter1d(np.minimum(wanted, allowed), 2 * SMOOTHING + 1, mode="nearest")
    smooth: Floats = gaussian_filter1d(lowest, SMOOTHING / 2, radius=SMOOTHING, mode="nearest")
    return smooth  # at most the lowest value within its radius, so never above `allowed`


def _chest_axes(body: BodyTrajectory, forward: Floats, left: Floats, pelvis_yaw: Floats) -> Floats:
    """Lean, bend sideways, then twist about the trunk's axis; the shoulders rotate against the pelvis."""
    up = np.zeros_like(forward)
    up[:, 2] = 1.0
    trunk_up = _rotate(_rotate(up, forward, body.lean), left, body.side_bend)
    front = forward - np.sum(forward * trunk_up, axis=1, keepdims=True) * trunk_up
    front /= np.linalg.norm(front, axis=1, keepdims=True)
    sideways = np.cross(trunk_up, front)
    twist = body.twist - pelvis_yaw
    return np.stack([_rotate(front, sideways, twist), _rotate(sideways, -front, twist), trunk_up], axis=1)


def _head_axes(body: BodyTrajectory) -> Floats:
    """The head follows half of the trunk's lean and stays level sideways."""
    forward, left = _level_axes(body.heading + body.twist + body.head_yaw)
    down = np.clip(body.head_pitch + 0.5 * body.lean, -0.6, 1.3)
    up = np.zeros_like(forward)
    up[:, 2] = 1.0
    return np.stack([_rotate(forward, -up, down), left, _rotate(up, forward, down)], axis=1)


def reach_posture(worker: Worker, forward: float, height: float) -> tuple[float, float]:
    """Find the smallest lean and crouch that bring the hands to a point in front, by grid search.

    Args:
        worker: body measures.
        forward: horizontal distance from the feet to the hands, m.
        height: height of the hands above the floor, m.

    Returns:
        Lean, rad, and crouch, m.
    """
    lean, crouch = np.meshgrid(np.linspace(0, 1.15, 47), np.linspace(0, 0.42, 22), indexing="ij")
    ahead = (1 - COUNTERBALANCE) * worker.trunk * np.sin(lean)
    up = worker.ankle_height + worker.leg_length - crouch + worker.trunk * np.cos(lean)
    gap = np.hypot(forward - ahead, up - height) / worker.arm_length
    cost = lean**2 + 20 * crouch**2 + 400 * np.maximum(gap - 0.92, 0) ** 2 + 2 * np.maximum(0.55 - gap, 0) ** 2
    best = np.unravel_index(np.argmin(cost), cost.shape)
    return float(lean[best]), float(crouch[best])
