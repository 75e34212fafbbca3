"""Interface of pose estimators."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from skelmap.skeletons.layouts import Layout
from skelmap.utils.errors import UserError


class EstimatorEnded(UserError):
    """The process of an estimator has ended; the next call of `detect` starts another."""


class PoseEstimator(Protocol):
    """Detects the people in the images of one camera or video, which are given in order.

    Attributes:
        layout: joint order of its keypoints.
    """

    layout: Layout

    def detect(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Detect the people in an image.

        Args:
            image: (H, W, 3) uint8 BGR, as OpenCV reads it.

        Returns:
            (P, V, 3) x px, y px, confidence 0 to 1, 0 for a joint that was not detected; P is 0 without people. Joints
            may lie outside the image.

        Raises:
            EstimatorEnded: its process has ended; the next call starts another.
            UserError: its weights file is another network.
        """
        ...

    def close(self) -> None:
        """Release processes and memory; `detect` must not be called afterwards."""
        ...
