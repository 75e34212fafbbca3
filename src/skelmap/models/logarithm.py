"""Logarithm of covariance matrices, by matrix products alone.

ONNX has no eigenvalues. In single precision this is also the more exact way: an eigenvalue's error is in proportion to
the largest one, and logarithms of small ones suffer.
"""

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
