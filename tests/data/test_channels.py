"""Channels of a map: parts of the body and motion, the same from recordings and from a stream."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hydra_config import Compose, check
from skelmap.data.rendering import MapSettings, render_maps
from skelmap.skeletons.clip import Clip
from skelmap.skeletons.layouts import LAYOUTS, Layout
from skelmap.utils.errors import UserError
from synthetic_data import make_clip, wave

ALL = ("left", "motion", "right", "trunk", "body")
GREY = MapSettings(resample="area", threshold=None, channels=ALL)
SIZE = (640, 480)


def clip_with_gaps() -> Clip:
    """Two people; joints and whole frames are missing, and the second comes later."""
    one, other = wave(20, 1), wave(12, 2)
    one[[4, 5, 9]] = 0
    one[12:, 4] = 0
    frame, track = np.concatenate([np.arange(20), np.arange(8, 20)]), np.repeat([0, 1], [20, 12])
    return make_clip(np.concatenate([one, other]), frame=frame, track=track)


def unpacked_maps(style: MapSettings, clip: Clip) -> np.ndarray:
    """Maps (n, C, H, W) as a model gets them."""
    found = style.unpack(torch.from_numpy(style.pack(clip)))
    assert found.dtype == torch.float32 and found.shape[1:] == style.shape
    return found.numpy()


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=lambda layout: layout.name)
@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_the_parts_add_up_to_the_body(layout: Layout, seed: int) -> None:
    """Without shrinking; in smaller maps several parts together may lift a pixel above the threshold."""
    rng = np.random.default_rng(seed)
    points = np.ones((1, len(layout.joints), 3), np.float32)
    points[..., :2] = rng.normal((320, 240), 60, points[..., :2].shape)
    points[:, rng.random(len(layout.joints)) < 0.2] = 0
    style = MapSettings(img_size=256, crop_size=256, channels=("body", "left", "right", "trunk"))
    body, *parts = render_maps(points, layout, SIZE, style)[0]
    np.testing.assert_array_equal(np.any(parts, axis=0), body)


def test_left_and_right_are_separate() -> None:
    keypoints = wave(1)
    style = MapSettings(channels=("left", "right", "trunk"), img_size=120)
    left, right, trunk = render_maps(keypoints, make_clip(keypoints).layout, SIZE, style)[0]
    assert left[:, :60].sum() < 20 < left[:, 60:].sum() and right[:, 60:].sum() < 20 < right[:, :60].sum()
    assert trunk[:, 50:70].sum() == trunk.sum() > 90


@pytest.mark.parametrize("style", [MapSettings(channels=ALL), GREY], ids=str)
def test_motion_is_the_change_since_the_previous_row_of_the_person(style: MapSettings) -> None:
    clip = clip_with_gaps()
    maps = unpacked_maps(style, clip)
    body, motion = maps[:, ALL.index("body")], maps[:, ALL.index("motion")]
    track = clip.track[clip.present]
    for row in range(len(maps)):
        earlier = [other for other in range(row) if track[other] == track[row]]
        before = body[earlier[-1]] if earlier else np.zeros_like(body[0])
        np.testing.assert_allclose(motion[row], np.abs(body[row] - before), atol=1e-6)
    assert (motion.sum(axis=(1, 2)) > 0).all() and motion.sum() < body.sum()
    assert (len(np.unique(motion)) > 50) == (style.threshold is None)


@pytest.mark.parametrize("style", [MapSettings(channels=ALL), MapSettings(threshold=None), GREY], ids=str)
def test_frames_one_by_one_equal_the_rows_of_the_clip(style: MapSettings) -> None:
    clip = clip_with_gaps()
    before: dict[int, np.ndarray] = {}
    for row, track, expected in zip(
        clip.keypoints[clip.present], clip.track[clip.present].tolist(), unpacked_maps(style, clip), strict=True
    ):
        drawn = style.frames(row[None], clip.layout, clip.size, before.get(track))
        assert drawn.dtype == np.float32
        np.testing.assert_array_equal(drawn[0], expected)
        before[track] = drawn


def test_a_clip_without_people_has_no_maps() -> None:
    empty = make_clip(np.zeros((3, 25, 3), np.float32))
    assert unpacked_maps(MapSettings(channels=ALL), empty).shape == (0, 5, 28, 28)


@pytest.mark.parametrize("names", ["[body,body]", "[hand]", "[]", "[motion]", "[left,motion]", "[[body]]", "body"])
def test_unknown_or_repeated_channels_are_refused(names: str, compose: Compose) -> None:
    message = r"data\.maps\.channels=.*; allowed: a list of different names out of body, left, right, trunk, motion; .*"
    with pytest.raises(UserError, match=message):
        check(compose("data=manifest", "data.manifest=x.csv", f"data.maps.channels={names}"))
    if names != "body":
        given = [] if names == "[]" else [["body"]] if names == "[[body]]" else names.strip("[]").split(",")
        with pytest.raises(UserError, match=message):
            MapSettings(channels=given)
