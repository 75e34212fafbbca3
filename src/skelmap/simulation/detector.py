"""A model of the pose detector: what OpenPose would report of the true picture points.

Numbers per joint come from real OpenPose output (`scripts/fit_detector.py` measures them, `detector.json` keeps
them); what that recording cannot show is assumed, named here, and listed in docs/simulation.md.
"""

import json
from dataclasses import dataclass
from functools import cache
from importlib import resources

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from skelmap.simulation.gait import Floats
from skelmap.simulation.occlusion import Bools

GROUPS = {
    "nose": (0,), "neck": (1,), "shoulder": (2, 5), "elbow": (3, 6), "wrist": (4, 7), "mid_hip": (8,), "hip": (9, 12),
    "knee": (10, 13), "ankle": (11, 14), "eye": (15, 16), "ear": (17, 18), "foot": (19, 20, 21, 22, 23, 24),
}  # fmt: skip
"""Joints that share their numbers, as indices of BODY_25."""
STANDS_FOR = {"knee": "elbow", "ankle": "wrist", "foot": "wrist"}
"""Assumed: the real recording shows no legs, so the arm's joints stand for them: middle for middle, end for end."""
FOOT_DROP = 4.0
"""Assumed: toes and heels are lost this many times as often as wrists; they are smaller and lie on the floor."""
PIXEL_FLOOR = 0.35
"""Assumed: jitter in px that stays however small the person is: the network's grid is 1.3 px of the picture."""
CONFIDENCE_MEMORY = 0.85
"""Assumed: correlation of a joint's confidence from frame to frame; the recording has one true value a clip."""
GUESS_SIGMA, GUESS_MEMORY = 0.035, 0.93
"""Assumed: a hidden joint that is reported all the same is a guess: off by this share of the trunk's length, slowly
varying."""
LIMB_DROP = 0.35
"""Assumed: share of frames in which an arm's or leg's joint is missing behind the body; OpenPose guesses it otherwise.
(Ears behind the head are measured, and eyes and nose taken to be like them.)"""
THING_DROP, THING_GAP = 0.60, 9.0
"""Assumed: share of frames in which a joint behind furniture or a load is missing, and frames a gap lasts."""
SWAP_RATE, SWAP_FRAMES = 0.004, 3.0
"""Assumed: how often a frame in which shoulders and hips look narrow begins a left-right swap of arms or legs, and
how many frames it lasts. The real recording, tracked and frontal, has none."""
NARROW = 0.28
"""Shoulders closer than this share of the trunk's length are seen from the side."""
LOSS_RATE, LOSS_FRAMES = 0.00025, 5.0
"""Assumed: how often a frame begins a loss of the whole person (twice in five minutes), and how long it lasts."""
SEEN = 0.05
"""OpenPose does not report joints below this confidence."""

SWAPPED = (((2, 5), (3, 6), (4, 7)), ((9, 12), (10, 13), (11, 14), (19, 22), (20, 23), (21, 24)))


@dataclass(frozen=True)
class JointNumbers:
    """The detector's numbers for the 25 joints, each (25,).

    Attributes:
        sigma: size of the jitter, trunk lengths.
        memory: correlation of the jitter from frame to frame.
        confidence: mean confidence of a joint in full view.
        spread: its standard deviation.
        gap_rate: how often a frame begins a gap in full view.
        gap_frames: mean length of such a gap.
        self_drop: share of frames missing while the body hides the joint.
        self_confidence: mean confidence then.
        thing_confidence: mean confidence of a joint behind a thing or at the picture's edge.
    """

    sigma: Floats
    memory: Floats
    confidence: Floats
    spread: Floats
    gap_rate: Floats
    gap_frames: Floats
    self_drop: Floats
    self_confidence: Floats
    thing_confidence: Floats


@cache
def fitted() -> JointNumbers:
    """Read the numbers measured on real OpenPose output."""
    text = resources.files("skelmap.simulation").joinpath("detector.json").read_text(encoding="utf-8")
    content = json.loads(text)
    values = {key: np.zeros(25) for key in JointNumbers.__dataclass_fields__}
    for group, joints in GROUPS.items():
        measured = content["joints"][STANDS_FOR.get(group, group)]
        for key, value in measured.items():
            values[key][list(joints)] = value
    values["gap_rate"][list(GROUPS["foot"])] *= FOOT_DROP
    values["self_drop"][:] = LIMB_DROP
    values["self_drop"][[0, 15, 16, 17, 18]] = content["hidden"]["ear_drop"]
    values["self_confidence"][:] = content["hidden"]["self_confidence"]
    values["thing_confidence"][:] = content["hidden"]["edge_confidence"]
    return JointNumbers(**values)


