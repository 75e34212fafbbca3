"""Person-independent pose features of keypoint windows (B, T, V, 2), and the matrix logarithm for one of them."""

from collections.abc import Callable
from math import log, sqrt
from typing import Literal

import torch
from torch import Tensor

from skelmap.skeletons.layouts import BODY

JITTER = 0.01
"""Movement below this, in units of body size, is attributed to the detector."""
MOTION_STEP = 3
"""Frames over which `motion` takes displacements: a tenth of a second at 30 fps."""
SHRINKAGE = 0.3
"""Weight of the mean variance in the covariance of `motion`: of a short window the small eigenvalues are noise."""
HANDS_PREFIX = "hands_"
"""Prefix of features that are computed of `HAND_JOINTS` only."""
HAND_JOINTS = ("neck", "right_wrist", "left_wrist", "right_hip", "left_hip")
"""Joints that give the positions of the hands, relative to each other and to the trunk, for any stance."""
Feature = Literal[
    "motion",
    "posture",
    "kinematics",
    "trajectory",
    "spectra",
    "hands_motion",
    "hands_posture",
    "hands_kinematics",
    "hands_trajectory",
    "hands_spectra",
]


def normalize_scale(keypoints: Tensor) -> Tensor:
    """Divide each window by its body size, the root mean square distance of the joints from their centroid.

    This makes near and far, tall and short people comparable, in any joint layout.

    Args:
        keypoints: (B, T, V, 2) in any unit.

    Returns:
        (B, T, V, 2) in units of body size.
    """
    offsets = keypoints - keypoints.mean(dim=2, keepdim=True)
    size = offsets.square().sum(dim=3).mean(dim=(1, 2)).sqrt()
    return keypoints / size.clamp_min(1e-6)[:, None, None, None]


def motion(keypoints: Tensor) -> Tensor:
    """Logarithm of the covariance of all joints' displacements, (B, V (2 V + 1)).

    Describes how far joints move, and which ones together. Covariances of coordinates describe actions independently of
    their timing (Hussein et al. 2013); with the matrix logarithm, differences of them are distances (Arsigny et al.
    2006). Displacements, unlike positions, do not depend on a person's stance. The covariance is shrunk towards a
    multiple of the identity (Ledoit and Wolf 2004, with a fixed weight).
    """
    displacements = _centered(keypoints[:, MOTION_STEP:] - keypoints[:, :-MOTION_STEP])
    covariance = displacements.mT @ displacements / displacements.shape[1]
    variance = covariance.diagonal(dim1=1, dim2=2).mean(dim=1)
    identity = torch.eye(covariance.shape[1]).to(covariance)
    entries = matrix_log((1 - SHRINKAGE) * covariance + (SHRINKAGE * variance + JITTER**2)[:, None, None] * identity)
    row, column = torch.triu_indices(*entries.shape[1:], device=keypoints.device)
    return entries[:, row, column]


def posture(keypoints: Tensor) -> Tensor:
    """Distances and directions between all pairs of joints, (B, 2 V (V - 1)).

    Of each pair: mean and log standard deviation of the distance over the window, and the mean of the direction as a
    unit vector, which distinguishes lying from standing.
    """
    row, column = torch.triu_indices(keypoints.shape[2], keypoints.shape[2], 1, device=keypoints.device)
    difference = keypoints[:, :, row] - keypoints[:, :, column]
    distance = difference.norm(dim=3)
    direction = difference / (distance + 5 * JITTER)[..., None]  # coinciding joints have none
    spread = distance.std(dim=1, correction=0)
    return torch.cat([distance.mean(dim=1), (spread + 2 * JITTER).log(), direction.mean(dim=1).flatten(1)], dim=1)


def kinematics(keypoints: Tensor) -> Tensor:
    """Positions and speeds of joints, extreme distances and correlations of pairs, (B, 6 V - 4 + 3 V (V - 1) / 2).

    Mean and log standard deviation of each coordinate relative to the first joint; log mean and maximum of the speeds
    relative to it, and of its own speed; of each pair of joints the smallest and the largest distance, and the
    correlation of their displacements from frame to frame.
    """
    first, others = keypoints[:, :, :1], keypoints[:, :, 1:] - keypoints[:, :, :1]
    relative = torch.cat([first, others], dim=2)
    speed = (relative[:, 1:] - relative[:, :-1]).norm(dim=3)
    row, column = torch.triu_indices(keypoints.shape[2], keypoints.shape[2], 1, device=keypoints.device)
    distance = (keypoints[:, :, row] - keypoints[:, :, column]).norm(dim=3)
    steps = keypoints[:, 1:] - keypoints[:, :-1]
    power = steps.square().sum(dim=(1, 3))
    common = (steps[:, :, row] * steps[:, :, column]).sum(dim=(1, 3))
    # the jitter keeps joints at rest from having a correlation
    correlation = common / ((power[:, row] * power[:, column]).clamp_min(1e-12).sqrt() + JITTER)
    positions = others.flatten(2)
    parts = [
        *(positions.mean(dim=1), (positions.std(dim=1, correction=0) + 2 * JITTER).log()),
        *((speed.mean(dim=1) + JITTER).log(), (speed.amax(dim=1) + JITTER).log()),
        *(distance.amin(dim=1), distance.amax(dim=1), correlation),
    ]
    return torch.cat(parts, dim=1)


