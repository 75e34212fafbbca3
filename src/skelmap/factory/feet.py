"""Where the feet go: footsteps that carry a given path, with feet that stay put while they bear weight.

The path comes first (where the pelvis is to be); the footstep planner lays the steps under it: a foot is put where the
body will be in the middle of its stance, and stands there until it lifts. Timing follows the speed, the foot's angle
and its swing follow published gait curves (`curves.py`).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from skelmap.factory.body import HEEL_SHARE, Worker
from skelmap.factory.curves import RUN, WALK, Floats

FPS = 30.0
"""The paper's camera, frames a second."""
WALK_RATIO = 0.0064
"""Step length over cadence, m per (steps/min): constant over comfortable speeds (Sekiya et al., 1997)."""
RUN_CADENCE = 165.0
"""Steps a minute of slow running; it hardly depends on speed (Novacheck 1998 gives 150 to 190)."""
SLOWEST_CADENCE = 80.0
"""Steps a minute of people turning and shuffling on the spot."""
TURN_RADIUS = 0.30
"""A turn on the spot counts as walking on a circle of this radius, m, when deciding how fast to step."""
UNDER_BODY = 0.31
"""Share of its stance after which the body is above a foot: about a fifth of the walking stride (Winter 2009)."""
CLEARANCE = 0.02
"""Height of the sole's lowest point in mid-swing, m (Winter 1992: the toe clears the floor by about 1.3 cm)."""
STILL = 0.04
"""Below this speed, m/s, nobody needs to step."""


@dataclass(frozen=True)
class Step:
    """One step of one foot; times in seconds, places in metres.

    Attributes:
        foot: 0 = right, 1 = left.
        lift: when the toes leave the floor.
        land: when the heel strikes.
        start: (x, y, yaw) where the foot stood.
        stop: (x, y, yaw) where it will stand.
        run: 0 = walking, 1 = running.
        vigour: 0 = shuffle, 1 = a full stride: how much of the published foot angles is shown.
    """

    foot: int
    lift: float
    land: float
    start: tuple[float, float, float]
    stop: tuple[float, float, float]
    run: float
    vigour: float


@dataclass(frozen=True)
class Feet:
    """The feet's movement over N frames, index 0 = right, 1 = left.

    Attributes:
        ankle: (N, 2, 3) m.
        pitch: (N, 2) rad, toes up positive.
        yaw: (N, 2) rad.
        load: (N, 2) 1 while the foot bears weight, else 0.
        bob: (N,) -1..1, height of the pelvis within a step: 1 in mid-stance, -1 in between; 0 at rest.
        steps: the steps, in order of time.
    """

    ankle: Floats
    pitch: Floats
    yaw: Floats
    load: Floats
    bob: Floats
    steps: tuple[Step, ...]


def plan_feet(xy: Floats, heading: Floats, run: Floats, worker: Worker) -> Feet:
    """Lay footsteps under a path.

    Args:
        xy: (N, 2) path of the pelvis, m.
        heading: (N,) where the worker faces, rad, unwrapped.
        run: (N,) 0 = walking, 1 = running.
        worker: whose feet.

    Returns:
        The feet's movement.
    """
    steps = _plan_steps(xy, heading, run, worker)
    return _trace(steps, xy, heading, worker)


# --- planning --------------------------------------------------------------------------------------------------


def _home(at: float, foot: int, xy: Floats, heading: Floats, worker: Worker) -> tuple[float, float, float]:
    """Where a foot belongs when the body is where it is at a time: beside the pelvis, toes turned out a little."""
    frame = min(max(at * FPS, 0.0), len(xy) - 1.0)
    low = int(frame)
    high, share = min(low + 1, len(xy) - 1), frame - low
    x, y = xy[low] * (1 - share) + xy[high] * share
    facing = heading[low] * (1 - share) + heading[high] * share
    side = -1.0 if foot == 0 else 1.0
    half = worker.step_width / 2
    return (
        float(x - side * half * np.sin(facing)),
        float(y + side * half * np.cos(facing)),
        float(facing + side * 0.12),  # feet are turned out by about 7 degrees (Murray et al., 1964)
    )


