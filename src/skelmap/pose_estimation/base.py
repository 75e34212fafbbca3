"""Interface of pose estimators."""

from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from skelmap.skeletons.layouts import Layout
from skelmap.utils.errors import UserError


class EstimatorEnded(UserError):
    """The process of an estimator has ended; with the next picture another is started."""


def weights_file(estimator: str, given: Path | None, usual: Path, source: str) -> Path:
    """Find an estimator's weights.

    Args:
        estimator: its name, for the message.
        given: the file that the user named, or None.
        usual: where it is looked for otherwise, relative to the working folder.
        source: where it comes from, for the message.

    Raises:
        UserError: the file is not there; says where to get it and where to put it.
    """
    path = given or usual
    if not path.is_file():
        raise UserError(
            f"estimator {estimator}: its weights {path} are not there; {source}, put it at {usual} or name it"
        )
    return path


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