def trajectory(keypoints: Tensor) -> Tensor:
    """All coordinates of the window, (B, 2 V T)."""
    return keypoints.flatten(1)


def spectra(keypoints: Tensor) -> Tensor:
    """Mean positions and log amplitude spectra of the coordinates, (B, 2 V (1 + T // 2))."""
    amplitudes = torch.fft.rfft(_centered(keypoints), dim=1)[:, 1:].abs() / keypoints.shape[1]
    return torch.cat([keypoints.mean(dim=1).flatten(1), (amplitudes + JITTER / 10).log().flatten(1)], dim=1)


FEATURES: dict[str, Callable[[Tensor], Tensor]] = {
    function.__name__: function for function in (motion, posture, kinematics, trajectory, spectra)
}


def feature_joints(feature: str, window: int, joints: int) -> Tensor:
    """Joints on which each dimension of a feature depends.

    Args:
        feature: a key of `FEATURES`.
        window: T, frames.
        joints: V.

    Returns:
        (D, 2) int64: two joints for each dimension; twice the same if it depends on one.
    """
    coordinates = torch.arange(joints).repeat_interleave(2)
    pairs = torch.triu_indices(joints, joints, 1)
    speeds = torch.stack([torch.zeros(joints, dtype=torch.int64), torch.arange(joints)])  # relative to the first joint
    first = speeds[:, 1:]
    found = {
        "motion": coordinates[torch.triu_indices(2 * joints, 2 * joints)],
        "posture": torch.cat([pairs, pairs, pairs.repeat_interleave(2, dim=1)], dim=1),
        "kinematics": torch.cat([first.repeat_interleave(2, dim=1).repeat(1, 2), speeds, speeds, *3 * [pairs]], dim=1),
        "trajectory": coordinates.repeat(2, window),
        "spectra": coordinates.repeat(2, 1 + window // 2),
    }
    return found[feature].mT


def _centered(keypoints: Tensor) -> Tensor:
    """Coordinates (B, T, 2 V) minus their means over the window."""
    flat = keypoints.flatten(2)
    return flat - flat.mean(dim=1, keepdim=True)


MIN_EIGENVALUE = SHRINKAGE / (2 * len(BODY))
"""Smallest eigenvalue of a shrunk covariance of all joints of the body, relative to its trace."""
SQUARE_ROOTS = 3
"""Square roots that `matrix_log` takes before the series."""
SERIES_TERMS = 10
"""Terms of the logarithm's series."""
NEWTON_TOLERANCE = 1e-3
"""From this distance one more Newton step converges to single precision."""


def matrix_log(matrices: Tensor) -> Tensor:
    """Logarithm of symmetric positive definite matrices (B, D, D), by matrix products only.

    Inverse scaling and squaring (Higham 2008, chapter 11): square roots bring the eigenvalues close to each other, then
    the power series is evaluated.

    Args:
        matrices: eigenvalues of at least `MIN_EIGENVALUE` times the trace.
    """
    identity = torch.eye(matrices.shape[1]).to(matrices)
    size = matrices.flatten(1).norm(dim=1)[:, None, None]
    root = matrices / size
    for scales in NEWTON_SCALES:
        root = _square_root(root, identity, scales)
    middle = (1 + MIN_EIGENVALUE**0.5**SQUARE_ROOTS) / 2
    offset = root / middle - identity
    series = ((-1) ** (SERIES_TERMS + 1) / SERIES_TERMS * identity).expand_as(root)
    for term in range(SERIES_TERMS - 1, 0, -1):  # Horner's scheme
        series = torch.baddbmm(identity, offset, series, beta=(-1) ** (term + 1) / term)
    logarithm: Tensor = 2**SQUARE_ROOTS * torch.baddbmm(identity, offset, series, beta=log(middle))
    logarithm = logarithm + size.log() * identity
    return logarithm


def _square_root(matrices: Tensor, identity: Tensor, scales: tuple[float, ...]) -> Tensor:
    """Square root by the coupled Newton-Schulz iteration (Higham 2008, section 6.3) with a scale for each step."""
    root, inverse = matrices, identity.expand_as(matrices)
    for scale in scales:
        step = torch.baddbmm(identity, inverse, root, beta=1.5 * scale, alpha=-0.5 * scale**3)
        root, inverse = root @ step, step @ inverse
    return root


def _newton_scales(lowest: float) -> tuple[float, ...]:
    """Scales of the Newton steps for eigenvalues from `lowest` to 1.

    A step maps the ratio x of an iterate to the root to scale x (3 - (scale x)^2) / 2. Convergence is fastest if the
    smallest and the largest ratio are mapped to the same value (Chen and Chow 2014).
    """
    least, scales = sqrt(lowest), []
    while least < 1 - NEWTON_TOLERANCE:
        scale = sqrt(3 / (1 + least + least**2))
        least = scale * least * (3 - (scale * least) ** 2) / 2
        scales.append(scale)
    return (*scales, 1.0)


NEWTON_SCALES = tuple(_newton_scales(MIN_EIGENVALUE**0.5**root) for root in range(SQUARE_ROOTS))
