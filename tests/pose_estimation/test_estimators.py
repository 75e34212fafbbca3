"""The door to the estimators says what is missing."""

from pathlib import Path

import pytest

from skelmap.pose_estimation.registry import open_estimator
from skelmap.utils.errors import UserError


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(UserError, match="estimator 'alphapose'; allowed are mediapipe, rtmo"):
        open_estimator("alphapose")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("rtmo", r"weights/rtmo\.onnx are not there; .*end2end\.onnx.*github.*put it at weights/rtmo\.onnx"),
        (
            "openpose",
            r"weights/openpose_body_25\.onnx are not there; .*pose_iter_584000\.caffemodel.*github.*put it at",
        ),
    ],
)
def test_missing_weights_are_named_with_their_source_and_place(
    name: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=said):
        open_estimator(name)
    with pytest.raises(UserError, match=r"mine\.onnx are not there"):
        open_estimator(name, tmp_path / "mine.onnx")


def test_mediapipe_takes_no_weights(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="mediapipe has its own"):
        open_estimator("mediapipe", tmp_path / "mine.onnx")
