"""MediaPipe in its subprocess, replaced by a stand-in: the protocol, failures, and the conversion to BODY_25."""

import sys
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from skelmap.pose_estimation import mediapipe
from skelmap.pose_estimation.base import EstimatorEnded
from skelmap.pose_estimation.mediapipe import PYTHON_VARIABLE
from skelmap.pose_estimation.registry import open_estimator
from skelmap.skeletons.layouts import BODY_25
from skelmap.utils.errors import UserError


def image(bgr: tuple[int, int, int], height: int = 20, width: int = 30) -> np.ndarray:
    return np.full((height, width, 3), bgr, np.uint8)


def test_landmarks_are_converted_to_body_25(mediapipe_stand_in: None) -> None:
    with closing(open_estimator("mediapipe")) as estimator:
        assert estimator.layout is BODY_25
        (found,) = estimator.detect(image((1, 2, 200)))
    joint = dict(zip(BODY_25.joints, found, strict=True))
    assert found.shape == (25, 3) and found.dtype == np.float32
    for name, landmark in (("nose", 0), ("left_wrist", 15), ("right_wrist", 16), ("left_big_toe", 31)):
        assert np.allclose(joint[name], (30 + landmark, 20 + landmark**2, (landmark + 1) / 33))
    assert np.allclose(joint["neck"], (30 + 11.5, 20 + (11**2 + 12**2) / 2, 12 / 33))
    assert np.allclose(joint["mid_hip"], (30 + 23.5, 20 + (23**2 + 24**2) / 2, 24 / 33))
    assert not joint["left_small_toe"].any() and not joint["right_small_toe"].any()


def test_images_may_differ_in_size_and_have_no_people(mediapipe_stand_in: None) -> None:
    with closing(open_estimator("mediapipe")) as estimator:
        assert len(estimator.detect(image((0, 0, 200), 1080, 1920))) == 1
        assert estimator.detect(image((0, 0, 8))).shape == (0, 25, 3)
        assert len(estimator.detect(image((0, 0, 200))[:, ::-1])) == 1


def test_a_process_that_dies_is_reported_with_its_last_output(mediapipe_stand_in: None) -> None:
    with closing(open_estimator("mediapipe")) as estimator:
        for _ in range(2):
            with pytest.raises(UserError, match="MediaPipe's process has ended: Illegal instruction"):
                estimator.detect(image((255, 0, 200)))


def test_a_process_that_hangs_is_killed_and_restarted(
    mediapipe_stand_in: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(open_estimator("mediapipe")) as estimator:
        with monkeypatch.context() as patch, pytest.raises(EstimatorEnded, match=r"it gave no answer for 0\.2 s"):
            patch.setattr(mediapipe, "TIMEOUT", 0.2)
            estimator.detect(image((0, 255, 200)))
        assert len(estimator.detect(image((0, 0, 200)))) == 1


def test_an_environment_without_mediapipe_is_reported_with_the_command_that_creates_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(PYTHON_VARIABLE, str(tmp_path / "nowhere"))
    with pytest.raises(UserError, match=rf"nowhere does not exist.*pip install --no-deps -r.*{PYTHON_VARIABLE}"):
        open_estimator("mediapipe")
    (tmp_path / "text").touch(mode=0o644)
    monkeypatch.setenv(PYTHON_VARIABLE, str(tmp_path / "text"))
    with pytest.raises(UserError, match=r"text cannot run MediaPipe: Permission denied.*pip install"):
        open_estimator("mediapipe")
    monkeypatch.setenv(PYTHON_VARIABLE, sys.executable)
    with pytest.raises(UserError, match=r"ModuleNotFoundError.*mediapipe.*pip install"):
        open_estimator("mediapipe")
