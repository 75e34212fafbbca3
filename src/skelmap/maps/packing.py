"""Eight pixels a byte: pack maps for storage, unpack them on the model's device."""

from __future__ import annotations

from functools import cache
from math import prod
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:  # a monitor draws maps without torch
    import torch
    from torch import Tensor


def packed_bytes(shape: tuple[int, int, int]) -> int:
    """Count the bytes of one packed map of this shape, (C, H, W)."""
    return -(-prod(shape) // 8)


def pack_maps(maps: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Pack (N, C, H, W) bool into (N, ceil(C * H * W / 8)) uint8, the first pixel in the highest bit."""
    return np.packbits(maps.reshape(len(maps), prod(maps.shape[1:])), axis=1)


def unpack_maps(packed: Tensor, shape: tuple[int, int, int]) -> Tensor:
    """Unpack maps on the device where they lie.

    Args:
        packed: (..., ceil(C * H * W / 8)) uint8.
        shape: (C, H, W) of a map.

    Returns:
        (..., C, H, W) float32, 0 or 1.
    """
    from torch.nn import functional as F

    pixels = F.embedding(packed.int(), _bits(packed.device))  # (..., bytes) -> (..., bytes, 8)
    return pixels.flatten(-2)[..., : prod(shape)].reshape(*packed.shape[:-1], *shape)


@cache
def _bits(device: torch.device) -> Tensor:
    """(256, 8) float32: the bits of every byte; a table look-up beats shifting and masking by far on a CPU."""
    import torch

    return torch.from_numpy(np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1)).float().to(device)