def _plan_steps(xy: Floats, heading: Floats, run: Floats, worker: Worker) -> list[Step]:
    move = np.hypot(*np.gradient(xy, axis=0).T) * FPS
    speed = gaussian_filter1d(np.hypot(move, TURN_RADIUS * np.gradient(heading) * FPS), 2.0)
    at = [_home(0.0, foot, xy, heading, worker) for foot in (0, 1)]
    steps: list[Step] = []
    for begin, end in _bouts(speed > STILL):
        clock, stop = begin / FPS, end / FPS
        foot = _first_foot(clock, at, xy, heading, worker)
        while clock < stop or _away(at, stop, xy, heading, worker):
            frame = min(int(clock * FPS), len(xy) - 1)
            ahead = slice(frame, min(frame + 15, len(xy)))
            pace, running = float(speed[ahead].max()), float(run[ahead].mean())
            stride, duty = _timing(pace, running)
            land = clock + (1 - duty) * stride
            goal = _home(min(land + UNDER_BODY * duty * stride, stop), foot, xy, heading, worker)
            length = np.hypot(goal[0] - at[foot][0], goal[1] - at[foot][1])
            vigour = float(np.clip(length / (0.75 * worker.stature), 0.0, 1.0))
            if length > 0.02 or abs(goal[2] - at[foot][2]) > 0.08:
                steps.append(Step(foot, clock, land, at[foot], goal, running, vigour))
                at[foot] = goal
            clock += stride / 2
            foot = 1 - foot
    return steps


