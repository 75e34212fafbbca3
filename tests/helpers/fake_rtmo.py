"""Write an ONNX network with RTMO's inputs and outputs and fixed detections."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

JOINTS = np.random.default_rng(0).integers(0, (640, 360), (3, 17, 2))
"""Joints of three people, px of the network's 640x640 input; the image fills its upper 360 rows."""
JOINTS[0, 0] = (100, 500)  # a joint below the image
SCORES = (0.9, 0.1, 0.6)


def write_rtmo(path: Path, joints: int = 17) -> Path:
    """Write a network that returns JOINTS and SCORES; a joint's confidence is the blue value of its pixel / 255."""
    at = np.array([[0, 0, y, x] for x, y in JOINTS[:, :joints].reshape(-1, 2)])
    constants = {
        "at": at,
        "shape": np.array([1, 3, joints, 1]),
        "white": np.array([255], np.float32),
        "joints_px": JOINTS[None, :, :joints].astype(np.float32),
        "boxes": np.array([[[0, 0, 9, 9, score] for score in SCORES]], np.float32),
    }
    nodes = [
        helper.make_node("GatherND", ["input", "at"], ["blue"]),
        helper.make_node("Reshape", ["blue", "shape"], ["in_shape"]),
        helper.make_node("Div", ["in_shape", "white"], ["confidence"]),
        helper.make_node("Identity", ["boxes"], ["dets"]),
        helper.make_node("Concat", ["joints_px", "confidence"], ["keypoints"], axis=3),
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
