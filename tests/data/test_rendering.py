"""Skeleton maps against slow, independent reference implementations."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from skelmap.data.rendering import MapSettings, render_maps
from skelmap.skeletons.layouts import BODY_25, COCO_17, COCO_18, Layout
from skelmap.utils.errors import UserError
from synthetic_data import person, wave

SIZE = (640, 480)
MARGIN = 400
PAPER = MapSettings()
quick = settings(max_examples=40, deadline=None)


SIDES = {
    f"{side}_{joint}": side
    for side in ("left", "right")
    for joint in ["shoulder", "elbow", "wrist", "hip", "knee", "ankle", "big_toe", "small_toe", "heel"]
}
"""Joints that do not belong to the trunk."""


def map_of(points: np.ndarray, layout: Layout = BODY_25, style: MapSettings = PAPER) -> np.ndarray:
    return render_maps(points[None].astype(np.float32), layout, SIZE, style)[0, 0]


def centre_of(points: np.ndarray, layout: Layout) -> np.ndarray:
    """The neck, else the middle of the shoulders, else the mean of what was detected."""
    joint = {name: points[i] for i, name in enumerate(layout.joints) if points[i, 2] > 0}
    if "neck" in joint:
        return joint["neck"][:2]
    if "left_shoulder" in joint and "right_shoulder" in joint:
        return (joint["left_shoulder"][:2] + joint["right_shoulder"][:2]) / 2
    return np.mean([p[:2] for p in joint.values()], axis=0)


def rounded(point: np.ndarray) -> tuple[int, int]:
    """The nearest pixel, in a picture with a margin."""
    x, y = (int(np.floor(v + 0.5)) + MARGIN for v in point)
    return x, y


def shows(channel: str, *joints: str) -> bool:
    """Whether a channel shows a joint, or the limb between two."""
    sides = {SIDES.get(joint, "trunk") for joint in joints}
    return channel == "body" or (channel in sides and (channel != "trunk" or len(sides) == 1))


def slow_map(points: np.ndarray, layout: Layout, style: MapSettings, channel: str = "body") -> np.ndarray:
    """Draw in the camera's whole picture, cut (black beyond its borders), shrink, binarise.

    A margin keeps limbs that leave the picture whole while they are drawn: OpenCV moves the ends of those it clips.
    """
    names = (*layout.joints, "neck")
    drawn = np.zeros((SIZE[1] + 2 * MARGIN, SIZE[0] + 2 * MARGIN), np.uint8)
    at = {i: rounded(p[:2]) for i, p in enumerate(points) if p[2] > 0.05}
    if not layout.has_neck and set(layout.shoulders) <= at.keys():
        at[len(layout.joints)] = rounded(points[list(layout.shoulders), :2].mean(axis=0))
    for a, b in layout.limbs:
        if a in at and b in at and shows(channel, names[a], names[b]):
            cv2.line(drawn, at[a], at[b], 255, max(round(style.line_width), 1))
    for joint, point in at.items():
        if shows(channel, names[joint]):
            cv2.line(drawn, point, point, 255, max(round(1.2 * style.line_width), 1))
    picture = drawn[MARGIN : MARGIN + SIZE[1], MARGIN : MARGIN + SIZE[0]]
    side = style.crop_size
    left, top = (int(np.floor(c - side / 2 + 0.5)) for c in centre_of(points, layout))
    y, x = np.mgrid[top : top + side, left : left + side]
    inside = (x >= 0) & (x < SIZE[0]) & (y >= 0) & (y < SIZE[1])
    cut = np.where(inside, picture[y.clip(0, SIZE[1] - 1), x.clip(0, SIZE[0] - 1)], 0).astype(np.uint8)
    resample = {"bilinear": cv2.INTER_LINEAR, "area": cv2.INTER_AREA}[style.resample]
    shrunk = cv2.resize(cut, (style.img_size,) * 2, interpolation=resample)
    return shrunk if style.threshold is None else shrunk / 255 > style.threshold


styles = st.builds(
    MapSettings,
    img_size=st.integers(14, 256),
    crop_size=st.integers(360, 700),
    resample=st.sampled_from(["bilinear", "area"]),
    line_width=st.integers(2, 20),
    threshold=st.none() | st.floats(0.01, 0.9),
    channels=st.lists(st.sampled_from(["body", "left", "right", "trunk"]), min_size=1, unique=True),
)


@st.composite
def people(draw: st.DrawFn, layout: Layout, reach: int, x: tuple[int, int], y: tuple[int, int]) -> np.ndarray:
    """A body with any joints missing and all within `reach` of a place in the given ranges, px."""
    joints = len(layout.joints)
    place = draw(st.tuples(st.integers(*x), st.integers(*y)))
    offsets = draw(npst.arrays(np.int16, (joints, 2), elements=st.integers(-reach, reach)))
    points = np.concatenate([np.array(place) + offsets, np.ones((joints, 1))], axis=1).astype(np.float32)
    points[draw(npst.arrays(np.bool_, joints))] = 0
    assume((points[:, 2] > 0).any())
    return points


@pytest.mark.parametrize("layout", [BODY_25, COCO_18, COCO_17], ids=lambda layout: layout.name)
@quick
@given(st.data(), styles)
def test_maps_equal_the_slow_reference(layout: Layout, data: st.DataObject, style: MapSettings) -> None:
    points = data.draw(people(layout, 75, x=(-40, 680), y=(-40, 520)))
    (drawn,) = render_maps(points[None], layout, SIZE, style)
    assert drawn.shape == style.shape
    for channel, found in zip(style.channels, drawn, strict=True):
        np.testing.assert_array_equal(found, slow_map(points, layout, style, channel), channel)


@quick
@given(people(BODY_25, 150, x=(200, 440), y=(200, 280)), st.integers(2, 20), st.integers(60, 256))
def test_limbs_that_leave_the_crop_agree_to_two_pixels(points: np.ndarray, line_width: int, side: int) -> None:
    """OpenCV moves the end of a limb that leaves the crop by a pixel or so, and its outline with it."""
    style = MapSettings(img_size=side, crop_size=side, line_width=line_width)
    fast, slow = (drawn.astype(np.uint8) for drawn in (map_of(points, style=style), slow_map(points, BODY_25, style)))
    for some, other in ((fast, slow), (slow, fast)):
        near = cv2.dilate(other, np.ones((5, 5), np.uint8))
        assert (some <= near)[2:-2, 2:-2].all()  # what is near the outermost pixels may lie beyond the crop


def test_the_paper_s_maps_of_a_walk_equal_the_slow_reference() -> None:
    keypoints = wave(40)
    keypoints[..., :2] += np.linspace((-240, -100), (240, 20), 40, dtype=np.float32)[:, None]
    maps = render_maps(keypoints, BODY_25, SIZE, PAPER)[:, 0]
    expected = np.stack([slow_map(points, BODY_25, PAPER) for points in keypoints])
    np.testing.assert_array_equal(maps, expected)
    assert 10 < maps.sum(axis=(1, 2)).mean() < 200


def test_limbs_are_8_px_wide_and_joints_discs_of_10_px() -> None:
    """Against geometry, not OpenCV: within a pixel of the outline, a pixel is white where a limb or joint is near."""
    points = person()
    style = MapSettings(img_size=480, crop_size=480)
    drawn = map_of(points, style=style)
    centred = points[:, :2] - points[1, :2] + 240
    y, x = np.mgrid[:480, :480]
    pixel = np.stack([x, y], axis=-1).reshape(-1, 1, 2)
    starts, ends = (centred[list(i)] for i in zip(*BODY_25.limbs, strict=True))
    along = np.clip(((pixel - starts) * (ends - starts)).sum(-1) / np.square(ends - starts).sum(-1), 0, 1)
    to_limb = np.linalg.norm(pixel - starts - along[..., None] * (ends - starts), axis=-1).min(axis=1)
    to_joint = np.linalg.norm(pixel - centred, axis=-1).min(axis=1)
    outside = np.minimum(to_limb - 4, to_joint - 5).reshape(480, 480)
    assert drawn[outside < -1].all()
    assert not drawn[outside > 1].any()


@quick
@given(st.integers(-180, 180), st.integers(-120, 60))
def test_the_position_of_the_person_does_not_matter(dx: int, dy: int) -> None:
    moved = person()
    moved[:, :2] += (dx, dy)
    np.testing.assert_array_equal(map_of(moved), map_of(person()))


def test_no_joints_give_an_empty_map() -> None:
    assert not map_of(np.zeros((25, 3))).any()
    assert render_maps(np.zeros((0, 25, 3), np.float32), BODY_25, SIZE, PAPER).shape == (0, 1, 28, 28)


def test_without_a_neck_the_map_is_centred_on_the_shoulders() -> None:
    fine = MapSettings(img_size=240)
    no_neck = person()
    no_neck[1] = 0
    with_neck, without = map_of(person(), style=fine), map_of(no_neck, style=fine)
    assert (without <= with_neck).all() and without.any()
    gone = with_neck & ~without
    assert gone[:, 100:140].any() and not gone[:, :100].any() and not gone[:, 140:].any()


def test_a_single_joint_is_in_the_centre() -> None:
    points = np.zeros((25, 3))
    points[11] = (100, 100, 1)
    rows, columns = np.nonzero(map_of(points, style=MapSettings(img_size=240)))
    assert abs(rows.mean() - 119.5) < 1 and abs(columns.mean() - 119.5) < 1


def test_joints_of_low_confidence_are_not_drawn() -> None:
    points, without = person(), person()
    points[4, 2] = 0.04
    without[4] = 0
    np.testing.assert_array_equal(map_of(points), map_of(without))


def test_a_person_at_the_border_is_cut_off_there() -> None:
    fine = MapSettings(img_size=240)
    whole, at_border = map_of(person(), style=fine), map_of(person((0, 180)), style=fine)
    assert not at_border[:, :120].any()
    np.testing.assert_array_equal(at_border[:, 120:], whole[:, 120:])


def test_a_joint_far_outside_the_picture_is_clipped() -> None:
    points = person()
    points[4, :2] = (-6000, -6000)
    np.testing.assert_array_equal(map_of(points), slow_map(points, BODY_25, PAPER))


@pytest.mark.parametrize("resample", ["bilinear", "area"])
def test_every_size_shows_the_person(resample: str) -> None:
    for img_size in range(14, 257):
        drawn = map_of(person(), style=MapSettings(img_size=img_size, resample=resample))
        assert drawn.shape == (img_size, img_size)
        assert 0.005 < drawn.mean() < 0.2
        if resample == "area" or img_size >= 60:  # at less, bilinear steps over whole limbs
            rows, columns = np.nonzero(drawn)
            assert 0.5 < np.ptp(rows) / img_size < 0.65 and 0.1 < np.ptp(columns) / img_size < 0.25


@pytest.mark.parametrize(("key", "low", "high"), [("line_width", 4, 12), ("threshold", 0.6, 0.1)])
def test_thicker_lines_and_lower_thresholds_only_add_pixels(key: str, low: float, high: float) -> None:
    style = MapSettings(img_size=120, resample="area")
    fewer, more = (map_of(person(), style=replace(style, **{key: value})) for value in (low, high))
    assert (fewer <= more).all() and fewer.sum() < more.sum()


def lit_width(style: MapSettings) -> float:
    """Mean width of an upright limb in map px, over every place of it along half the crop."""
    points = np.zeros((240, 25, 3), np.float32)
    points[:, 1] = (320, 240, 1)
    points[:, 3] = (200, 340, 1)
    points[:, 4] = (200, 440, 1)
    points[:, 3:5, 0] += np.arange(240)[:, None]
    rows = render_maps(points, BODY_25, SIZE, style)[:, 0, 4 * style.img_size // 5]
    return float(rows.sum(axis=1).mean())


@pytest.mark.parametrize("width", [1, 2.5])
def test_lines_in_map_pixels_are_as_wide_in_maps_of_every_size(width: float) -> None:
    """A pixel is lit where over 10 % of it is covered, so a line of w px lights w + 1 - 2 * 0.1 on average."""
    for img_size in (14, 20, 28, 40, 56, 80, 112):
        style = MapSettings(img_size=img_size, resample="area", line_width=width, line_unit="map")
        wider = (lit_width(style) - (width + 0.8)) * 480 / img_size
        assert -1 < wider < 3, img_size  # source px: OpenCV draws 1 or 2 more than asked, rounding is up to 0.5
    narrow, wide = (lit_width(MapSettings(img_size=size, resample="area")) for size in (14, 112))
    assert narrow < 1.2 and wide > 2.5


@quick
@given(people(BODY_25, 75, x=(-40, 680), y=(-40, 520)), styles, st.integers(1, 20))
def test_line_units_agree_where_they_mean_the_same_width(
    points: np.ndarray, style: MapSettings, source_width: int
) -> None:
    in_source = replace(style, line_width=source_width)
    in_map = replace(style, line_width=source_width * style.img_size / style.crop_size, line_unit="map")
    np.testing.assert_array_equal(map_of(points, style=in_map), map_of(points, style=in_source))


def test_a_threshold_of_0_keeps_every_grey_and_no_black() -> None:
    style = MapSettings(img_size=40, resample="area", threshold=0)
    fine = map_of(person(), style=MapSettings(img_size=480, threshold=0))
    np.testing.assert_array_equal(map_of(person(), style=style), fine.reshape(40, 12, 40, 12).any(axis=(1, 3)))


def test_without_a_threshold_each_pixel_is_the_mean_of_its_source_pixels() -> None:
    style = MapSettings(img_size=40, crop_size=240, resample="area", threshold=None)
    source = map_of(person(), style=replace(style, img_size=240)).astype(np.float64)
    mean = source.reshape(40, 6, 40, 6).mean(axis=(1, 3))
    drawn = map_of(person(), style=style)
    assert drawn.dtype == np.uint8 and len(np.unique(drawn)) > 20
    assert np.abs(drawn - mean).max() <= 0.5
    for threshold in (0, 0.1, 0.5):
        np.testing.assert_array_equal(
            drawn > threshold * 255, map_of(person(), style=replace(style, threshold=threshold))
        )


def test_an_unknown_resampling_is_refused() -> None:
    with pytest.raises(UserError, match=r"data\.maps\.resample=cubic; allowed: bilinear, area"):
        MapSettings(resample="cubic")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"line_unit": "metre"}, r"data\.maps\.line_unit=metre; allowed: source, map"),
        ({"line_width": 0.4}, r"data\.maps\.line_width=0\.4 source px is 0\.4 px of the crop; allowed are 0\.5 to"),
        ({"line_width": 40, "line_unit": "map"}, r"40 map px is 685\.7 px of the crop; .* data\.maps\.crop_size=480"),
    ],
    ids=str,
)
def test_lines_that_cannot_be_drawn_are_refused(change: dict, message: str) -> None:
    with pytest.raises(UserError, match=message):
        MapSettings(**change)
