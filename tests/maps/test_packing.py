"""Eight pixels a byte."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from skelmap.maps import pack_maps, unpack_maps


@settings(max_examples=50, deadline=None)
@given(
    st.integers(1, 40).flatmap(lambda side: npst.arrays(np.bool_, st.tuples(st.integers(0, 5), *[st.just(side)] * 2)))
)
def test_unpacking_undoes_packing(maps: np.ndarray) -> None:
    side = maps.shape[1]
    packed = pack_maps(maps)
    assert packed.shape == (len(maps), -(-side * side // 8)) and packed.dtype == np.uint8
    unpacked = unpack_maps(torch.from_numpy(packed), side)
    assert unpacked.dtype == torch.float32 and unpacked.shape == (len(maps), 1, side, side)
    np.testing.assert_array_equal(unpacked[:, 0].numpy(), maps.astype(np.float32))


def test_batches_of_windows_unpack_alike() -> None:
    maps = np.random.default_rng(0).random((6, 15, 15)) < 0.3
    packed = torch.from_numpy(pack_maps(maps)).reshape(2, 3, -1)
    assert torch.equal(unpack_maps(packed, 15).reshape(6, 15, 15), torch.from_numpy(maps).float())


def test_the_first_pixel_is_the_highest_bit() -> None:
    maps = np.zeros((1, 3, 3), np.bool_)
    maps[0, 0, 0] = maps[0, 2, 2] = True
    assert pack_maps(maps).tolist() == [[0b10000000, 0b10000000]]
