"""Person-independent pose features of keypoint windows."""

from collections.abc import Callable
from math import log, sqrt

import torch
from torch import Tensor

LOWEST = 1e-5
"""The smallest eigenvalue, as a share of the trace: single precision holds no smaller ones beside the largest."""
ROOTS = 4
TERMS = 12
CLOSE = 1e-3
"""From here one more Newton step leaves an error of single precision."""


def logarithm(matrices: Tensor) -> Tensor:
    """Logarithm of symmetric matrices (B, D, D), with eigenvalues of at least `LOWEST` of the trace.

    Inverse scaling and squaring (Higham 2008, chapter 11): square roots until the eigenvalues are near one another,
    then the series.
    """
    identity = torch.eye(matrices.shape[1]).to(matrices)
    size = matrices.flatten(1).norm(dim=1)[:, None, None]
    root = matrices / size
    for scales in SCALES:
        root = _square_root(root, identity, scales)
    middle = (1 + LOWEST**0.5**ROOTS) / 2
    offset = root / middle - identity
    series = ((-1) ** (TERMS + 1) / TERMS * identity).expand_as(root)
    for term in range(TERMS - 1, 0, -1):  # Horner's scheme
        series = torch.baddbmm(identity, offset, series, beta=(-1) ** (term + 1) / term)
    logarithm: Tensor = 2**ROOTS * torch.baddbmm(identity, offset, series, beta=log(middle)) + size.log() * identity
    return logarithm


def _square_root(matrices: Tensor, identity: Tensor, scales: tuple[float, ...]) -> Tensor:
    """Newton and Schulz's coupled iteration (Higham 2008, section 6.3); each step is scaled."""
    root, inverse = matrices, identity.expand_as(matrices)
    for scale in scales:
        step = torch.baddbmm(identity, inverse, root, beta=1.5 * scale, alpha=-0.5 * scale**3)
        root, inverse = root @ step, step @ inverse
    return root


def _scales(lowest: float) -> tuple[float, ...]:
    """Scales of the steps to the square root where eigenvalues are at least `lowest` and at most 1.

    A step takes what is x of a root to scale x (3 - (scale x)^2) / 2. Where the least and the most are taken to the
    same value, that nears 1 fastest (Chen and Chow 2014).
    """
    least, scales = sqrt(lowest), []
    while least < 1 - CLOSE:
        scale = sqrt(3 / (1 + least + least**2))
        least = scale * least * (3 - (scale * least) ** 2) / 2
        scales.append(scale)
    return (*scales, 1.0)


SCALES = tuple(_scales(LOWEST**0.5**root) for root in range(ROOTS))


STILL = 0.01
"""Movement below this, in units of the body's size, is taken for the detector's jitter."""
STEP = 3
"""Frames over which `motion` looks at displacements: a tenth of a second at 30 fps."""

OF_HANDS = "hands_"
"""Before a view's name: of the hands alone."""
HANDS = ("neck", "right_wrist", "left_wrist", "right_hip", "left_hip")
"""Joints that say where the hands are, from each other and from the trunk, however one stands and walks."""


def scaled(places: Tensor) -> Tensor:
    """Divide each window by the body's size in it: the root mean square distance of the joints from their centre.

    People near the camera and far from it, tall and short, become comparable, whatever the layout of the joints.

    Args:
        places: (B, T, V, 2) on any scale.
    """
    offsets = places - places.mean(dim=2, keepdim=True)
    size = offsets.square().sum(dim=3).mean(dim=(1, 2)).sqrt()
    return places / size.clamp_min(1e-6)[:, None, None, None]


def motion(places: Tensor) -> Tensor:
    """Logarithm of the covariance of all displacements, (B, V (2 V + 1)): how far joints move, and which ones together.

    Covariances of coordinates describe actions without saying when they begin (Hussein et al. 2013); their matrix
    logarithm makes differences of them distances (Arsigny et al. 2006). Displacements, unlike places, are free of who
    stands how.
    """
    moved = _centred(places[:, STEP:] - places[:, :-STEP])
    covariance = moved.mT @ moved / moved.shape[1]
    still = (LOWEST * covariance.diagonal(dim1=1, dim2=2).sum(dim=1)).clamp_min(STILL**2)
    entries = logarithm(covariance + still[:, None, None] * torch.eye(covariance.shape[1]).to(covariance))
    row, column = torch.triu_indices(*entries.shape[1:], device=places.device)
    return entries[:, row, column]


def posture(places: Tensor) -> Tensor:
    """Where the joints are from each other, (B, 2 V (V - 1)): of every two, distance and direction.

    The distance's mean and log standard deviation over the window, and the mean of the direction as a unit vector, so
    that somebody who lies is told from somebody who stands.
    """
    row, column = torch.triu_indices(places.shape[2], places.shape[2], 1, device=places.device)
    apart = places[:, :, row] - places[:, :, column]
    distance = apart.norm(dim=3)
    direction = apart / (distance + 5 * STILL)[..., None]  # of joints in one place there is none
    spread = distance.std(dim=1, correction=0)
    return torch.cat([distance.mean(dim=1), (spread + 2 * STILL).log(), direction.mean(dim=1).flatten(1)], dim=1)


def trajectory(places: Tensor) -> Tensor:
    """All places, (B, 2 V T): what happens when."""
    return places.flatten(1)


def spectra(places: Tensor) -> Tensor:
    """Mean places and log amplitude spectra of the coordinates, (B, 2 V (1 + T // 2)): how fast what moves."""
    amplitudes = torch.fft.rfft(_centred(places), dim=1)[:, 1:].abs() / places.shape[1]
    return torch.cat([places.mean(dim=1).flatten(1), (amplitudes + STILL / 10).log().flatten(1)], dim=1)


def joints_of(view: str, window: int, joints: int) -> Tensor:
    """Say of which two joints each number of a view is, (D, 2); of one joint alone it is twice the same.

    Args:
        view: its name.
        window: T, frames.
        joints: V.
    """
    coordinates = torch.arange(joints).repeat_interleave(2)
    pairs = torch.triu_indices(joints, joints, 1)
    found = {
        "motion": coordinates[torch.triu_indices(2 * joints, 2 * joints)],
        "posture": torch.cat([pairs, pairs, pairs.repeat_interleave(2, dim=1)], dim=1),
        "trajectory": coordinates.repeat(2, window),
        "spectra": coordinates.repeat(2, 1 + window // 2),
    }
    return found[view].mT


def _centred(places: Tensor) -> Tensor:
    """Coordinates (B, T, 2 V) less their means over the window."""
    flat = places.flatten(2)
    return flat - flat.mean(dim=1, keepdim=True)


VIEWS: dict[str, Callable[[Tensor], Tensor]] = {view.__name__: view for view in (motion, posture, trajectory, spectra)}
