"""Keypoints in place of maps."""

import numpy as np
import pytest
import torch

from invented import clip_of, person, wave
from skelmap.errors import UserError
from skelmap.maps import KeypointSettings
from skelmap.poses import Clip

SETTINGS = KeypointSettings(joints=25, crop_size=480)


def places(clip: Clip) -> np.ndarray:
    """(n, 25, 2) as a model sees them."""
    served = SETTINGS.unpack(torch.from_numpy(SETTINGS.pack(clip)))
    assert served.shape[1:] == SETTINGS.shape and served.dtype == torch.float32
    return served[:, 0].numpy()


def test_joints_are_neck_centred_in_halves_of_the_cut() -> None:
    keypoints = wave(10)
    expected = (keypoints[..., :2] - keypoints[:, 1:2, :2]) / 240
    np.testing.assert_allclose(places(clip_of(keypoints)), expected, atol=1e-6)


def test_a_missing_joint_stays_where_its_track_last_had_it() -> None:
    keypoints = np.repeat(person()[None], 6, axis=0)
    keypoints[:, 4, 0] += np.arange(6) * 24
    keypoints[[0, 2, 3, 5], 4] = 0
    wrist = places(clip_of(keypoints, frame=np.array([0, 1, 2, 3, 4, 4]), track=np.array([0, 0, 0, 0, 0, 1])))[:, 4]
    first, second = (keypoints[i, 4, :2] - keypoints[i, 1, :2] for i in (1, 4))
    expected = np.array([(0, 0), first, first, first, second, (0, 0)]) / 240
    np.testing.assert_allclose(wrist, expected, atol=1e-6)


def test_rows_with_nobody_are_left_out() -> None:
    keypoints = wave(5)
    keypoints[2] = 0
    assert len(places(clip_of(keypoints))) == 4


def test_another_layout_than_the_declared_is_refused() -> None:
    with pytest.raises(UserError, match=r"clip: 25 joints \(BODY_25\); .* 18 joints with the neck"):
        KeypointSettings(joints=18).pack(clip_of(wave(3)))


def test_a_held_joint_is_told_from_one_that_was_seen() -> None:
    keypoints = wave(4)
    keypoints[[1, 3], 4] = 0
    seen = SETTINGS.seen(torch.from_numpy(SETTINGS.pack(clip_of(keypoints))))
    expected = torch.from_numpy(keypoints[..., 2] > 0)
    assert seen.dtype == torch.bool and torch.equal(seen, expected)
