"""From a plan of the body to pelvis, trunk and head, above feet that are where they are (`limbs.py` adds the limbs).

Axes of the world: x to the camera's right, y away from it, z up, m; the camera stands above the origin. A heading of
0 faces along x, pi/2 away from the camera. Sides are indexed 0 = right, 1 = left, as in BODY_25.
"""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d, minimum_filter1d

from skelmap.simulation.body import Worker
from skelmap.simulation.feet import Feet
from skelmap.simulation.gait import Floats

STRAIGHT_LEG = 0.9975
"""Longest hip-to-ankle distance over the leg's length: knees never lock quite straight (8 degrees of flexion)."""
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
    smooth: Floats = gaussian_filter1d(lowest, SMOOTHING / 2, radius=SMOOTHING, mode="nearest")
    return smooth  # at most the lowest value within its radius, so never above `allowed`


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