def detect(
    points: Floats, by_things: Bools, by_body: Bools, size: tuple[int, int], rng: np.random.Generator
) -> NDArray[np.float32]:
    """Report the joints as a detector would.

    Args:
        points: (N, 25, 2) true picture points, px; NaN behind the camera.
        by_things: (N, 25) hidden by furniture or a load.
        by_body: (N, 25) hidden by the worker's own body.
        size: (width, height) of the picture, px.
        rng: source of randomness.

    Returns:
        (N, 25, 3) x px and y px to 0.01, confidence to 0.001; all 0 where the joint is not detected.
    """
    numbers = fitted()
    outside = ~np.all((points >= 0) & (points < np.array(size)), axis=2)
    true = np.nan_to_num(points)
    trunk = np.maximum(np.linalg.norm(true[:, 1] - true[:, 8], axis=1), 0.2 * np.ptp(true[..., 1], axis=1))
    hidden = by_things | by_body
    found = true + _jitter(trunk, hidden, numbers, rng)
    confidence = _confidence(by_things, by_body, numbers, rng)
    missing = _missing(by_things, by_body, numbers, rng) | outside | (confidence < SEEN)
    missing |= _runs(np.full(len(points), LOSS_RATE), LOSS_FRAMES, rng)[:, None]
    found, confidence, missing = _swap(found, confidence, missing, trunk, rng)
    result = np.concatenate([np.round(found, 2), np.round(confidence, 3)[..., None]], axis=2)
    result[missing] = 0
    return result.astype(np.float32)


def _jitter(trunk: Floats, hidden: Bools, numbers: JointNumbers, rng: np.random.Generator) -> Floats:
    """(N, 25, 2) px: correlated in time, in proportion to the person's size, larger where the joint is a guess."""
    count = len(trunk)
    noise, guess = (correlated(m, (count, 25, 2), rng) for m in (numbers.memory, np.full(25, GUESS_MEMORY)))
    scale = np.hypot(trunk[:, None] * numbers.sigma, PIXEL_FLOOR)
    return noise * scale[..., None] + guess * (hidden * (GUESS_SIGMA * trunk)[:, None])[..., None]


def correlated(memory: Floats, shape: tuple[int, ...], rng: np.random.Generator) -> Floats:
    """Unit-variance noise along axis 0 whose correlation from step to step is `memory` per entry of axis 1."""
    white = rng.standard_normal(shape)
    noise = np.empty(shape)
    for j, m in enumerate(memory):
        gain = np.sqrt(1 - m**2)
        scaled = white[:, j] * gain
        scaled[:1] /= gain  # begin in the steady state
        noise[:, j] = lfilter([1.0], [1.0, -m], scaled, axis=0)
    return noise


def _confidence(by_things: Bools, by_body: Bools, numbers: JointNumbers, rng: np.random.Generator) -> Floats:
    mean = np.where(by_body, numbers.self_confidence, numbers.confidence)
    mean = np.where(by_things, numbers.thing_confidence, mean)
    spread = np.where(by_things | by_body, 0.12, numbers.spread)
    noise = correlated(np.full(25, CONFIDENCE_MEMORY), by_body.shape, rng)
    result: Floats = np.clip(mean + spread * noise, 0.0, 0.98)
    return result


def _missing(by_things: Bools, by_body: Bools, numbers: JointNumbers, rng: np.random.Generator) -> Bools:
    """(N, 25) gaps: a two-state chain for each joint, whose rates depend on what hides it."""
    rate = np.broadcast_to(numbers.gap_rate, by_body.shape).copy()
    stop = np.broadcast_to(1 / numbers.gap_frames, by_body.shape).copy()
    for where, share in ((by_body, numbers.self_drop), (by_things, np.maximum(numbers.self_drop, THING_DROP))):
        odds = np.broadcast_to(share / (THING_GAP * (1 - share)), rate.shape)
        rate[where], stop[where] = odds[where], 1 / THING_GAP
    draw = rng.random(rate.shape)
    gone = np.zeros(rate.shape, np.bool_)
    state = draw[0] < rate[0] / (rate[0] + stop[0])
    for i in range(len(rate)):
        state = np.where(state, draw[i] >= stop[i], draw[i] < rate[i])
        gone[i] = state
    return gone


def _runs(rate: Floats, frames: float, rng: np.random.Generator) -> Bools:
    """(N,) runs of True that begin with the given chance a frame and last `frames` on average."""
    active = np.zeros(len(rate), np.bool_)
    for start in np.flatnonzero(rng.random(len(rate)) < rate):
        active[start : start + int(rng.geometric(1 / frames))] = True
    return active


def _swap(
    found: Floats, confidence: Floats, missing: Bools, trunk: Floats, rng: np.random.Generator
) -> tuple[Floats, Floats, Bools]:
    """Exchange the sides of the arms or the legs for a few frames, where the person is seen from the side."""
    for pairs in SWAPPED:
        (right, left), *_ = pairs
        narrow = np.linalg.norm(found[:, right] - found[:, left], axis=1) < NARROW * trunk
        frames = np.flatnonzero(_runs(SWAP_RATE * narrow, SWAP_FRAMES, rng))
        for a, b in pairs:
            for values in (found, confidence, missing):
                values[frames[:, None], np.array([a, b])] = values[frames[:, None], np.array([b, a])]
    return found, confidence, missing
