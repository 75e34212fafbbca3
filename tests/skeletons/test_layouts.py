"""Joint layouts: limbs, parts, the derived neck and neck positions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skelmap.skeletons.layouts import (
    BODY,
    BODY_25,
    COCO_17,
    COCO_18,
    LAYOUTS,
    LIMB_JOINTS,
    Layout,
    neck_positions,
    with_neck,
)
from synthetic_data import person

layouts = pytest.mark.parametrize("layout", LAYOUTS.values(), ids=lambda layout: layout.name)


def coco_17(points: np.ndarray) -> np.ndarray:
    """Convert the joints of a BODY_25 person to COCO_17, (17, 3)."""
    return points[[BODY_25.joints.index(joint) for joint in COCO_17.joints]]


@layouts
def test_limbs_connect_two_different_joints_once(layout: Layout) -> None:
    joints = len(layout.joints) + (not layout.has_neck)
    assert all(0 <= a < joints and 0 <= b < joints and a != b for a, b in layout.limbs)
    assert len({frozenset(limb) for limb in layout.limbs}) == len(layout.limbs)
    assert len(set(layout.joints)) == len(layout.joints)


@layouts
def test_limbs_connect_every_joint_to_the_neck(layout: Layout) -> None:
    neck = layout.joints.index("neck") if layout.has_neck else len(layout.joints)
    reached = {neck}
    for _ in layout.limbs:
        reached |= {b for limb in layout.limbs for b in limb if reached & set(limb)}
    assert reached == set(range(len(layout.joints) + (not layout.has_neck)))


def test_joint_order_is_that_of_openpose_and_coco() -> None:
    assert [len(layout.joints) for layout in (BODY_25, COCO_18, COCO_17)] == [25, 18, 17]
    assert [BODY_25.joints.index(j) for j in ("nose", "neck", "mid_hip", "left_ear", "right_heel")] == [0, 1, 8, 18, 24]
    assert [COCO_18.joints.index(j) for j in ("neck", "right_hip", "left_ear")] == [1, 8, 17]
    assert [COCO_17.joints.index(j) for j in ("nose", "left_shoulder", "right_ankle")] == [0, 5, 16]


@layouts
def test_no_limb_connects_left_and_right(layout: Layout) -> None:
    side = [*(joint.split("_")[0] for joint in layout.joints), "neck"]
    assert not any({side[a], side[b]} == {"left", "right"} for a, b in layout.limbs)


@layouts
def test_parts_of_joints_and_limbs(layout: Layout) -> None:
    names = (*layout.joints, "neck")[: layout.joints_with_neck]
    limbs = {f"{names[a]}-{names[b]}": part for (a, b), part in zip(layout.limbs, layout.limb_parts, strict=True)}
    hips = {f"{middle}-{side}_hip": side for middle in ("mid_hip", "neck") for side in ("left", "right")}
    arms = {f"neck-{side}_shoulder": side for side in ("left", "right")}
    head = dict.fromkeys(("neck-mid_hip", "neck-nose", "nose-left_eye", "left_eye-left_ear", "right_eye-right_ear"))
    expected = {**hips, **arms, **dict.fromkeys(head, "trunk"), "left_knee-left_ankle": "left"}
    assert {limb: limbs[limb] for limb in expected.keys() & limbs.keys()}.items() <= expected.items()
    assert len(expected.keys() & limbs.keys()) == len(expected) - (2 if "mid_hip" in names else 3)
    joints = dict(zip(names, layout.joint_parts, strict=True))
    assert {joints[name] for name in ("neck", "nose", "left_eye", "right_ear")} == {"trunk"}
    assert all(joints[f"{side}_{joint}"] == side for side in ("left", "right") for joint in LIMB_JOINTS)
    mirrored = {"left": "right", "right": "left", "trunk": "trunk"}
    assert sorted(mirrored[part] for part in layout.limb_parts) == sorted(layout.limb_parts)


@given(st.floats(0, 1, width=32), st.floats(0, 1, width=32))
def test_derived_neck_is_the_midpoint_of_the_shoulders(right_confidence: float, left_confidence: float) -> None:
    points = coco_17(person())
    right, left = COCO_17.shoulders
    points[right], points[left] = (290, 180, right_confidence), (350, 190, left_confidence)
    neck = with_neck(points[None], COCO_17)[0, 17]
    confidence = min(right_confidence, left_confidence)
    np.testing.assert_array_equal(neck, [320, 185, confidence] if confidence > 0 else [0, 0, 0])


def test_a_detected_neck_is_kept() -> None:
    points = person()[None]
    assert with_neck(points, BODY_25) is points


def test_neck_position_falls_back_to_shoulders_then_mean_then_nan() -> None:
    whole = person((300, 200))
    no_neck, no_shoulder, nobody = whole.copy(), whole.copy(), np.zeros_like(whole)
    right, left = BODY_25.shoulders
    no_neck[1] = 0
    no_neck[[right, left], :2] = (260, 190), (320, 210)
    no_shoulder[[1, left]] = 0
    centres = neck_positions(np.stack([whole, no_neck, no_shoulder, nobody]), BODY_25)
    seen = no_shoulder[no_shoulder[:, 2] > 0, :2]
    np.testing.assert_allclose(centres[:3], [(300, 200), (290, 200), seen.mean(axis=0)], rtol=1e-6)
    assert np.isnan(centres[3]).all()


@layouts
def test_the_body_has_the_same_joints_in_every_layout(layout: Layout) -> None:
    names = (*layout.joints, "neck")[: layout.joints_with_neck]
    assert tuple(names[joint] for joint in layout.body) == BODY
