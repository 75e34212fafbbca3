"""RTMO: what goes into the network and how its output is read, on a small network with known answers."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from skelmap.errors import UserError
from skelmap.estimation import open_estimator
from skelmap.poses import COCO_17

PLACES = np.random.default_rng(0).integers(0, (640, 360), (3, 17, 2))
"""Joints of three people, px of the network's 640x640 input; the picture fills its upper 360 rows."""
PLACES[0, 0] = (100, 500)  # a joint below the picture
SCORES = (0.9, 0.1, 0.6)


def write_network(path: Path, joints: int = 17) -> Path:
    """Write a network that gives PLACES and SCORES; a joint's confidence is the blue of its pixel / 255."""
    at = np.array([[0, 0, y, x] for x, y in PLACES[:, :joints].reshape(-1, 2)])
    constants = {
        "at": at,
        "shape": np.array([1, 3, joints, 1]),
        "white": np.array([255], np.float32),
        "places": PLACES[None, :, :joints].astype(np.float32),
        "boxes": np.array([[[0, 0, 9, 9, score] for score in SCORES]], np.float32),
    }
    nodes = [
        helper.make_node("GatherND", ["input", "at"], ["blue"]),
        helper.make_node("Reshape", ["blue", "shape"], ["in_shape"]),
        helper.make_node("Div", ["in_shape", "white"], ["confidence"]),
        helper.make_node("Identity", ["boxes"], ["dets"]),
        helper.make_node("Concat", ["places", "confidence"], ["keypoints"], axis=3),
    ]
    graph = helper.make_graph(
        nodes,
        "rtmo",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["batch", 3, 640, 640])],
        [
            helper.make_tensor_value_info("dets", TensorProto.FLOAT, ["batch", "people", 5]),
            helper.make_tensor_value_info("keypoints", TensorProto.FLOAT, ["batch", "people", joints, 3]),
        ],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def test_people_are_placed_in_the_picture_and_doubtful_ones_left_out(tmp_path: Path) -> None:
    picture = np.zeros((180, 320, 3), np.uint8)
    picture[:, :160] = (51, 7, 7)
    picture[:, 160:] = (204, 7, 7)
    rtmo = open_estimator("rtmo", write_network(tmp_path / "rtmo.onnx"))
    people = rtmo.people(picture)
    sure = PLACES[[0, 2]]
    assert rtmo.layout is COCO_17
    assert people.shape == (2, 17, 3) and people.dtype == np.float32
    assert np.allclose(people[..., :2], sure / 2)
    away = np.abs(sure[..., 0] - 320) > 4  # from the border of the colours
    blue = np.where(sure[..., 1] >= 360, 114, np.where(sure[..., 0] < 320, 51, 204))
    assert np.allclose(people[..., 2][away], blue[away] / 255, atol=1e-3)
    rtmo.close()


def test_nobody_is_an_empty_array(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("skelmap.estimation.rtmo.MIN_SCORE", 0.95)
    assert open_estimator("rtmo", write_network(tmp_path / "rtmo.onnx")).people(
        np.zeros((48, 64, 3), np.uint8)
    ).shape == (0, 17, 3)


def test_weights_of_another_network_are_named(tmp_path: Path) -> None:
    other = write_network(tmp_path / "other.onnx", joints=3)
    with pytest.raises(UserError, match=r"other\.onnx.*\(1, 3, 3, 3\).*RTMO"):
        open_estimator("rtmo", other).people(np.zeros((48, 64, 3), np.uint8))


def test_damaged_weights_are_named(tmp_path: Path) -> None:
    (tmp_path / "half.onnx").write_bytes(write_network(tmp_path / "rtmo.onnx").read_bytes()[:99])
    with pytest.raises(UserError, match=r"half\.onnx"):
        open_estimator("rtmo", tmp_path / "half.onnx")
