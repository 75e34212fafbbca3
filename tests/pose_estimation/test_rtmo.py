"""RTMO's input and output, tested with a small network that gives fixed detections."""

import hashlib
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from fake_rtmo import JOINTS, write_rtmo
from skelmap.pose_estimation.registry import open_estimator
from skelmap.skeletons.layouts import COCO_17
from skelmap.utils.errors import UserError


def test_people_are_located_in_the_image_without_low_scores(tmp_path: Path) -> None:
    image = np.zeros((180, 320, 3), np.uint8)
    image[:, :160] = (51, 7, 7)
    image[:, 160:] = (204, 7, 7)
    rtmo = open_estimator("rtmo", write_rtmo(tmp_path / "rtmo.onnx"))
    people = rtmo.detect(image)
    expected = JOINTS[[0, 2]]
    assert rtmo.layout is COCO_17
    assert people.shape == (2, 17, 3) and people.dtype == np.float32
    assert np.allclose(people[..., :2], expected / 2)
    away = np.abs(expected[..., 0] - 320) > 4  # from the border of the colours
    blue = np.where(expected[..., 1] >= 360, 114, np.where(expected[..., 0] < 320, 51, 204))
    assert np.allclose(people[..., 2][away], blue[away] / 255, atol=1e-3)
    rtmo.close()


def test_no_people_give_an_empty_array(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("skelmap.pose_estimation.rtmo.MIN_SCORE", 0.95)
    people = open_estimator("rtmo", write_rtmo(tmp_path / "rtmo.onnx")).detect(np.zeros((48, 64, 3), np.uint8))
    assert people.shape == (0, 17, 3)


def test_weights_are_held_against_the_digest_beside_them(tmp_path: Path) -> None:
    weights = write_rtmo(tmp_path / "rtmo.onnx")
    digest = tmp_path / "rtmo.onnx.sha256"
    digest.write_text(f"{hashlib.sha256(weights.read_bytes()).hexdigest()}  rtmo.onnx\n")
    open_estimator("rtmo", weights).close()
    weights.write_bytes(weights.read_bytes() + b"\0")
    with pytest.raises(UserError, match=r"rtmo\.onnx: its SHA-256 is \w{64}, rtmo\.onnx\.sha256 says \w{64}; fetch"):
        open_estimator("rtmo", weights)


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    other = write_rtmo(tmp_path / "other.onnx", joints=3)
    with pytest.raises(UserError, match=r"other\.onnx.*\(1, 3, 3, 3\).*RTMO"):
        open_estimator("rtmo", other).detect(np.zeros((48, 64, 3), np.uint8))
    vector = helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 8])
    graph = helper.make_graph(
        [helper.make_node("Relu", ["input"], ["output"])],
        "no",
        [vector],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, [1, 8])],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), other)
    with pytest.raises(UserError, match=r"other\.onnx: not RTMO"):
        open_estimator("rtmo", other).detect(np.zeros((48, 64, 3), np.uint8))


def test_damaged_weights_are_refused(tmp_path: Path) -> None:
    (tmp_path / "half.onnx").write_bytes(write_rtmo(tmp_path / "rtmo.onnx").read_bytes()[:99])
    with pytest.raises(UserError, match=r"half\.onnx"):
        open_estimator("rtmo", tmp_path / "half.onnx")
