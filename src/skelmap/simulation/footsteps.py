"""Footstep planning under a pelvis path, and the foot trajectories through these steps.

A foot stays still while it bears weight, rolls from heel strike to toe-off, and swings as the gait-cycle curves say.
"""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d

from skelmap.simulation.body import HEEL_FRACTION, Worker
from skelmap.simulation.gait import RUN, WALK
from skelmap.simulation.motion import FPS, SIDE_SIGN, Bools, Floats, minimum_jerk

WALK_RATIO = 0.0064
"""Step length over cadence, m per (steps/min): constant over comfortable speeds (Sekiya et al., 1997)."""
RUN_CADENCE = 165.0
"""Steps a minute of slow running; it hardly depends on speed (Novacheck 1998 gives 150 to 190)."""
MIN_CADENCE = 80.0
"""Steps a minute of turning and shuffling on the spot."""
TURN_RADIUS = 0.30
"""A turn on the spot counts as walking on a circle of this radius, m, for the cadence."""
MIDSTANCE = {WALK: 0.34, RUN: 0.28}
"""Fraction of the stance after which the body is above the foot: chosen so that thigh and knee angles come closest to
the published curves (docs/lab/simulation.md shows them)."""
MIN_SPEED = 0.04
"""Pelvis speed, m/s, below which no step is needed."""
CLEARANCE = 0.02
"""Height of the sole's lowest point in mid-swing, m (Winter 1992: the toe clears the floor by about 1.3 cm)."""
MIN_STEP, MIN_TURN = 0.02, 0.08
"""A foot steps only if its target is at least this far, m, or turned by this much, rad."""

FootPose = tuple[float, float, float]
"""(x, y, yaw) of a foot on the floor, m and rad."""


@dataclass(frozen=True)
class Footstep:
    """One step of one foot; times in s.

    Attributes:
        foot: 0 = right, 1 = left.
        toe_off: time at which the toes leave the floor.
        heel_strike: time at which the heel touches the floor.
        start: pose of the foot before the step.
        stop: pose of the foot after the step.
        running: 0 = walking, 1 = running.
        amplitude: 0 = shuffle, 1 = full stride: scale of the gait cycle's foot angles.
    """

    foot: int
    toe_off: float
    heel_strike: float
    start: FootPose
    stop: FootPose
    running: float
    amplitude: float


@dataclass(frozen=True)
class FootTrajectories:
    """Both feet over N frames, index 0 = right, 1 = left.

    Attributes:
        ankle: (N, 2, 3) position of the ankle joint, m.
        pitch: (N, 2) angle of the sole, rad, toes up positive.
        yaw: (N, 2) heading of the foot, rad.
        contact: (N, 2) 1 while the foot bears weight, else 0.
        bob: (N,) -1..1, phase of the pelvis's rise and fall: 1 in mid-stance, -1 between stances, 0 at rest.
        steps: the footsteps in order of time.
    """

    ankle: Floats
    pitch: Floats
    yaw: Floats
    contact: Floats
    bob: Floats
    steps: tuple[Footstep, ...]


@dataclass(frozen=True)
class _PelvisPath:
    """Path of the pelvis over the floor: position (N, 2) m, heading (N,) rad unwrapped, running (N,) 0..1."""

    xy: Floats
    heading: Floats
    running: Floats
    worker: Worker

    def foot_pose(self, at: float, foot: int) -> FootPose:
        """Neutral pose of a foot at a time, s: beside the pelvis, toes turned out a little."""
        frame = min(max(at * FPS, 0.0), len(self.xy) - 1.0)
        low = int(frame)
        high, share = min(low + 1, len(self.xy) - 1), frame - low
        x, y = self.xy[low] * (1 - share) + self.xy[high] * share
        heading = self.heading[low] * (1 - share) + self.heading[high] * share
        side = SIDE_SIGN[foot]
        half = self.worker.step_width / 2
        return (
            float(x - side * half * np.sin(heading)),
            float(y + side * half * np.cos(heading)),
            float(heading + side * 0.12),  # feet are turned out by about 7 degrees (Murray et al., 1964)
        )


