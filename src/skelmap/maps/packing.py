"""Eight pixels a byte: pack maps for storage, unpack them on the model's device."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:  # a monitor draws maps without torch
    import torch
    from torch import Tensor


def packed_bytes(img_size: int) -> int:
    """Count the bytes of one packed map."""
    return (img_size * img_size + 7) // 8


def pack_maps(maps: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Pack (N, H, W) bool into (N, ceil(H * W / 8)) uint8, the first pixel in the highest bit."""
    count, height, width = maps.shape
    return np.packbits(maps.reshape(count, height * width), axis=1)


def unpack_maps(packed: Tensor, img_size: int) -> Tensor:
    """Unpack maps on the device where they lie.

    Args:
        packed: (..., ceil(img_size ** 2 / 8)) uint8.
        img_size: side of the maps, px.

    Returns:
        (..., 1, img_size, img_size) float32, 0 or 1.
    """
    from torch.nn import functional as F

    pixels = F.embedding(packed.int(), _bits(packed.device))  # (..., bytes) -> (..., bytes, 8)
    flat = pixels.flatten(-2)[..., : img_size * img_size]
    return flat.reshape(*packed.shape[:-1], 1, img_size, img_size)


@cache
def _bits(device: torch.device) -> Tensor:
    """(256, 8) float32: the bits of every byte; a table look-up beats shifting and masking by far on a CPU."""
    import torch

    return torch.from_numpy(np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1)).float().to(device)
