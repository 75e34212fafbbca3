"""RTMO, MMPose's one-stage network for several people (Lu et al. 2024), run by ONNX Runtime."""

import hashlib
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from skelmap.skeletons.layouts import COCO_17
from skelmap.utils.errors import UserError

DEFAULT_WEIGHTS = Path("weights/rtmo.onnx")
"""Relative to the working directory."""
SOURCE = (
    "unpack end2end.onnx from rtmo-s_8xb32-600e_body7-640x640-dac2bf74_20231211.zip of MMPose's project RTMO "
    "(https://github.com/open-mmlab/mmpose/tree/main/projects/rtmo, its column onnx)"
)
MIN_SCORE = 0.3
"""Lowest score of a person's bounding box."""
DEFAULT_SIDE = 640
"""Side of the input, px, if the network leaves it open."""
PADDING = 114
"""Grey level that pads the image, as in RTMO's training."""


class Rtmo:
    """Several people per image, in COCO_17. The network removes duplicate boxes itself.

    Args:
        weights: MMPose's ONNX export; None for DEFAULT_WEIGHTS.

    Raises:
        UserError: onnxruntime or the weights are missing, or the weights cannot be read, or differ from the digest in
            the file WEIGHTS.sha256 beside them.
    """

    layout = COCO_17

    def __init__(self, weights: Path | None = None) -> None:
        try:
            import onnxruntime
        except ImportError:
            raise UserError("estimator rtmo needs ONNX Runtime: pip install 'skelmap[pose]'") from None
        self._path = weights or DEFAULT_WEIGHTS
        if not self._path.is_file():
            raise UserError(
                f"estimator rtmo: its weights {self._path} do not exist; {SOURCE}, put it at {DEFAULT_WEIGHTS} or give "
                "its path"
            )
        _check_digest(self._path)
        available = onnxruntime.get_available_providers()
        providers = [name for name in ("CUDAExecutionProvider", "CPUExecutionProvider") if name in available]
        try:
            self._session = onnxruntime.InferenceSession(self._path, providers=providers)
        except Exception as error:  # ONNX Runtime raises a dozen types without a common base
            raise UserError(f"{self._path}: not a network that ONNX Runtime can load ({error})") from error
        self._input = self._session.get_inputs()[0]
        self._height, self._width = (n if isinstance(n, int) else DEFAULT_SIDE for n in self._input.shape[-2:])

    def detect(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Detect the people in an image: (P, 17, 3); see `PoseEstimator`.

        Raises:
            UserError: the weights are not RTMO's.
        """
        scale = min(self._height / image.shape[0], self._width / image.shape[1])
        resized = cv2.resize(image, None, fx=scale, fy=scale)
        padded = np.full((self._height, self._width, 3), PADDING, np.float32)
        padded[: resized.shape[0], : resized.shape[1]] = resized
        try:
            outputs = self._session.run(None, {self._input.name: padded.transpose(2, 0, 1)[None]})
        except Exception as error:
            raise UserError(f"{self._path}: not RTMO; it cannot be run on an image ({error})") from error
        if [output.shape[2:] for output in outputs] != [(5,), (len(COCO_17.joints), 3)]:
            shapes = " and ".join(str(output.shape) for output in outputs)
            raise UserError(f"{self._path}: gives {shapes}; RTMO gives boxes (1, N, 5) and joints (1, N, 17, 3)")
        boxes, joints = outputs
        people: NDArray[np.float32] = joints[0, boxes[0, :, 4] > MIN_SCORE].astype(np.float32)
        people[..., :2] /= scale
        return people

    def close(self) -> None:
        """Do nothing: there is only memory to release."""


def _check_digest(path: Path) -> None:
    """Compare a file with the SHA-256 in PATH.sha256, as `sha256sum` writes it, if there is one.

    Raises:
        UserError: they differ: an incomplete or another download.
    """
    beside = path.with_name(f"{path.name}.sha256")
    if not beside.exists():
        return
    expected = (beside.read_text(encoding="utf-8", errors="replace").split() or [""])[0].lower()
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != expected:
        raise UserError(f"{path}: its SHA-256 is {found}, {beside.name} says {expected}; fetch it again")
