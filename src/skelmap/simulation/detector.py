"""Model of a pose detector: the keypoints that OpenPose would report for true image points.

Parameters per joint are measured on real OpenPose output (`scripts/fit_detector.py` writes `detector.json`); what that
recording cannot show is assumed, marked here as an assumption, and listed in docs/lab/simulation.md.
"""

import json
from dataclasses import dataclass
from functools import cache
from importlib import resources

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from skelmap.simulation.motion import Bools, Floats

JOINT_GROUPS = {
    "nose": (0,), "neck": (1,), "shoulder": (2, 5), "elbow": (3, 6), "wrist": (4, 7), "mid_hip": (8,), "hip": (9, 12),
    "knee": (10, 13), "ankle": (11, 14), "eye": (15, 16), "ear": (17, 18), "foot": (19, 20, 21, 22, 23, 24),
}  # fmt: skip
"""Joints that share parameters, as indices of BODY_25."""
SUBSTITUTES = {"knee": "elbow", "ankle": "wrist", "foot": "wrist"}
"""Assumption: legs have the arms' parameters, middle joint for middle joint, end for end; no legs were recorded."""
FOOT_GAP_FACTOR = 4.0
"""Assumption: toes and heels are missed this many times as often as wrists; they are smaller and lie on the floor."""
MIN_JITTER = 0.35
"""Assumption: jitter, px, that stays however small the person is: the network's grid is 1.3 px of the image."""
CONFIDENCE_CORRELATION = 0.85
"""Assumption: lag-1 autocorrelation of a joint's confidence; the recording has one true value a clip."""
GUESS_SIGMA, GUESS_CORRELATION = 0.035, 0.93
"""Assumption: an occluded joint that is reported all the same has an additional error of this standard deviation, trunk
lengths, with this lag-1 autocorrelation."""
SELF_OCCLUSION_MISS_RATE = 0.35
"""Assumption: fraction of frames in which an arm or leg joint behind the body is missing; otherwise it is guessed.
(Ears behind the head are measured; eyes and nose are taken to be like them.)"""
OBJECT_OCCLUSION_MISS_RATE = 0.60
"""Assumption: fraction of frames in which a joint behind furniture or a load is missing."""
OCCLUSION_GAP_FRAMES = 9.0
"""Assumption: mean length of a gap of an occluded joint, frames."""
OCCLUDED_CONFIDENCE_STD = 0.12
"""Assumption: standard deviation of an occluded joint's confidence."""
SWAP_RATE, SWAP_FRAMES = 0.004, 3.0
"""Assumption: probability per frame in side view that a left-right swap of arms or legs begins, and its mean length,
frames. The real recording, tracked and frontal, has none."""
SIDE_VIEW_RATIO = 0.28
"""Shoulder or hip distance over trunk length below which a frame counts as side view."""
LOSS_RATE, LOSS_FRAMES = 0.00025, 5.0
"""Assumption: probability per frame that the whole person is lost (twice in five minutes), and mean length, frames."""
MIN_CONFIDENCE = 0.05
"""OpenPose does not report joints below this confidence."""

SWAP_PAIRS = (((2, 5), (3, 6), (4, 7)), ((9, 12), (10, 13), (11, 14), (19, 22), (20, 23), (21, 24)))
"""(right, left) joints of arms and legs that are swapped together."""


@dataclass(frozen=True)
class DetectorParameters:
    """Parameters of the 25 joints, each (25,).

    Attributes:
        jitter_sigma: standard deviation of the jitter, trunk lengths.
        jitter_correlation: lag-1 autocorrelation of the jitter.
        confidence_mean: mean confidence of a fully visible joint.
        confidence_std: standard deviation of that confidence.
        gap_rate: probability per frame that a gap of a fully visible joint begins.
        gap_frames: mean length of such a gap, frames.
        self_miss_rate: fraction of frames in which a joint behind the own body is missing.
        self_confidence: mean confidence of a joint behind the own body.
        object_confidence: mean confidence of a joint behind an object or at the image's edge.
    """

    jitter_sigma: Floats
    jitter_correlation: Floats
    confidence_mean: Floats
    confidence_std: Floats
    gap_rate: Floats
    gap_frames: Floats
    self_miss_rate: Floats
    self_confidence: Floats
    object_confidence: Floats


@cache
def load_parameters() -> DetectorParameters:
    """Read the parameters fitted to real OpenPose output and fill in the assumed ones."""
    text = resources.files("skelmap.simulation").joinpath("detector.json").read_text(encoding="utf-8")
    content = json.loads(text)
    values = {key: np.zeros(25) for key in DetectorParameters.__dataclass_fields__}
    for group, joints in JOINT_GROUPS.items():
        measured = content["joints"][SUBSTITUTES.get(group, group)]
        for key, value in measured.items():
            values[key][list(joints)] = value
    values["gap_rate"][list(JOINT_GROUPS["foot"])] *= FOOT_GAP_FACTOR
    values["self_miss_rate"][:] = SELF_OCCLUSION_MISS_RATE
    values["self_miss_rate"][[0, 15, 16, 17, 18]] = content["occluded"]["ear_miss_rate"]
    values["self_confidence"][:] = content["occluded"]["self_confidence"]
    values["object_confidence"][:] = content["occluded"]["edge_confidence"]
    return DetectorParameters(**values)


