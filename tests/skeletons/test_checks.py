"""Checks of recordings: what was declared against what the keypoints show."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from skelmap.simulation.dataset import simulate_dataset
from skelmap.skeletons.anatomy import OTHER_ORDERS
from skelmap.skeletons.checks import Finding, check_clip, merge
from skelmap.skeletons.clip import Clip
from skelmap.skeletons.layouts import BODY_25, COCO_17, LAYOUTS
from skelmap.skeletons.manifest import read_manifest
from skelmap.skeletons.readers import read_clip

JOINTS = BODY_25.joints


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[Clip]:
    manifest = simulate_dataset(
        tmp_path_factory.mktemp("checks") / "simulated", preset="large", seed=1, workers=3, minutes=0.5
    )
    return [read_clip(recording.path, recording.clip) for recording in read_manifest(Path(manifest)).recordings]


@pytest.fixture
def clip(clips: list[Clip]) -> Clip:
    return clips[0]


def with_points(clip: Clip, keypoints: NDArray[np.floating]) -> Clip:
    return Clip.build(clip.name, keypoints, clip.layout, clip.size, clip.fps, clip.frame, clip.track)


def scaled(clip: Clip, x: float, y: float) -> Clip:
    return with_points(clip, clip.keypoints * np.float32([x, y, 1]))


def only_text(clip: Clip) -> str:
    (finding,) = check_clip(clip)
    assert finding.clip == clip.name
    return finding.text


def test_clean_recordings_have_no_findings(clips: list[Clip]) -> None:
    assert [check_clip(clip) for clip in clips] == [[] for _ in clips]


def test_coordinates_beyond_the_declared_image_are_refused_with_the_size_to_set(clip: Clip) -> None:
    large = scaled(clip, 3, 2.25)  # of a 1920x1080 video
    (finding,) = check_clip(large)
    reach = np.quantile(large.keypoints[large.keypoints[..., 2] >= 0.5][:, :2], 0.999, axis=0)
    assert finding.refused and f"x={reach[0]:.0f}, y={reach[1]:.0f}" in finding.text
    assert "640x480" in finding.text and "data.pose_format.size=[1920,1080]" in finding.text
    assert check_clip(replace(large, size=(1920, 1080))) == []


def test_guessed_joints_outside_the_image_are_no_finding(clip: Clip) -> None:
    keypoints = clip.keypoints.copy()
    feet = [i for i, joint in enumerate(JOINTS) if "ankle" in joint or "toe" in joint or "heel" in joint]
    keypoints[:, feet] = [300, 700, 0.2]
    assert check_clip(with_points(clip, keypoints)) == []


@pytest.mark.parametrize(("centre", "scale"), [(0.0, "0..1"), (0.5, "-1..1")])
def test_normalized_coordinates_are_refused_with_the_key_to_set(clip: Clip, centre: float, scale: str) -> None:
    shares = clip.keypoints / np.float32([*clip.size, 1])
    shares[..., :2] = np.where(shares[..., 2:] > 0, (shares[..., :2] - centre) / (1 - centre), 0)
    (finding,) = check_clip(with_points(clip, shares))
    assert finding.refused and f"data.pose_format.coordinates={scale}" in finding.text


@pytest.mark.parametrize("name", ["OpenPose BODY_25B", "Kinect v2"])
def test_another_order_of_25_joints_is_recognised(clip: Clip, name: str) -> None:
    assert f"not in the order of BODY_25; that of {name} fits" in only_text(in_order(clip, OTHER_ORDERS[name], 25))


@pytest.mark.parametrize("name", ["Human3.6M", "COCO with the neck last"])
def test_other_orders_are_recognised_in_other_layouts(clip: Clip, name: str) -> None:
    order = OTHER_ORDERS[name]
    layout = next(layout for layout in LAYOUTS.values() if len(layout.joints) == len(order))
    other = in_order(clip, order, len(order))
    assert f"not in the order of {layout.name}; that of {name} fits" in only_text(replace(other, layout=layout))


def test_a_declared_layout_of_the_right_order_has_no_findings(clip: Clip) -> None:
    coco = replace(clip, layout=COCO_17, keypoints=clip.keypoints[:, [JOINTS.index(j) for j in COCO_17.joints]])
    assert check_clip(coco) == []


def in_order(clip: Clip, order: tuple[str, ...], joints: int) -> Clip:
    """Arrange the joints in another order; joints that BODY_25 lacks lie beside the one before."""
    keypoints = np.zeros((len(clip), joints, 3), np.float32)
    for i, joint in enumerate(order):
        source = clip.keypoints[:, JOINTS.index(joint)] if joint != "-" else keypoints[:, i - 1] + np.float32([2, 1, 0])
        keypoints[:, i] = np.where(source[:, 2:] > 0, source, 0)
    return replace(clip, keypoints=keypoints)


@pytest.mark.parametrize("joint", ["elbow", "wrist", "knee", "hip", "shoulder", "eye"])
def test_exchanged_left_and_right_joints_are_named(clips: list[Clip], joint: str) -> None:
    clip = clips[1]
    left, right = JOINTS.index(f"left_{joint}"), JOINTS.index(f"right_{joint}")
    keypoints = clip.keypoints.copy()
    keypoints[:, [left, right]] = keypoints[:, [right, left]]
    found = " ".join(finding.text for finding in check_clip(with_points(clip, keypoints)))
    assert joint in found and "left and right" in found


def test_an_arm_in_the_face_is_named(clip: Clip) -> None:
    keypoints = clip.keypoints.copy()
    keypoints[:, [JOINTS.index(f"right_{joint}") for joint in ("shoulder", "elbow", "wrist")]] = keypoints[:, :1]
    found = " ".join(finding.text for finding in check_clip(with_points(clip, keypoints)))
    assert "the left arm is more than 4 times as long as the other one" in found


def test_an_upside_down_camera_is_named(clip: Clip) -> None:
    keypoints = clip.keypoints.copy()
    keypoints[..., 1] = np.where(keypoints[..., 2] > 0, clip.size[1] - keypoints[..., 1], 0)
    found = " ".join(finding.text for finding in check_clip(with_points(clip, keypoints)))
    assert "ankles are above shoulders" in found


def test_a_neck_away_from_the_shoulders_is_named(clip: Clip) -> None:
    keypoints = clip.keypoints.copy()
    keypoints[:, JOINTS.index("neck")] = keypoints[:, JOINTS.index("left_knee")]
    assert "neck is not between right_shoulder and left_shoulder" in only_text(with_points(clip, keypoints))


def test_repeated_frames_are_a_lower_frame_rate(clip: Clip) -> None:
    twice = replace(clip, keypoints=clip.keypoints[np.arange(len(clip)) // 2 * 2])
    assert "the frame rate is about 15, not 30" in only_text(twice)


def test_a_camera_that_stands_still_is_named(clip: Clip) -> None:
    assert "stands still" in only_text(replace(clip, keypoints=clip.keypoints[:1].repeat(len(clip), axis=0)))


@pytest.mark.parametrize(
    ("fps", "step", "text"),
    [
        (1 / 30, 1, "only 0.0333 frames per"),
        (30, 40, "only 0.75 frames per second (fps 30, frame numbers in steps of 40)"),
    ],
)
def test_less_than_a_frame_a_second_is_named(fps: float, step: int, text: str, clip: Clip) -> None:
    assert text in only_text(replace(clip, fps=fps, frame=clip.frame * step))


@pytest.mark.parametrize("frames", [0, 20])
def test_a_recording_without_people_is_named(frames: int, clip: Clip) -> None:
    empty = np.zeros((frames, *clip.keypoints.shape[1:]), np.float32)
    text = only_text(replace(clip, keypoints=empty, frame=np.arange(frames), track=np.arange(frames)))
    assert text.startswith("nobody is in it")


def test_too_few_detections_are_not_judged(clip: Clip) -> None:
    few = replace(clip, keypoints=clip.keypoints[:9] * 9, frame=clip.frame[:9], track=clip.track[:9])
    assert check_clip(few) == []


def test_findings_of_many_clips_are_one_sentence() -> None:
    found = [Finding(f"c{i}", "is odd") for i in range(5)] + [Finding("c0", "is even")]
    assert merge(found) == ["c0, c1, c2 and 2 more: is odd", "c0: is even"]