def foot_trajectories(xy: Floats, heading: Floats, running: Floats, worker: Worker) -> FootTrajectories:
    """Plan footsteps under a pelvis path and interpolate the feet through them.

    Args:
        xy: (N, 2) path of the pelvis, m.
        heading: (N,) heading of the pelvis, rad, unwrapped.
        running: (N,) 0 = walking, 1 = running.
        worker: body measures.

    Returns:
        The trajectories of both feet.
    """
    path = _PelvisPath(xy, heading, running, worker)
    steps = _plan_footsteps(path)
    count = len(xy)
    time = np.arange(count) / FPS
    ankle = np.zeros((count, 2, 3))
    pitch, yaw, contact = np.zeros((count, 2)), np.zeros((count, 2)), np.ones((count, 2))
    for foot in (0, 1):
        own = [s for s in steps if s.foot == foot]
        pose = np.tile(np.array(path.foot_pose(0.0, foot)), (count, 1))
        for step in own:
            pose[time > step.toe_off] = step.stop
        for i, step in enumerate(own):
            before = own[i - 1].heel_strike if i else step.toe_off - 1.0
            after = own[i + 1].toe_off if i + 1 < len(own) else step.heel_strike + 1.0
            _add_pitch(pitch[:, foot], time, step, before, after)
        ankle[:, foot] = _ankle_of(pose, pitch[:, foot], worker)
        for step in own:
            air = (time > step.toe_off) & (time < step.heel_strike)
            if air.any():
                _swing(ankle[:, foot], pose, air, time, step, worker)
                contact[air, foot] = 0.0
        yaw[:, foot] = pose[:, 2]
    return FootTrajectories(ankle, pitch, yaw, contact, _bob(steps, time), tuple(steps))


def _plan_footsteps(path: _PelvisPath) -> list[Footstep]:
    move = np.hypot(*np.gradient(path.xy, axis=0).T) * FPS
    speed = gaussian_filter1d(np.hypot(move, TURN_RADIUS * np.gradient(path.heading) * FPS), 2.0)
    pose = [path.foot_pose(0.0, foot) for foot in (0, 1)]
    steps: list[Footstep] = []
    for begin, end in _moving_intervals(speed > MIN_SPEED):
        clock, stop = begin / FPS, end / FPS
        foot = _first_foot(clock, pose, path)
        while clock < stop or any(_needs_step(pose[f], path.foot_pose(stop, f)) for f in (0, 1)):
            frame = min(int(clock * FPS), len(path.xy) - 1)
            ahead = slice(frame, min(frame + 15, len(path.xy)))
            running = float(path.running[ahead].mean())
            stride, duty_factor = _stride_timing(float(speed[ahead].max()), running)
            heel_strike = clock + (1 - duty_factor) * stride
            midstance = (1 - running) * MIDSTANCE[WALK] + running * MIDSTANCE[RUN]
            goal = path.foot_pose(min(heel_strike + midstance * duty_factor * stride, stop), foot)
            if _needs_step(pose[foot], goal):
                amplitude = float(np.clip(_distance(pose[foot], goal) / (0.75 * path.worker.stature), 0.0, 1.0))
                steps.append(Footstep(foot, clock, heel_strike, pose[foot], goal, running, amplitude))
                pose[foot] = goal
            clock += stride / 2
            foot = 1 - foot
    return steps


def _distance(a: FootPose, b: FootPose) -> float:
    return float(np.hypot(b[0] - a[0], b[1] - a[1]))


def _needs_step(pose: FootPose, goal: FootPose) -> bool:
    return _distance(pose, goal) > MIN_STEP or abs(goal[2] - pose[2]) > MIN_TURN


