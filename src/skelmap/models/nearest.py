"""Nearest neighbours."""

import torch
from torch import Tensor


def nearest(of: Tensor, among: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Find the k nearest of a set of points, Euclidean.

    Args:
        of: (B, D) points.
        among: (N, D) points, N of at least k.
        k: how many.

    Returns:
        (B, k, D) from each of the nearest to the point, the shortest first, and (B, k) their indices. The lengths
        of these are the distances: torch.cdist's own are rounded where they are short.
    """
    index = torch.cdist(of, among).topk(k, largest=False).indices
    return of[:, None] - among[index], index
