"""Packed maps: eight binary pixels a byte, or one grey level a byte."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from skelmap.data.rendering import pack_maps, unpack_maps

shapes = st.tuples(st.integers(0, 5), st.integers(1, 5), st.integers(1, 30), st.integers(1, 30))


@settings(max_examples=50, deadline=None)
@given(npst.arrays(np.bool_, shapes) | npst.arrays(np.uint8, shapes))
def test_unpacking_undoes_packing(maps: np.ndarray) -> None:
    packed, bits = pack_maps(maps), 1 if maps.dtype == bool else 8
    pixels = int(np.prod(maps.shape[1:]))
    assert packed.shape == (len(maps), -(-pixels // 8) if bits == 1 else pixels) and packed.dtype == np.uint8
    unpacked = unpack_maps(torch.from_numpy(packed), maps.shape[1:], bits)
    assert unpacked.dtype == torch.float32
    np.testing.assert_array_equal(unpacked.numpy(), maps.astype(np.float32) / np.float32(1 if bits == 1 else 255))


def test_batches_of_windows_are_unpacked() -> None:
    maps = np.random.default_rng(0).random((6, 2, 15, 15)) < 0.3
    packed = torch.from_numpy(pack_maps(maps)).reshape(2, 3, -1)
    assert torch.equal(unpack_maps(packed, (2, 15, 15), 1).flatten(0, 1), torch.from_numpy(maps).float())


def test_the_first_pixel_is_the_highest_bit() -> None:
    maps = np.zeros((1, 1, 3, 3), np.bool_)
    maps[0, 0, 0, 0] = maps[0, 0, 2, 2] = True
    assert pack_maps(maps).tolist() == [[0b10000000, 0b10000000]]
