"""Eight pixels a byte, or one grey level: pack maps for storage, unpack them on the model's device."""

from __future__ import annotations

from functools import cache
from math import prod
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:  # a monitor draws maps without torch
    import torch
    from torch import Tensor


Levels = NDArray[np.bool_] | NDArray[np.uint8]
"""Pixels of maps: black or white, or grey levels from 0 to 255."""


def packed_bytes(shape: tuple[int, int, int], bits: int) -> int:
    """Count the bytes of one packed map of this shape, (C, H, W), with 1 or 8 bits a pixel."""
    return -(-prod(shape) * bits // 8)


def pack_maps(maps: Levels) -> NDArray[np.uint8]:
    """Pack (N, C, H, W) maps into (N, bytes) uint8; of bool, the first pixel is in the highest bit."""
    rows = maps.reshape(len(maps), prod(maps.shape[1:]))
    return np.packbits(rows, axis=1) if rows.dtype == np.bool_ else rows.astype(np.uint8, copy=False)


def shares(levels: Levels, bits: int) -> NDArray[np.float32]:
    """Give levels of 1 or 8 bits as models see them: as shares of white, 0..1."""
    share: NDArray[np.float32] = np.divide(levels, 2**bits - 1, dtype=np.float32)
    return share


def unpack_maps(packed: Tensor, shape: tuple[int, int, int], bits: int) -> Tensor:
    """Unpack maps on the device where they lie.

    Args:
        packed: (..., bytes) uint8.
        shape: (C, H, W) of a map.
        bits: of a pixel, 1 or 8.

    Returns:
        (..., C, H, W) float32, 0..1.
    """
    from torch.nn import functional as F

    pixels = F.embedding(packed.int(), _pixels(bits, packed.device))  # (..., bytes) -> (..., bytes, 8 or 1)
    return pixels.flatten(-2)[..., : prod(shape)].reshape(*packed.shape[:-1], *shape)


@cache
def _pixels(bits: int, device: torch.device) -> Tensor:
    """(256, 8 or 1) float32: the pixels of every byte; a table look-up beats shifting and masking by far on a CPU."""
    import torch

    byte = np.arange(256, dtype=np.uint8)[:, None]
    return torch.from_numpy(shares(byte if bits == 8 else np.unpackbits(byte, axis=1), bits)).to(device)
