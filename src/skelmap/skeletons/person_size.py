"""Compare the size of people before a camera with their size in the training recordings.

Scores of models that see the size of people are unreliable where it differs.
"""

from collections import deque
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from skelmap.skeletons.layouts import Layout, with_neck

MIN_JOINTS = 5
"""Joints of the body that must be detected for a size to be computed."""
RECENT_FRAMES = 150
"""Frames with people over which the size is taken: five seconds at 30 frames a second."""
TOLERANCE = 1.25
"""Factor by which people may be larger than the largest of training, or smaller than the smallest."""


class SizeRange(NamedTuple):
    """Sizes of people, px: 5 % quantile, median and 95 % quantile."""

    smallest: float
    usual: float
    largest: float

    def includes(self, size: float) -> bool:
        """Whether a size, px, is that of training people or hardly different."""
        return self.smallest / TOLERANCE <= size <= self.largest * TOLERANCE


def person_sizes(keypoints: NDArray[np.float32], layout: Layout) -> NDArray[np.float64]:
    """Size of each person: root mean square distance of the body's joints from their centre.

    It depends less on the action and the person than the length of the trunk or of the limbs.

    Args:
        keypoints: (N, V, 3) x px, y px, confidence.
        layout: of the keypoints; every layout has the same joints of the body.

    Returns:
        (N,) px; NaN where fewer than 5 joints of the body were detected.
    """
    points = with_neck(keypoints, layout)[:, layout.body]
    detected = points[..., 2:] > 0
    enough = detected.sum(axis=(1, 2)) >= MIN_JOINTS
    places, detected = points[enough, :, :2].astype(np.float64), detected[enough]
    offsets = places - places.mean(axis=1, keepdims=True, where=detected)
    sizes = np.full(len(keypoints), np.nan)
    sizes[enough] = np.sqrt((offsets**2).sum(axis=2, keepdims=True).mean(axis=(1, 2), where=detected))
    return sizes


def size_range(sizes: NDArray[np.floating]) -> SizeRange | None:
    """Summarise (N,) sizes of training people; None if all are NaN."""
    known = sizes[~np.isnan(sizes)].astype(np.float64)
    return SizeRange(*np.quantile(known, (0.05, 0.5, 0.95)).tolist()) if len(known) else None


class ScaleCheck:
    """Compare the people of a camera with those of training, frame by frame.

    Args:
        trained: sizes in the training recordings; None if unknown or irrelevant to the model.

    Attributes:
        warning: that people are larger or smaller, with the same text as long as it lasts; empty otherwise.
    """

    def __init__(self, trained: SizeRange | None) -> None:
        self.trained = trained
        self.warning = ""
        self._recent: deque[float] = deque(maxlen=RECENT_FRAMES)

    def update(self, keypoints: NDArray[np.float32], layout: Layout) -> None:
        """Take the people of a frame, (P, V, 3); an empty frame changes nothing."""
        if self.trained is None or not len(keypoints):
            return
        sizes = person_sizes(keypoints, layout)
        if np.isnan(sizes).all():
            return
        self._recent.append(float(np.nanmedian(sizes)))
        if len(self._recent) < RECENT_FRAMES:
            return
        size = float(np.median(self._recent))
        if self.trained.includes(size):
            self.warning = ""
        elif not self.warning:
            self.warning = (
                f"people are {size / self.trained.usual:.2g} times as large as in training, so scores are unreliable: "
                "train with recordings of this camera, or place it as the camera of the training recordings"
            )
