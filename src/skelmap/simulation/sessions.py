"""Sessions: who does what when, by preset."""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d

from skelmap.simulation.actions import ABNORMAL, NORMAL, perform
from skelmap.simulation.body import Worker
from skelmap.simulation.feet import Feet, plan_feet
from skelmap.simulation.gait import FPS, Floats
from skelmap.simulation.hands import GripContext, follow
from skelmap.simulation.limbs import solve_joints
from skelmap.simulation.occlusion import Solid
from skelmap.simulation.performer import Performer
from skelmap.simulation.posture import Plan, solve_trunk
from skelmap.simulation.scene import Workshop, solids_of
from skelmap.simulation.timeline import Timeline

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
    scene = GripContext(trunk, drive, plan.run, np.arange(len(plan.xy)) / FPS, worker)
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


Span = tuple[int, int]
Act = tuple[str, bool]
"""A work, and whether it is done in the abnormal way."""
NORMAL_ACTS: tuple[Act, ...] = tuple((work, False) for work in NORMAL)
ABNORMAL_ACTS: tuple[Act, ...] = tuple((work, True) for work in ABNORMAL)


@dataclass(frozen=True)
class Scene:
    """What happened, in metres, before any camera.

    Attributes:
        joints: (N, 25, 3) m, BODY_25 order.
        load: (N, 2) 1 while the right, left foot bears weight.
        solids: furniture and carried things, over the N frames.
        abnormal: half-open frame spans.
        works: (name, half-open frame span).
    """

    joints: Floats
    load: Floats
    solids: tuple[Solid, ...]
    abnormal: tuple[Span, ...]
    works: tuple[tuple[str, Span], ...]

    def part(self, first: int, stop: int) -> "Scene":
        """Cut out the frames from `first` up to `stop`."""

        def cut(span: Span) -> Span:
            return max(span[0], first) - first, min(span[1], stop) - first

        return Scene(
            self.joints[first:stop],
            self.load[first:stop],
            tuple(solid.part(slice(first, stop)) for solid in self.solids),
            tuple(cut(s) for s in self.abnormal if s[0] < stop and s[1] > first),
            tuple((name, cut(s)) for name, s in self.works if s[0] < stop and s[1] > first),
        )


def record(worker: Worker, shop: Workshop, frames: int, rng: np.random.Generator, deck: list[Act]) -> Scene:
    """Let a worker work until the camera stops.

    Args:
        worker: who works.
        shop: where.
        frames: length of the recording.
        rng: source of all variation.
        deck: (work, abnormal) in the order they are done; normal works follow when it is used up.

    Returns:
        The scene, `frames` long; the last act may be cut off.
    """
    start = (float(rng.uniform(-0.9, 1.1)), float(rng.uniform(3.75, 4.2)))
    who = Performer(worker, shop, rng, Timeline(start, float(rng.uniform(-np.pi, np.pi))))
    who.timeline.stay(float(rng.uniform(0.2, 0.8)))
    acts = list(reversed(deck))
    while who.timeline.frames < frames:
        if not acts:
            acts = shuffled_deck(NORMAL_ACTS, len(NORMAL_ACTS), rng)
        who.habit()
        perform(who, *acts.pop())
    joints, feet, facing = simulate(who.timeline, worker, rng)
    spans = tuple((round(a * FPS), round(b * FPS)) for a, b in who.abnormal)
    works = tuple((name, (round(a * FPS), round(b * FPS))) for name, a, b in who.works)
    whole = Scene(joints, feet.load, solids_of(shop, joints, facing), spans, works)
    return whole.part(0, frames)


def shuffled_deck(acts: tuple[Act, ...], count: int, rng: np.random.Generator) -> list[Act]:
    """Deal `count` acts: every kind equally often, in random order."""
    deck: list[Act] = []
    while len(deck) < count:
        deck += [acts[i] for i in rng.permutation(len(acts))]
    return deck[:count]
