"""Keypoints as the input of a model."""

import numpy as np
import pytest
import torch

from skelmap.data.keypoints import KeypointSettings
from skelmap.skeletons.clip import Clip
from skelmap.skeletons.layouts import BODY_25, COCO_17, COCO_18
from skelmap.utils.errors import UserError
from synthetic_data import make_clip, person, wave

SETTINGS = KeypointSettings(BODY_25, crop_size=480)


def unpacked_positions(clip: Clip) -> np.ndarray:
    """Positions (n, 25, 2) as a model gets them."""
    served = SETTINGS.unpack(torch.from_numpy(SETTINGS.pack(clip)))
    assert served.shape[1:] == SETTINGS.shape and served.dtype == torch.float32
    return served[:, 0].numpy()


def test_joints_are_relative_to_the_neck_in_halves_of_the_crop() -> None:
    keypoints = wave(10)
    expected = (keypoints[..., :2] - keypoints[:, 1:2, :2]) / 240
    np.testing.assert_allclose(unpacked_positions(make_clip(keypoints)), expected, atol=1e-6)


def test_a_missing_joint_keeps_its_last_position_in_the_track() -> None:
    keypoints = np.repeat(person()[None], 6, axis=0)
    keypoints[:, 4, 0] += np.arange(6) * 24
    keypoints[[0, 2, 3, 5], 4] = 0
    wrist = unpacked_positions(
        make_clip(keypoints, frame=np.array([0, 1, 2, 3, 4, 4]), track=np.array([0, 0, 0, 0, 0, 1]))
    )[:, 4]
    first, second = (keypoints[i, 4, :2] - keypoints[i, 1, :2] for i in (1, 4))
    expected = np.array([(0, 0), first, first, first, second, (0, 0)]) / 240
    np.testing.assert_allclose(wrist, expected, atol=1e-6)


def test_rows_without_people_are_left_out() -> None:
    keypoints = wave(5)
    keypoints[2] = 0
    assert len(unpacked_positions(make_clip(keypoints))) == 4
    assert len(unpacked_positions(make_clip(np.zeros_like(keypoints)))) == 0


def test_another_layout_is_refused_even_with_as_many_joints() -> None:
    coco = Clip.build("clip", wave(3)[:, :17], COCO_17, (640, 480), 30.0)
    assert KeypointSettings(COCO_17).joints == KeypointSettings(COCO_18).joints
    with pytest.raises(UserError, match="clip: its keypoints are COCO_17; allowed is COCO_18"):
        KeypointSettings(COCO_18).pack(coco)


def test_detected_joints_are_distinguished_from_filled_ones() -> None:
    keypoints = wave(4)
    keypoints[[1, 3], 4] = 0
    seen = SETTINGS.detected(torch.from_numpy(SETTINGS.pack(make_clip(keypoints))))
    expected = torch.from_numpy(keypoints[..., 2] > 0)
    assert seen.dtype == torch.bool and torch.equal(seen, expected)
