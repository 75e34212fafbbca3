"""The one interface of all pose estimators, and the door to them."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from skelmap.errors import UserError
from skelmap.estimation.mediapipe_client import MediaPipe
from skelmap.estimation.openpose_network import OpenPoseNetwork
from skelmap.estimation.rtmo import Rtmo
from skelmap.poses import Layout


class PoseEstimator(Protocol):
    """Finds people in the pictures of one camera, which come in order.

    Attributes:
        layout: which joint is which.
    """

    layout: Layout

    def people(self, picture: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Find the people in a picture.

        Args:
            picture: (H, W, 3) BGR, as OpenCV reads it.

        Returns:
            (P, V, 3) x px, y px, confidence 0..1, 0 for a joint that was not detected. Joints may lie outside the
            picture. P is 0 where nobody is seen.

        Raises:
            EstimatorEnded: its process has ended; with the next picture another is started.
            UserError: what was given as its weights are others.
        """
        ...

    def close(self) -> None:
        """Let go of processes and memory; no picture can follow."""
        ...


ESTIMATORS: dict[str, Callable[[Path | None], PoseEstimator]] = {
    "mediapipe": MediaPipe,
    "rtmo": Rtmo,
    "openpose": OpenPoseNetwork,
}


def open_estimator(name: str, weights: Path | None = None) -> PoseEstimator:
    """Start a pose estimator.

    Args:
        name: one of ESTIMATORS.
        weights: the network's file; None for its usual place. MediaPipe has its own.

    Raises:
        UserError: unknown name; something to install or to fetch is missing, which is said.
    """
    if name not in ESTIMATORS:
        raise UserError(f"estimator {name!r}; allowed are {', '.join(ESTIMATORS)}")
    return ESTIMATORS[name](weights)
