"""OpenPose's BODY_25 network through OpenCV, and how its maps become people (Cao et al. 2019).

The network gives, at an eighth of its input's size, a confidence map for each joint and one for the background, then
two maps for each limb: the direction in which it runs. Joints are peaks; two joints belong together where the direction
along the line between them is the limb's. Orders and thresholds are OpenPose's (its poseParameters.cpp).
"""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from skelmap.errors import UserError
from skelmap.estimation.weights import weights_file
from skelmap.poses import BODY_25

USUAL = Path("weights/openpose_body_25.onnx")
SOURCE = (
    "convert OpenPose's pose_deploy.prototxt and pose_iter_584000.caffemodel "
    "(https://github.com/CMU-Perceptual-Computing-Lab/openpose, models/pose/body_25) to ONNX"
)
HEIGHT = 368
"""Of the network's input, px; the width follows the picture."""
STRIDE = 8
FIRST_LIMB_MAP = len(BODY_25.joints) + 1
LIMB_MAPS = {
    (1, 8): 0, (1, 2): 14, (1, 5): 22, (2, 3): 16, (3, 4): 18, (5, 6): 24, (6, 7): 26, (8, 9): 6, (9, 10): 2,
    (10, 11): 4, (8, 12): 8, (12, 13): 10, (13, 14): 12, (1, 0): 30, (0, 15): 32, (15, 17): 36, (0, 16): 34,
    (16, 18): 38, (14, 19): 40, (19, 20): 42, (14, 21): 44, (11, 22): 46, (22, 23): 48, (11, 24): 50,
}  # fmt: skip
"""First of the two maps of each limb. From the neck outwards, so that every joint has one limb towards the neck."""
CHANNELS = FIRST_LIMB_MAP + 52
MIN_CONFIDENCE = 0.05
"""A peak below is no joint; a direction below does not count."""
MIN_SHARE = 0.95
"""Of the points along a limb, so many must agree with its direction."""
MIN_JOINTS = 3
MIN_SCORE = 0.4
"""A person's joints and limbs, summed and divided by the number of joints, score at least so much."""


class OpenPoseNetwork:
    """Several people a picture, in BODY_25.

    Args:
        weights: an `.onnx`, or with OpenCV 4 a `.caffemodel` with its `.prototxt` beside it; None for USUAL.

    Raises:
        UserError: the weights are missing, or OpenCV cannot read them.
    """

    layout = BODY_25

    def __init__(self, weights: Path | None = None) -> None:
        self._path = weights_file("openpose", weights, USUAL, SOURCE)
        self._network = _read(self._path)

    def people(self, picture: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Find the people in a picture: (P, 25, 3); see `PoseEstimator`.

        Raises:
            UserError: the weights are not those of BODY_25.
        """
        scale = HEIGHT / picture.shape[0]
        small = cv2.resize(picture, None, fx=scale, fy=scale)
        small = cv2.copyMakeBorder(small, 0, 0, 0, -small.shape[1] % 16, cv2.BORDER_CONSTANT)
        blob = cv2.dnn.blobFromImage(small, 1 / 256, mean=(128, 128, 128))
        self._network.setInput(blob)
        try:
            maps = self._network.forward()
        except cv2.error as error:
            raise UserError(
                f"{self._path}: OpenCV {cv2.__version__} cannot run it on an input of {blob.shape} ({error.err})"
            ) from error
        if maps.shape[:2] != (1, CHANNELS):
            raise UserError(f"{self._path}: gives {maps.shape}; OpenPose's BODY_25 gives (1, {CHANNELS}, h, w)")
        people = people_in(maps[0])
        people[..., :2] /= scale
        return people

    def close(self) -> None:
        """Nothing to let go of but memory."""


def people_in(maps: NDArray[np.float32]) -> NDArray[np.float32]:
    """Read the people out of the network's maps.

    Args:
        maps: (78, h, w) confidences of joints and background, directions of limbs.

    Returns:
        (P, 25, 3) x px, y px of the network's input, confidence.
    """
    size = (maps.shape[2] * STRIDE, maps.shape[1] * STRIDE)
    joints = [_peaks(cv2.resize(m, size, interpolation=cv2.INTER_CUBIC)) for m in maps[: len(BODY_25.joints)]]
    people: list[dict[int, int]] = []  # joint -> which of its peaks
    scores: list[float] = []
    for (a, b), first in LIMB_MAPS.items():
        directions = maps[FIRST_LIMB_MAP + first : FIRST_LIMB_MAP + first + 2]
        owner = {person[a]: i for i, person in enumerate(people) if a in person}
        for score, start, end in _limbs(joints[a], joints[b], directions):
            if start not in owner:
                people.append({a: start})
                scores.append(float(joints[a][start, 2]))
                owner[start] = len(people) - 1
            people[owner[start]][b] = end
            scores[owner[start]] += score + float(joints[b][end, 2])
    found = [p for p, s in zip(people, scores, strict=True) if len(p) >= MIN_JOINTS and s / len(p) >= MIN_SCORE]
    keypoints = np.zeros((len(found), len(BODY_25.joints), 3), np.float32)
    for i, person in enumerate(found):
        for joint, peak in person.items():
            keypoints[i, joint] = joints[joint][peak]
    keypoints[..., 2] = np.minimum(keypoints[..., 2], 1)
    return keypoints


def _peaks(confidence: NDArray[np.float32]) -> NDArray[np.float32]:
    """Find the local maxima of a map: (n, 3) x, y, confidence."""
    highest = cv2.dilate(confidence, np.ones((3, 3), np.uint8))
    y, x = np.nonzero((confidence == highest) & (confidence > MIN_CONFIDENCE))
    return np.stack([x, y, confidence[y, x]], axis=1).astype(np.float32)


def _limbs(
    starts: NDArray[np.float32], ends: NDArray[np.float32], directions: NDArray[np.float32]
) -> list[tuple[float, int, int]]:
    """Pair starts with ends, best first, each once: score, which start, which end."""
    scores = [(_agreement(a, b, directions), i, j) for i, a in enumerate(starts) for j, b in enumerate(ends)]
    pairs: list[tuple[float, int, int]] = []
    for score, i, j in sorted(scores, reverse=True):
        if score > 0 and all(i != start and j != end for _, start, end in pairs):
            pairs.append((score, i, j))
    return pairs


def _agreement(start: NDArray[np.float32], end: NDArray[np.float32], directions: NDArray[np.float32]) -> float:
    """How well the direction maps agree with a line, 0..1; 0 where too few points of it do."""
    line = end[:2] - start[:2]
    length = float(np.linalg.norm(line))
    if length == 0:
        return 0.0
    points = int(np.clip(np.sqrt(5 * np.abs(line).max()), 5, 25))
    x, y = ((start[:2] + line * np.linspace(0, 1, points)[:, None]) / STRIDE).astype(int).T
    along = line @ directions[:, y, x] / length
    good = along > MIN_CONFIDENCE
    return float(along[good].mean()) if good.mean() > MIN_SHARE else 0.0


def _read(path: Path) -> cv2.dnn.Net:
    is_caffe = path.suffix == ".caffemodel"
    if is_caffe and not hasattr(cv2.dnn, "readNetFromCaffe"):
        raise UserError(
            f"{path}: OpenCV {cv2.__version__} reads no Caffe networks; give an .onnx made of it, or install "
            "'opencv-python-headless<5'"
        )
    try:
        return cv2.dnn.readNet(str(path), str(path.with_suffix(".prototxt")) if is_caffe else "")
    except cv2.error as error:
        raise UserError(f"{path}: OpenCV {cv2.__version__} cannot read it ({error.err})") from error
