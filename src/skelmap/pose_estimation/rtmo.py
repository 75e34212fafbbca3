"""RTMO, MMPose's one-stage network for several people (Lu et al. 2024), through ONNX Runtime."""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from skelmap.pose_estimation.base import weights_file
from skelmap.skeletons.layouts import COCO_17
from skelmap.utils.errors import UserError

USUAL = Path("weights/rtmo.onnx")
SOURCE = (
    "unpack end2end.onnx from rtmo-s_8xb32-600e_body7-640x640-dac2bf74_20231211.zip of MMPose's project RTMO "
    "(https://github.com/open-mmlab/mmpose/tree/main/projects/rtmo, its column onnx)"
)
MIN_SCORE = 0.3
"""Boxes that score less hold nobody."""
SIDE = 640
"""Of the input, px, where the network leaves it open."""
GREY = 114
"""What the picture is padded with, as in RTMO's training."""


class Rtmo:
    """Several people a picture, in COCO_17; the network drops double boxes itself.

    Args:
        weights: MMPose's ONNX export; None for USUAL.

    Raises:
        UserError: onnxruntime or the weights are missing, or cannot be read.
    """

    layout = COCO_17

    def __init__(self, weights: Path | None = None) -> None:
        try:
            import onnxruntime
        except ImportError:
            raise UserError("estimator rtmo needs ONNX Runtime: pip install -e '.[pose]'") from None
        self._path = weights_file("rtmo", weights, USUAL, SOURCE)
        devices = _devices(onnxruntime.get_available_providers())
        try:
            self._session = onnxruntime.InferenceSession(self._path, providers=devices)
        except Exception as error:  # ONNX Runtime raises a dozen kinds, without a base of their own
            raise UserError(f"{self._path}: not a network that ONNX Runtime can load ({error})") from error
        self._input = self._session.get_inputs()[0]
        self._height, self._width = (n if isinstance(n, int) else SIDE for n in self._input.shape[-2:])

    def people(self, picture: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Find the people in a picture: (P, 17, 3); see `PoseEstimator`.

        Raises:
            UserError: the weights are not RTMO's.
        """
        scale = min(self._height / picture.shape[0], self._width / picture.shape[1])
        small = cv2.resize(picture, None, fx=scale, fy=scale)
        padded = np.full((self._height, self._width, 3), GREY, np.float32)
        padded[: small.shape[0], : small.shape[1]] = small
        try:
            given = self._session.run(None, {self._input.name: padded.transpose(2, 0, 1)[None]})
        except Exception as error:
            raise UserError(f"{self._path}: not RTMO; it cannot be run on a picture ({error})") from error
        if [g.shape[2:] for g in given] != [(5,), (len(COCO_17.joints), 3)]:
            shapes = " and ".join(str(g.shape) for g in given)
            raise UserError(f"{self._path}: gives {shapes}; RTMO gives boxes (1, N, 5) and joints (1, N, 17, 3)")
        boxes, joints = given
        people: NDArray[np.float32] = joints[0, boxes[0, :, 4] > MIN_SCORE].astype(np.float32)
        people[..., :2] /= scale
        return people

    def close(self) -> None:
        """Nothing to let go of but memory."""


def _devices(available: list[str]) -> list[str]:
    """A GPU where there is one (onnxruntime-gpu), else the CPU."""
    return [name for name in ("CUDAExecutionProvider", "CPUExecutionProvider") if name in available]
