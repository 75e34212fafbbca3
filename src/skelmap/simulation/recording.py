"""Recording of a session: a schedule of actions, the motion that performs it, and its labels."""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d

from skelmap.simulation.actions import ABNORMAL_ACTIONS, NORMAL_ACTIONS, perform_action
from skelmap.simulation.body import Worker
from skelmap.simulation.footsteps import FootTrajectories, foot_trajectories
from skelmap.simulation.hand_targets import BodyMotion, wrist_trajectory
from skelmap.simulation.inverse_kinematics import solve_joints
from skelmap.simulation.motion import FPS, Floats, smooth_noise
from skelmap.simulation.motion_builder import MotionBuilder
from skelmap.simulation.occlusion import Occluder
from skelmap.simulation.posture import BodyTrajectory, solve_trunk
from skelmap.simulation.timeline import Timeline
from skelmap.simulation.workshop import Workshop, place_occluders

IDLE_SIGMA = {"lean": 0.020, "side_bend": 0.012, "twist": 0.035, "head_yaw": 0.09, "head_pitch": 0.05}
"""Standard deviation of idle movement per channel, rad."""

Interval = tuple[int, int]
"""Half-open range of frames."""
ActionVariant = tuple[str, bool]
"""Name of an action, and whether it is performed abnormally."""
NORMAL_VARIANTS: tuple[ActionVariant, ...] = tuple((action, False) for action in NORMAL_ACTIONS)
ABNORMAL_VARIANTS: tuple[ActionVariant, ...] = tuple((action, True) for action in ABNORMAL_ACTIONS)


@dataclass(frozen=True)
class MotionRecording:
    """Motion of a worker in world coordinates over N frames, with labels.

    Attributes:
        joints: (N, 25, 3) m, BODY_25 order.
        contact: (N, 2) 1 while the right, left foot bears weight.
        occluders: furniture and objects.
        abnormal: abnormal intervals.
        actions: (name, interval) of the actions.
    """

    joints: Floats
    contact: Floats
    occluders: tuple[Occluder, ...]
    abnormal: tuple[Interval, ...]
    actions: tuple[tuple[str, Interval], ...]

    def cut(self, first: int, stop: int) -> "MotionRecording":
        """Select the frames from `first` up to `stop`."""

        def clip(interval: Interval) -> Interval:
            return max(interval[0], first) - first, min(interval[1], stop) - first

        return MotionRecording(
            self.joints[first:stop],
            self.contact[first:stop],
            tuple(occluder.cut(slice(first, stop)) for occluder in self.occluders),
            tuple(clip(s) for s in self.abnormal if s[0] < stop and s[1] > first),
            tuple((name, clip(s)) for name, s in self.actions if s[0] < stop and s[1] > first),
        )


def record_session(
    worker: Worker, workshop: Workshop, frames: int, rng: np.random.Generator, schedule: list[ActionVariant]
) -> MotionRecording:
    """Simulate a worker who performs a schedule, then normal actions until the recording ends.

    Args:
        worker: body measures and movement style.
        workshop: floor plan; its objects are moved.
        frames: length of the recording.
        rng: random generator.
        schedule: actions in order.

    Returns:
        The recording; its last action may be cut off.
    """
    start = (float(rng.uniform(-0.9, 1.1)), float(rng.uniform(3.75, 4.2)))
    motion = MotionBuilder(worker, workshop, rng, Timeline(start, float(rng.uniform(-np.pi, np.pi))))
    motion.timeline.wait(float(rng.uniform(0.2, 0.8)))
    remaining = list(reversed(schedule))
    while motion.timeline.frames < frames:
        if not remaining:
            remaining = balanced_schedule(NORMAL_VARIANTS, len(NORMAL_VARIANTS), rng)
        motion.idle_gesture()
        perform_action(motion, *remaining.pop())
    joints, feet, heading = simulate_motion(motion.timeline, worker, rng)
    abnormal = tuple((round(a * FPS), round(b * FPS)) for a, b in motion.abnormal)
    actions = tuple((name, (round(a * FPS), round(b * FPS))) for name, a, b in motion.actions)
    occluders = place_occluders(workshop, joints, heading)
    return MotionRecording(joints, feet.contact, occluders, abnormal, actions).cut(0, frames)


def balanced_schedule(variants: tuple[ActionVariant, ...], count: int, rng: np.random.Generator) -> list[ActionVariant]:
    """Draw `count` actions in random order, every variant equally often."""
    schedule: list[ActionVariant] = []
    while len(schedule) < count:
        schedule += [variants[i] for i in rng.permutation(len(variants))]
    return schedule[:count]


def simulate_motion(
    timeline: Timeline, worker: Worker, rng: np.random.Generator
) -> tuple[Floats, FootTrajectories, Floats]:
    """Compute the joints of a worker along a timeline: footsteps, trunk, wrists, inverse kinematics.

    Args:
        timeline: root path, posture channels and hand keyframes.
        worker: body measures and movement style.
        rng: random generator of the idle movement.

    Returns:
        (N, 25, 3) joints in BODY_25 order, m; foot trajectories; (N,) heading, rad.
    """
    body = _add_idle_movement(timeline.sample(), worker, rng)
    feet = foot_trajectories(body.pelvis_xy, body.heading, body.running, worker)
    trunk = solve_trunk(body, feet, worker)
    lead = np.einsum("nsk,nk->ns", feet.ankle - trunk.pelvis[:, None], trunk.forward)
    arm_drive = gaussian_filter1d(lead[:, ::-1] / worker.leg_length, 1.5, axis=0, mode="nearest")
    motion = BodyMotion(trunk, arm_drive, body.running, np.arange(len(body.pelvis_xy)) / FPS, worker)
    wrists = np.stack([wrist_trajectory(timeline.hand_keyframes[side], motion, side) for side in (0, 1)], axis=1)
    return solve_joints(trunk, feet, wrists, worker), feet, body.heading


def _add_idle_movement(body: BodyTrajectory, worker: Worker, rng: np.random.Generator) -> BodyTrajectory:
    channels = {key: getattr(body, key) for key in body.__dataclass_fields__}
    for key, sigma in IDLE_SIGMA.items():
        channels[key] = channels[key] + worker.idle_scale * sigma * smooth_noise(len(body.pelvis_xy), rng)
    channels["lean"] = np.maximum(channels["lean"] + worker.stoop + 0.10 * body.running, -0.1)
    channels["running"] = gaussian_filter1d(body.running, 4.0, mode="nearest")
    return BodyTrajectory(**channels)
