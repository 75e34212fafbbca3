"""OpenPose's network: what goes in and how its maps become people, on a small network with known answers."""

from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from skelmap.errors import UserError
from skelmap.estimation import open_estimator
from skelmap.estimation.openpose_network import CHANNELS, FIRST_LIMB_MAP, LIMB_MAPS
from skelmap.poses import BODY_25

WIDTH, HEIGHT = 640, 480
INPUT = (368, 496)
"""Height and width of the network's input for such a picture."""
COLOURS = np.array([(a, b, 6 - a - b) for a in range(7) for b in range(7 - a)][:25]) * 42
"""BGR of each joint: no mixture of one with black is another."""
WRIST = BODY_25.joints.index("right_wrist")


def two_people() -> NDArray[np.float32]:
    """(2, 25, 3): joints spread over the left and over the right half of the picture; the second lacks a wrist."""
    rng = np.random.default_rng(0)
    cells = np.stack(np.meshgrid(np.arange(5) * 60 + 40, np.arange(5) * 90 + 60), axis=-1).reshape(-1, 2)
    people = np.ones((2, 25, 3), np.float32)
    for person, shift in zip(people, (0, 320), strict=True):
        person[:, :2] = rng.permutation(cells) + rng.uniform(-12, 12, (25, 2)) + (shift, 0)
    people[1, WRIST] = 0
    return people


def painted(people: NDArray[np.float32]) -> NDArray[np.uint8]:
    """A picture with a disc in the joint's colour for each joint."""
    picture = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    for person in people:
        for (x, y, seen), colour in zip(person, COLOURS.tolist(), strict=True):
            if seen:
                cv2.circle(picture, (round(x), round(y)), 9, colour, -1)
    return picture


def directions(people: NDArray[np.float32]) -> NDArray[np.float32]:
    """(52, 46, 62): along each limb of each person the unit vector of its direction."""
    maps = np.zeros((CHANNELS - FIRST_LIMB_MAP, INPUT[0] // 8, INPUT[1] // 8), np.float32)
    for person in people:
        for (a, b), first in LIMB_MAPS.items():
            if person[a, 2] and person[b, 2]:
                start, end = (person[j, :2] * INPUT[0] / HEIGHT / 8 for j in (a, b))
                unit = (end - start) / np.linalg.norm(end - start)
                for axis in (0, 1):
                    ends = (tuple(int(v) for v in start), tuple(int(v) for v in end))
                    cv2.line(maps[first + axis], *ends, float(unit[axis]), 3)
    return maps


def write_network(path: Path, limbs: NDArray[np.float32], background: int = 1) -> Path:
    """Write a network whose confidence maps are how well a pixel has the joint's colour, averaged over 16x16 px."""
    colours = (COLOURS / 256 - 0.5).astype(np.float32)
    differences = np.tile(np.eye(3, dtype=np.float32), (25, 1))[..., None, None]
    sums = np.repeat(np.eye(25, dtype=np.float32), 3, axis=1)[..., None, None]
    constants = {
        "differences": differences,
        "colours": -colours.reshape(-1),
        "sums": -8 * sums,
        "ones": np.ones(25, np.float32),
        "twice": np.array([2], np.float32),
        "background": np.zeros((1, background, INPUT[0] // 8, INPUT[1] // 8), np.float32),
        "limbs": limbs[None],
    }
    nodes = [
        helper.make_node("Conv", ["image", "differences", "colours"], ["from_colours"], kernel_shape=[1, 1]),
        helper.make_node("Abs", ["from_colours"], ["distances"]),
        helper.make_node("Conv", ["distances", "sums", "ones"], ["likeness"], kernel_shape=[1, 1]),
        helper.make_node("Relu", ["likeness"], ["positive"]),
        helper.make_node(
            "AveragePool", ["positive"], ["means"], kernel_shape=[16, 16], strides=[8, 8], pads=[4, 4, 4, 4]
        ),
        helper.make_node("Mul", ["means", "twice"], ["joints"]),
        helper.make_node("Concat", ["joints", "background", "limbs"], ["net_output"], axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "body_25",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, *INPUT])],
        [
            helper.make_tensor_value_info(
                "net_output", TensorProto.FLOAT, [1, len(limbs) + background + 25, *limbs.shape[1:]]
            )
        ],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)
    return path


def test_joints_are_found_and_put_together_to_people(tmp_path: Path) -> None:
    people = two_people()
    network = open_estimator("openpose", write_network(tmp_path / "body.onnx", directions(people)))
    found = network.people(painted(people))
    found = found[np.argsort(found[:, 0, 0])]
    assert network.layout is BODY_25
    assert found.shape == (2, 25, 3) and found.dtype == np.float32
    assert np.array_equal(found[..., 2] > 0, people[..., 2] > 0)
    assert found[..., 2].max() <= 1
    seen = people[..., 2] > 0
    assert np.linalg.norm(found[..., :2] - people[..., :2], axis=-1)[seen].max() < 5
    network.close()


def test_joints_that_no_limb_connects_are_nobody(tmp_path: Path) -> None:
    people = two_people()
    network = open_estimator("openpose", write_network(tmp_path / "body.onnx", 0 * directions(people)))
    assert network.people(painted(people)).shape == (0, 25, 3)


def test_an_empty_picture_holds_nobody(tmp_path: Path) -> None:
    network = open_estimator("openpose", write_network(tmp_path / "body.onnx", directions(two_people())))
    assert network.people(np.zeros((HEIGHT, WIDTH, 3), np.uint8)).shape == (0, 25, 3)


def test_weights_of_another_network_are_named(tmp_path: Path) -> None:
    other = write_network(tmp_path / "other.onnx", directions(two_people()), background=3)
    with pytest.raises(UserError, match=r"other\.onnx.*80.*BODY_25 gives \(1, 78"):
        open_estimator("openpose", other).people(np.zeros((HEIGHT, WIDTH, 3), np.uint8))
    with pytest.raises(UserError, match=r"other\.onnx: OpenCV .* cannot run it"):
        open_estimator("openpose", other).people(np.zeros((HEIGHT, WIDTH // 2, 3), np.uint8))


def test_damaged_weights_are_named(tmp_path: Path) -> None:
    (tmp_path / "half.onnx").write_bytes(b"no network")
    with pytest.raises(UserError, match=r"half\.onnx: OpenCV"):
        open_estimator("openpose", tmp_path / "half.onnx")


@pytest.mark.skipif(hasattr(cv2.dnn, "readNetFromCaffe"), reason="this OpenCV reads Caffe networks")
def test_caffe_weights_need_opencv_4(tmp_path: Path) -> None:
    (tmp_path / "pose.caffemodel").write_bytes(b"weights")
    with pytest.raises(UserError, match=r"OpenCV 5.*\.onnx.*opencv-python-headless<5"):
        open_estimator("openpose", tmp_path / "pose.caffemodel")
