"""Open pose estimators by name; messages say what is missing."""

from pathlib import Path

import pytest

from skelmap.pose_estimation.registry import open_estimator
from skelmap.utils.errors import UserError


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(UserError, match="estimator 'alphapose'; allowed are mediapipe, rtmo"):
        open_estimator("alphapose")


def test_missing_weights_are_named_with_their_source_and_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    expected = r"weights/rtmo\.onnx do not exist; .*end2end\.onnx.*github.*put it at weights/rtmo\.onnx"
    with pytest.raises(UserError, match=expected):
        open_estimator("rtmo")
    with pytest.raises(UserError, match=r"mine\.onnx do not exist"):
        open_estimator("rtmo", tmp_path / "mine.onnx")


def test_mediapipe_takes_no_weights(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="mediapipe has its own"):
        open_estimator("mediapipe", tmp_path / "mine.onnx")
