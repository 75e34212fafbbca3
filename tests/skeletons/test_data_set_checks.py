"""Checks of a data set: recordings compared with each other."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from skelmap.skeletons.checks import Finding, check_clip
from skelmap.skeletons.clip import Clip
from skelmap.skeletons.data_set_checks import ClipSummary, check_data_set, detection_hashes, find_overlaps
from skelmap.skeletons.layouts import BODY_25
from skelmap.skeletons.manifest import Recording
from synthetic_data import make_clip, wave

JOINTS = BODY_25.joints


@pytest.fixture
def clips() -> list[Clip]:
    return [make_clip(wave(320, seed), f"clip{seed}") for seed in range(3)]


def recordings(*splits: str) -> list[Recording]:
    return [Recording(f"clip{i}", Path(f"{i}.npz"), split, f"group{i}") for i, split in enumerate(splits)]


def compare(listed: list[Recording], *clips: Clip) -> list[Finding]:
    overlaps = find_overlaps([detection_hashes(clip) for clip in clips])
    return check_data_set(listed, [ClipSummary.of(clip) for clip in clips], overlaps)


def test_frames_in_two_splits_are_named_with_both_clips(clips: list[Clip]) -> None:
    train, test = clips[0], clips[1]
    half = len(test) // 2
    mixed = np.concatenate([train.keypoints[: len(test) - half], test.keypoints[:half]])
    copied = replace(test, keypoints=mixed)
    listed = recordings("train", "test", "test")
    (finding,) = [found for found in compare(listed, train, copied, test) if found.clip == "clip1"]
    assert "also in split train (clip clip0)" in finding.text and "50%" in finding.text


def test_a_joint_that_only_one_split_has_is_named(clips: list[Clip]) -> None:
    without = clips[1].keypoints.copy()
    without[:, JOINTS.index("left_wrist")] = 0
    listed = recordings("train", "test")
    complete, lacking = clips[0], replace(clips[1], keypoints=without)
    (finding,) = compare(listed, complete, lacking)
    assert "only train has left_wrist" in finding.text
    (finding,) = compare(listed, lacking, complete)
    assert "only test has left_wrist" in finding.text


def test_an_exchange_in_one_short_recording_is_an_error_of_the_estimator(clips: list[Clip]) -> None:
    left, right = JOINTS.index("left_elbow"), JOINTS.index("right_elbow")
    keypoints = clips[1].keypoints[:200].copy()
    keypoints[:, [left, right]] = keypoints[:, [right, left]]
    short = replace(clips[1], keypoints=keypoints, frame=clips[1].frame[:200], track=clips[1].track[:200])
    assert check_clip(short) == []
    listed = recordings("train", "train", "train")
    assert compare(listed, clips[0], clips[2], short) == []
    other = replace(short, keypoints=short.keypoints + np.float32([1, 0, 0]))
    found = compare(listed, clips[0], short, other)
    assert [f.clip for f in found if f.text == "left and right elbow are exchanged"] == ["clip1", "clip2"]


def test_frames_in_two_groups_of_a_split_are_named_once(clips: list[Clip]) -> None:
    train, test = clips[:2]
    (finding,) = compare(recordings("train", "test", "test"), train, test, test)
    assert finding.clip == "clip2"
    assert finding.text == "100% of its frames are also in clip clip1, of another group of test, and count twice"
    same_group = [replace(recording, group="one") for recording in recordings("test", "test")]
    assert compare(same_group, test, test) == []


def test_exchanged_coordinates_of_training_recordings_are_named(clips: list[Clip]) -> None:
    turned = [replace(clip, keypoints=clip.keypoints[..., [1, 0, 2]], size=clip.size[::-1]) for clip in clips]
    listed = recordings("train", "val", "test")
    found = [finding for finding in compare(listed, *turned) if "x and y" in finding.text]
    assert [finding.clip for finding in found] == ["clip0"] and "people lie in" in found[0].text
    assert compare(listed, *clips) == []
    assert compare(listed, clips[0], clips[1], turned[2]) == []  # a fall


def test_an_image_far_larger_than_the_joints_use_is_named(clips: list[Clip]) -> None:
    large = [replace(clip, size=(1920, 1080)) for clip in clips]
    (finding,) = compare(recordings("train", "test"), *large[:2])
    assert "lie in the left 20% and the upper 38% of their images" in finding.text
    assert compare(recordings("train", "test"), large[0], clips[1]) == []