def _bouts(moving: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Half-open runs of True, joined across pauses shorter than half a second."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], moving, [False]]).astype(np.int8)))
    bouts: list[tuple[int, int]] = []
    for begin, end in edges.reshape(-1, 2):
        if bouts and begin - bouts[-1][1] < FPS / 2:
            bouts[-1] = (bouts[-1][0], int(end))
        else:
            bouts.append((int(begin), int(end)))
    return bouts


def _timing(pace: float, running: float) -> tuple[float, float]:
    """Stride time, s, and duty factor at a speed."""
    walk = 120.0 / max(np.sqrt(60.0 * max(pace, 0.0) / WALK_RATIO), SLOWEST_CADENCE)
    stride = (1 - running) * walk + running * 120.0 / RUN_CADENCE
    return float(stride), float((1 - running) * WALK.duty + running * RUN.duty)


def _first_foot(
    clock: float, at: list[tuple[float, float, float]], xy: Floats, heading: Floats, worker: Worker
) -> int:
    """Start with the foot that is further from where it will be needed."""
    goals = [_home(clock + 0.8, foot, xy, heading, worker) for foot in (0, 1)]
    gaps = [np.hypot(g[0] - a[0], g[1] - a[1]) for g, a in zip(goals, at, strict=True)]
    return int(gaps[1] > gaps[0])


def _away(
    at: list[tuple[float, float, float]], stop: float, xy: Floats, heading: Floats, worker: Worker
) -> bool:
    """Whether a foot is not yet where the body has come to rest."""
    goals = [_home(stop, foot, xy, heading, worker) for foot in (0, 1)]
    return any(
        np.hypot(g[0] - a[0], g[1] - a[1]) > 0.02 or abs(g[2] - a[2]) > 0.08 for g, a in zip(goals, at, strict=True)
    )


# --- tracing ---------------------------------------------------------------------------------------------------


def _trace(steps: list[Step], xy: Floats, heading: Floats, worker: Worker) -> Feet:
    count = len(xy)
    time = np.arange(count) / FPS
    ankle = np.zeros((count, 2, 3))
    pitch, yaw, load = np.zeros((count, 2)), np.zeros((count, 2)), np.ones((count, 2))
    for foot in (0, 1):
        mine = [s for s in steps if s.foot == foot]
        place = _home(0.0, foot, xy, heading, worker)
        spot = np.tile(np.array(place), (count, 1))
        lift_height = np.zeros(count)
        for step in mine:
            spot[time > step.lift] = step.stop
        for i, step in enumerate(mine):
            before = mine[i - 1].land if i else step.lift - 1.0
            after = mine[i + 1].lift if i + 1 < len(mine) else step.land + 1.0
            _stance_pitch(pitch[:, foot], time, step, before, after)
        base = _pivot(spot, pitch[:, foot], worker)
        for step in mine:
            air = (time > step.lift) & (time < step.land)
            if air.any():
                _swing(base, spot, pitch[:, foot], lift_height, air, time, step, worker)
                load[air, foot] = 0.0
        ankle[:, foot] = base
        yaw[:, foot] = spot[:, 2]
    return Feet(ankle, pitch, yaw, load, _bob(steps, time), tuple(steps))


def _stance_pitch(pitch: Floats, time: Floats, step: Step, before: float, after: float) -> None:
    """Roll the foot: heel rise before it lifts, its published angle in the air, heel first when it lands."""
    for gait, share in ((WALK, 1 - step.run), (RUN, step.run)):
        if share == 0:
            continue
        swing = step.land - step.lift
        stride = swing / (1 - gait.duty)
        rise = max(step.lift - 0.45 * gait.duty * stride, before + 0.5 * (step.lift - before))
        flat = min(step.land + 0.25 * gait.duty * stride, after)
        push = (time >= rise) & (time <= step.lift)
        air = (time > step.lift) & (time < step.land)
        roll = (time >= step.land) & (time < flat)
        gain = share * step.vigour * np.pi / 180
        off, strike = float(gait.foot_pitch(np.array(gait.duty))), float(gait.foot_pitch(np.array(1.0)))
        part = (time[push] - rise) / max(step.lift - rise, 1e-9)
        pitch[push] += gain * off * part**2.2  # the heel rises late and fast (Winter 2009, foot angle)
        phase = gait.duty + (1 - gait.duty) * (time[air] - step.lift) / swing
        pitch[air] += gain * gait.foot_pitch(phase)
        part = (time[roll] - step.land) / max(flat - step.land, 1e-9)
        pitch[roll] += gain * strike * (1 - part) ** 2


def _pivot(spot: Floats, pitch: Floats, worker: Worker) -> Floats:
    """Ankle (N, 3) of a foot standing at a spot: the heel (toes up) or the toe tip (heel up) stays where it is."""
    toe, heel = (1 - HEEL_SHARE) * worker.foot, HEEL_SHARE * worker.foot
    sine, cosine = np.sin(pitch), np.cos(pitch)
    up = pitch >= 0
    forward = np.where(up, -heel + heel * cosine - worker.ankle * sine, toe - toe * cosine - worker.ankle * sine)
    height = np.where(up, heel * sine, -toe * sine) + worker.ankle * cosine
    return np.stack(
        [spot[:, 0] + forward * np.cos(spot[:, 2]), spot[:, 1] + forward * np.sin(spot[:, 2]), height], axis=1
    )


def _swing(
    base: Floats,
    spot: Floats,
    pitch: Floats,
    lifted: Floats,
    air: NDArray[np.bool_],
    time: Floats,
    step: Step,
    worker: Worker,
) -> None:
    """Carry the ankle from toe-off to heel strike, in place."""
    share = (time[air] - step.lift) / (step.land - step.lift)
    progress = (1 - step.run) * WALK.swing_progress(share) + step.run * RUN.swing_progress(share)
    smooth = share**3 * (10 - 15 * share + 6 * share**2)
    progress = step.vigour * progress + (1 - step.vigour) * smooth
    start, stop = np.array(step.start), np.array(step.stop)
    gain = step.vigour * np.pi / 180
    ends = [
        gain * ((1 - step.run) * float(WALK.foot_pitch(np.array(w))) + step.run * float(RUN.foot_pitch(np.array(r))))
        for w, r in ((WALK.duty, RUN.duty), (1.0, 1.0))
    ]
    first = _pivot(start[None], np.array([ends[0]]), worker)[0]
    last = _pivot(stop[None], np.array([ends[1]]), worker)[0]
    spot[air, 2] = start[2] + (stop[2] - start[2]) * smooth
    base[air, :2] = first[:2] + (last[:2] - first[:2]) * progress[:, None]
    clearance = (CLEARANCE + 0.03 * (1 - step.vigour) + 0.06 * step.run) * np.sin(np.pi * share) ** 2
    base[air, 2] += clearance


def _bob(steps: list[Step], time: Floats) -> Floats:
    """A cosine that peaks in the middle of each foot's single stance, that is of the other foot's swing."""
    if not steps:
        return np.zeros(len(time))
    middle = np.array([(s.lift + s.land) / 2 for s in steps])
    keep = np.concatenate([[True], np.diff(middle) > 1e-6])
    middle = middle[keep]
    phase = np.interp(time, middle, np.arange(len(middle)))
    near = np.abs(time[:, None] - middle[None]).min(axis=1) if len(middle) < 64 else _nearest(time, middle)
    amount = np.clip(1.6 - near / 0.4, 0.0, 1.0)
    result: Floats = np.cos(2 * np.pi * phase) * amount
    return result


def _nearest(time: Floats, middle: Floats) -> Floats:
    right = np.clip(np.searchsorted(middle, time), 1, len(middle) - 1)
    result: Floats = np.minimum(np.abs(time - middle[right - 1]), np.abs(time - middle[right]))
    return result
