"""Gait: joint-angle curves of walking and running, and the steps of a path."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline
from scipy.ndimage import gaussian_filter1d

from skelmap.simulation.body import Worker

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Gait:
    """One way of going.

    Attributes:
        duty: share of the stride in which a foot is on the floor.
        thigh: (phase, degrees forward of vertical) key values.
        knee: (phase, degrees of flexion) key values.
        ankle: (phase, degrees of dorsiflexion) key values.
    """

    duty: float
    thigh: tuple[tuple[float, float], ...]
    knee: tuple[tuple[float, float], ...]
    ankle: tuple[tuple[float, float], ...]

    def angles(self, phase: Floats) -> tuple[Floats, Floats, Floats]:
        """Interpolate thigh, knee and ankle angles, degrees, at phases of the stride (1 = one stride)."""
        return _periodic(self.thigh, phase), _periodic(self.knee, phase), _periodic(self.ankle, phase)

    def foot_pitch(self, phase: Floats) -> Floats:
        """Angle of the sole against the floor, degrees, toes up positive: thigh - knee + ankle."""
        thigh, knee, ankle = self.angles(phase)
        return thigh - knee + ankle

    def swing_progress(self, share: Floats) -> Floats:
        """How far the swinging ankle has come, 0..1, at a share 0..1 of the swing's time.

        The ankle's path under the hip comes from the thigh and knee angles (segments of Winter's lengths); the hip's
        own advance is taken as what keeps the ankle still while the foot is flat.
        """
        phase = np.linspace(0, 1, 201)
        thigh, knee, _ = (np.deg2rad(a) for a in self.angles(phase))
        ankle = 0.245 * np.sin(thigh) + 0.246 * np.sin(thigh - knee)
        flat = slice(int(0.15 * self.duty * 200), int(0.6 * self.duty * 200))
        stride = -(ankle[flat.stop] - ankle[flat.start]) / (phase[flat.stop] - phase[flat.start])
        world = ankle + stride * phase
        path = np.interp(self.duty + (1 - self.duty) * np.linspace(0, 1, 50), phase, world)
        path = np.maximum.accumulate(path - path[0])  # the foot does not step back at the end of its swing
        result: Floats = np.interp(share, np.linspace(0, 1, 50), path / path[-1])
        return result


def _periodic(keys: tuple[tuple[float, float], ...], phase: Floats) -> Floats:
    at, value = np.array(keys).T
    spline = CubicSpline(np.append(at, 1 + at[0]), np.append(value, value[0]), bc_type="periodic")
    result: Floats = spline(np.mod(phase, 1.0))
    return result


WALK = Gait(
    duty=0.62,
    thigh=((0, 20), (0.10, 16), (0.30, 0), (0.50, -19), (0.62, -14), (0.75, 14), (0.86, 23), (0.95, 21)),
    knee=((0, 4), (0.13, 18), (0.27, 9), (0.40, 4), (0.50, 11), (0.62, 42), (0.72, 62), (0.85, 30), (0.95, 3)),
    ankle=((0, 0), (0.07, -5), (0.25, 5), (0.45, 10), (0.55, 1), (0.63, -18), (0.73, -4), (0.85, 1), (0.95, 0)),
)
RUN = Gait(
    duty=0.38,
    thigh=((0, 27), (0.10, 22), (0.20, 8), (0.38, -22), (0.46, -18), (0.60, 12), (0.75, 38), (0.85, 38), (0.95, 29)),
    knee=((0, 18), (0.16, 44), (0.28, 32), (0.38, 18), (0.46, 30), (0.65, 92), (0.75, 84), (0.90, 26), (0.96, 16)),
    ankle=((0, 6), (0.20, 25), (0.32, 5), (0.40, -22), (0.50, -14), (0.70, 2), (0.85, 4), (0.95, 6)),
)


def minimum_jerk(share: Floats) -> Floats:
    """Path of a minimum-jerk movement: 0 before share 0, 1 after share 1 (Flash & Hogan 1985, eq. 4)."""
    s = np.clip(share, 0.0, 1.0)
    result: Floats = s**3 * (10 - 15 * s + 6 * s**2)
    return result


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
UNDER_BODY = {WALK: 0.34, RUN: 0.28}
"""Share of its stance after which the body is above a foot: chosen so that thigh and knee angles come closest to the
published curves (docs/simulation.md shows them)."""
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


def home(at: float, foot: int, xy: Floats, heading: Floats, worker: Worker) -> tuple[float, float, float]:
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


def plan_steps(xy: Floats, heading: Floats, run: Floats, worker: Worker) -> list[Step]:
    """Lay footsteps under a path.

    Args:
        xy: (N, 2) path of the pelvis, m.
        heading: (N,) where the worker faces, rad, unwrapped.
        run: (N,) 0 = walking, 1 = running.
        worker: whose feet.

    Returns:
        The steps in order of time.
    """
    move = np.hypot(*np.gradient(xy, axis=0).T) * FPS
    speed = gaussian_filter1d(np.hypot(move, TURN_RADIUS * np.gradient(heading) * FPS), 2.0)
    at = [home(0.0, foot, xy, heading, worker) for foot in (0, 1)]
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
            under = (1 - running) * UNDER_BODY[WALK] + running * UNDER_BODY[RUN]
            goal = home(min(land + under * duty * stride, stop), foot, xy, heading, worker)
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


def _first_foot(clock: float, at: list[tuple[float, float, float]], xy: Floats, heading: Floats, worker: Worker) -> int:
    """Start with the foot that is further from where it will be needed."""
    goals = [home(clock + 0.8, foot, xy, heading, worker) for foot in (0, 1)]
    gaps = [np.hypot(g[0] - a[0], g[1] - a[1]) for g, a in zip(goals, at, strict=True)]
    return int(gaps[1] > gaps[0])


def _away(at: list[tuple[float, float, float]], stop: float, xy: Floats, heading: Floats, worker: Worker) -> bool:
    """Whether a foot is not yet where the body has come to rest."""
    goals = [home(stop, foot, xy, heading, worker) for foot in (0, 1)]
    return any(
        np.hypot(g[0] - a[0], g[1] - a[1]) > 0.02 or abs(g[2] - a[2]) > 0.08 for g, a in zip(goals, at, strict=True)
    )
