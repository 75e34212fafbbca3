"""Leave out detections that are too incomplete or too small to be a person."""

from typing import Annotated, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from skelmap.skeletons.layouts import Layout, with_neck

MinJoints = Annotated[int, Field(ge=0, le=14)]
MinSize = Annotated[float, Field(ge=0, lt=1)]


class PersonFilter(NamedTuple):
    """Least that a detection must have; the same for training, evaluation and monitor.

    Attributes:
        min_joints: detected joints of the body (nose, neck, arms, hips, legs; 14).
        min_size: longer side of the box around the detected joints, as a share of the shorter side of the image.
    """

    min_joints: int = 5
    min_size: float = 0.03

    def keep(self, keypoints: NDArray[np.float32], layout: Layout, size: tuple[int, int]) -> NDArray[np.bool_]:
        """Whether each detection is kept.

        Args:
            keypoints: (N, V, 3) x px, y px, confidence.
            layout: joint order.
            size: (width, height) of the camera image, px.

        Returns:
            (N,) bool; False for rows without joints.
        """
        body = with_neck(keypoints, layout)[:, layout.body, 2] > 0
        detected, places = keypoints[..., 2:] > 0, keypoints[..., :2]
        low = places.min(axis=1, where=detected, initial=np.inf)
        high = places.max(axis=1, where=detected, initial=-np.inf)
        large: NDArray[np.bool_] = (high - low).max(axis=1, initial=0) >= self.min_size * min(size)
        kept: NDArray[np.bool_] = large & (body.sum(axis=1) >= self.min_joints) & detected.any(axis=(1, 2))
        return kept

    def drop(self, keypoints: NDArray[np.float32], layout: Layout, size: tuple[int, int]) -> NDArray[np.float32]:
        """Copy of (N, V, 3) keypoints; those of rows that are not kept are all zero."""
        return np.where(self.keep(keypoints, layout, size)[:, None, None], keypoints, np.float32(0))