def detect(
    points: Floats, by_objects: Bools, by_body: Bools, size: tuple[int, int], rng: np.random.Generator
) -> NDArray[np.float32]:
    """Simulate the detection of the joints.

    Args:
        points: (N, 25, 2) true image points, px; NaN behind the camera.
        by_objects: (N, 25) occluded by furniture or a load.
        by_body: (N, 25) occluded by the worker's own body.
        size: (width, height) of the image, px.
        rng: random generator.

    Returns:
        (N, 25, 3) x px and y px to 0.01, confidence to 0.001; all 0 where the joint is not detected.
    """
    parameters = load_parameters()
    outside = ~np.all((points >= 0) & (points < np.array(size)), axis=2)
    true = np.nan_to_num(points)
    trunk = np.maximum(np.linalg.norm(true[:, 1] - true[:, 8], axis=1), 0.2 * np.ptp(true[..., 1], axis=1))
    occluded = by_objects | by_body
    found = true + _jitter(trunk, occluded, parameters, rng)
    confidence = _confidence(by_objects, by_body, parameters, rng)
    missing = _gaps(by_objects, by_body, parameters, rng) | outside | (confidence < MIN_CONFIDENCE)
    missing |= _bursts(np.full(len(points), LOSS_RATE), LOSS_FRAMES, rng)[:, None]
    _swap_sides(found, confidence, missing, trunk, rng)
    result = np.concatenate([np.round(found, 2), np.round(confidence, 3)[..., None]], axis=2)
    result[missing] = 0
    return result.astype(np.float32)


def _jitter(trunk: Floats, occluded: Bools, parameters: DetectorParameters, rng: np.random.Generator) -> Floats:
    """Position error (N, 25, 2), px, for trunk lengths (N,), px; larger for occluded joints (N, 25)."""
    count = len(trunk)
    noise, guess = (
        correlated_noise(c, (count, 25, 2), rng)
        for c in (parameters.jitter_correlation, np.full(25, GUESS_CORRELATION))
    )
    scale = np.hypot(trunk[:, None] * parameters.jitter_sigma, MIN_JITTER)
    return noise * scale[..., None] + guess * (occluded * (GUESS_SIGMA * trunk)[:, None])[..., None]


def correlated_noise(correlation: Floats, shape: tuple[int, ...], rng: np.random.Generator) -> Floats:
    """Draw unit-variance first-order autoregressive noise along axis 0; lag-1 `correlation` per entry of axis 1."""
    white = rng.standard_normal(shape)
    noise = np.empty(shape)
    for j, c in enumerate(correlation):
        gain = np.sqrt(1 - c**2)
        scaled = white[:, j] * gain
        scaled[:1] /= gain  # start in the stationary distribution
        noise[:, j] = lfilter([1.0], [1.0, -c], scaled, axis=0)
    return noise


def _confidence(by_objects: Bools, by_body: Bools, parameters: DetectorParameters, rng: np.random.Generator) -> Floats:
    mean = np.where(by_body, parameters.self_confidence, parameters.confidence_mean)
    mean = np.where(by_objects, parameters.object_confidence, mean)
    std = np.where(by_objects | by_body, OCCLUDED_CONFIDENCE_STD, parameters.confidence_std)
    noise = correlated_noise(np.full(25, CONFIDENCE_CORRELATION), by_body.shape, rng)
    result: Floats = np.clip(mean + std * noise, 0.0, 0.98)
    return result


def _gaps(by_objects: Bools, by_body: Bools, parameters: DetectorParameters, rng: np.random.Generator) -> Bools:
    """Missing joints (N, 25): a two-state Markov chain per joint whose rates depend on the occlusion."""
    start = np.broadcast_to(parameters.gap_rate, by_body.shape).copy()
    stop = np.broadcast_to(1 / parameters.gap_frames, by_body.shape).copy()
    by_object_rate = np.maximum(parameters.self_miss_rate, OBJECT_OCCLUSION_MISS_RATE)
    for where, miss_rate in ((by_body, parameters.self_miss_rate), (by_objects, by_object_rate)):
        rate = np.broadcast_to(miss_rate / (OCCLUSION_GAP_FRAMES * (1 - miss_rate)), start.shape)
        start[where], stop[where] = rate[where], 1 / OCCLUSION_GAP_FRAMES
    draw = rng.random(start.shape)
    missing = np.zeros(start.shape, np.bool_)
    state = draw[0] < start[0] / (start[0] + stop[0])
    for i in range(len(start)):
        state = np.where(state, draw[i] >= stop[i], draw[i] < start[i])
        missing[i] = state
    return missing


def _bursts(rate: Floats, frames: float, rng: np.random.Generator) -> Bools:
    """Intervals of True (N,) that begin with probability `rate` (N,) per frame and last `frames` on average."""
    active = np.zeros(len(rate), np.bool_)
    for start in np.flatnonzero(rng.random(len(rate)) < rate):
        active[start : start + int(rng.geometric(1 / frames))] = True
    return active


def _swap_sides(found: Floats, confidence: Floats, missing: Bools, trunk: Floats, rng: np.random.Generator) -> None:
    """Exchange right and left arm or leg joints in place for a few frames, in side view only."""
    for pairs in SWAP_PAIRS:
        (right, left), *_ = pairs
        side_view = np.linalg.norm(found[:, right] - found[:, left], axis=1) < SIDE_VIEW_RATIO * trunk
        frames = np.flatnonzero(_bursts(SWAP_RATE * side_view, SWAP_FRAMES, rng))
        for a, b in pairs:
            for values in (found, confidence, missing):
                values[frames[:, None], np.array([a, b])] = values[frames[:, None], np.array([b, a])]