def _moving_intervals(moving: Bools) -> list[tuple[int, int]]:
    """Half-open intervals of True, joined across pauses shorter than half a second."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], moving, [False]]).astype(np.int8)))
    intervals: list[tuple[int, int]] = []
    for begin, end in edges.reshape(-1, 2):
        if intervals and begin - intervals[-1][1] < FPS / 2:
            intervals[-1] = (intervals[-1][0], int(end))
        else:
            intervals.append((int(begin), int(end)))
    return intervals


def _stride_timing(speed: float, running: float) -> tuple[float, float]:
    """Stride time, s, and duty factor at a speed, m/s."""
    walk = 120.0 / max(np.sqrt(60.0 * max(speed, 0.0) / WALK_RATIO), MIN_CADENCE)
    stride = (1 - running) * walk + running * 120.0 / RUN_CADENCE
    return float(stride), float((1 - running) * WALK.duty_factor + running * RUN.duty_factor)


def _first_foot(clock: float, pose: list[FootPose], path: _PelvisPath) -> int:
    """Choose the foot that is further from its next neutral pose."""
    gaps = [_distance(pose[foot], path.foot_pose(clock + 0.8, foot)) for foot in (0, 1)]
    return int(gaps[1] > gaps[0])


def _add_pitch(pitch: Floats, time: Floats, step: Footstep, before: float, after: float) -> None:
    """Add a step's foot pitch in place: heel rise before toe-off, the gait curve in swing, roll-down after heel strike.

    Args:
        pitch: (N,) rad.
        time: (N,) s.
        step: the step.
        before: heel strike of the foot's previous step, s.
        after: toe-off of the foot's next step, s.
    """
    for gait, share in ((WALK, 1 - step.running), (RUN, step.running)):
        if share == 0:
            continue
        swing = step.heel_strike - step.toe_off
        stride = swing / (1 - gait.duty_factor)
        rise = max(step.toe_off - 0.45 * gait.duty_factor * stride, before + 0.5 * (step.toe_off - before))
        flat = min(step.heel_strike + 0.25 * gait.duty_factor * stride, after)
        push = (time >= rise) & (time <= step.toe_off)
        air = (time > step.toe_off) & (time < step.heel_strike)
        roll = (time >= step.heel_strike) & (time < flat)
        gain = share * step.amplitude * np.pi / 180
        off, strike = float(gait.foot_pitch(np.array(gait.duty_factor))), float(gait.foot_pitch(np.array(1.0)))
        part = (time[push] - rise) / max(step.toe_off - rise, 1e-9)
        pitch[push] += gain * off * part**2.2  # the heel rises late and fast (Winter 2009, foot angle)
        phase = gait.duty_factor + (1 - gait.duty_factor) * (time[air] - step.toe_off) / swing
        pitch[air] += gain * gait.foot_pitch(phase)
        part = (time[roll] - step.heel_strike) / max(flat - step.heel_strike, 1e-9)
        pitch[roll] += gain * strike * (1 - part) ** 2


def _ankle_of(pose: Floats, pitch: Floats, worker: Worker) -> Floats:
    """Ankle position (N, 3) of a pitched foot; the heel (toes up) or the toe tip (heel up) stays on the floor."""
    toe, heel = (1 - HEEL_FRACTION) * worker.foot_length, HEEL_FRACTION * worker.foot_length
    sine, cosine = np.sin(pitch), np.cos(pitch)
    up = pitch >= 0
    forward = np.where(
        up, -heel + heel * cosine - worker.ankle_height * sine, toe - toe * cosine - worker.ankle_height * sine
    )
    height = np.where(up, heel * sine, -toe * sine) + worker.ankle_height * cosine
    return np.stack(
        [pose[:, 0] + forward * np.cos(pose[:, 2]), pose[:, 1] + forward * np.sin(pose[:, 2]), height], axis=1
    )


def _swing(ankle: Floats, pose: Floats, air: Bools, time: Floats, step: Footstep, worker: Worker) -> None:
    """Move the ankle (N, 3) and the foot's yaw in pose (N, 3) from toe-off to heel strike, in place."""
    share = (time[air] - step.toe_off) / (step.heel_strike - step.toe_off)
    progress = (1 - step.running) * WALK.swing_progress(share) + step.running * RUN.swing_progress(share)
    smooth = minimum_jerk(share)
    progress = step.amplitude * progress + (1 - step.amplitude) * smooth
    start, stop = np.array(step.start), np.array(step.stop)
    gain = step.amplitude * np.pi / 180
    ends = [
        gain
        * (
            (1 - step.running) * float(WALK.foot_pitch(np.array(walk_phase)))
            + step.running * float(RUN.foot_pitch(np.array(run_phase)))
        )
        for walk_phase, run_phase in ((WALK.duty_factor, RUN.duty_factor), (1.0, 1.0))
    ]
    first = _ankle_of(start[None], np.array([ends[0]]), worker)[0]
    last = _ankle_of(stop[None], np.array([ends[1]]), worker)[0]
    pose[air, 2] = start[2] + (stop[2] - start[2]) * smooth
    ankle[air, :2] = first[:2] + (last[:2] - first[:2]) * progress[:, None]
    clearance = (CLEARANCE + 0.03 * (1 - step.amplitude) + 0.06 * step.running) * np.sin(np.pi * share) ** 2
    ankle[air, 2] += clearance


def _bob(steps: list[Footstep], time: Floats) -> Floats:
    """Cosine that peaks in the middle of each single stance, which is the other foot's mid-swing; 0 at rest."""
    if not steps:
        return np.zeros(len(time))
    middle = np.array([(s.toe_off + s.heel_strike) / 2 for s in steps])
    keep = np.concatenate([[True], np.diff(middle) > 1e-6])
    middle = middle[keep]
    phase = np.interp(time, middle, np.arange(len(middle)))
    near = np.abs(time[:, None] - middle).min(axis=1)
    amount = np.clip(1.6 - near / 0.4, 0.0, 1.0)
    result: Floats = np.cos(2 * np.pi * phase) * amount
    return result
