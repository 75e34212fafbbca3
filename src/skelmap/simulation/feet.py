"""How the feet move through their steps: rolling from heel to toe, still while they bear weight.

The foot's angle and its way through the air follow published gait curves (`curves.py`).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from skelmap.simulation.body import HEEL_SHARE, Worker
from skelmap.simulation.gait import FPS, RUN, WALK, Floats, Step, home, plan_steps

CLEARANCE = 0.02
"""Height of the sole's lowest point in mid-swing, m (Winter 1992: the toe clears the floor by about 1.3 cm)."""


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
    steps = plan_steps(xy, heading, run, worker)
    return _trace(steps, xy, heading, worker)


def _trace(steps: list[Step], xy: Floats, heading: Floats, worker: Worker) -> Feet:
    count = len(xy)
    time = np.arange(count) / FPS
    ankle = np.zeros((count, 2, 3))
    pitch, yaw, load = np.zeros((count, 2)), np.zeros((count, 2)), np.ones((count, 2))
    for foot in (0, 1):
        mine = [s for s in steps if s.foot == foot]
        place = home(0.0, foot, xy, heading, worker)
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
