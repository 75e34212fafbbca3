"""From a timeline to joints in metres."""

import numpy as np
from scipy.ndimage import gaussian_filter1d

from skelmap.factory.body import Worker
from skelmap.factory.curves import Floats
from skelmap.factory.feet import Feet, plan_feet
from skelmap.factory.hands import Scene, follow
from skelmap.factory.limbs import solve_joints
from skelmap.factory.posture import Plan, solve_trunk
from skelmap.factory.steps import FPS
from skelmap.factory.timeline import Timeline

IDLE = {"lean": 0.020, "bend": 0.012, "twist": 0.035, "head_yaw": 0.09, "head_pitch": 0.05}
"""Standard deviation of movement that serves no purpose, rad: nobody holds quite still."""
IDLE_SECONDS = (0.5, 2.5)
"""Time constants of the fast and the slow part of that movement."""


def simulate(timeline: Timeline, worker: Worker, rng: np.random.Generator) -> tuple[Floats, Feet, Floats]:
    """Move a worker through a timeline.

    Args:
        timeline: what is done.
        worker: who does it.
        rng: source of the small movements that serve no purpose.

    Returns:
        (N, 25, 3) joints in BODY_25 order, m; the feet's movement; (N,) heading, rad.
    """
    plan = _with_idle(timeline.plan(), worker, rng)
    feet = plan_feet(plan.xy, plan.heading, plan.run, worker)
    trunk = solve_trunk(plan, feet, worker)
    fore = np.einsum("nsk,nk->ns", feet.ankle - trunk.pelvis[:, None], trunk.ahead)
    drive = gaussian_filter1d(fore[:, ::-1] / worker.leg, 1.5, axis=0, mode="nearest")
    scene = Scene(trunk, drive, plan.run, np.arange(len(plan.xy)) / FPS, worker)
    wrists = np.stack([follow(timeline.hands[side], scene, side) for side in (0, 1)], axis=1)
    return solve_joints(trunk, feet, wrists, worker), feet, plan.heading


def _with_idle(plan: Plan, worker: Worker, rng: np.random.Generator) -> Plan:
    channels = {key: getattr(plan, key) for key in plan.__dataclass_fields__}
    for key, size in IDLE.items():
        channels[key] = channels[key] + worker.restless * size * smooth_noise(len(plan.xy), rng)
    channels["lean"] = np.maximum(channels["lean"] + worker.stoop + 0.10 * plan.run, -0.1)
    channels["run"] = gaussian_filter1d(plan.run, 4.0, mode="nearest")
    return Plan(**channels)


def smooth_noise(count: int, rng: np.random.Generator) -> Floats:
    """Unit-variance noise with a slow and a fast part, (count,)."""
    total = np.zeros(count)
    for seconds in IDLE_SECONDS:
        sigma = seconds * FPS / 2
        noise = gaussian_filter1d(rng.standard_normal(count), sigma, mode="wrap")
        total += noise * np.sqrt(2 * np.sqrt(np.pi) * sigma)  # a Gaussian filter divides the variance by this
    result: Floats = total / np.sqrt(len(IDLE_SECONDS))
    return result
