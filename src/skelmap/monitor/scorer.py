"""What a monitor asks of a model, whatever runs it."""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from skelmap.monitor.eye import Eye


class Scorer(Protocol):
    """A model that scores windows of frames."""

    eye: Eye

    def encode(self, frames: NDArray[np.float32]) -> Sequence[Any]:
        """Do what each frame (P, C, H, W) needs but once; give P codes, to be kept until their windows are over."""
        ...

    def score(self, codes: Sequence[Sequence[Any]], frames: NDArray[np.float32]) -> NDArray[np.float64]:
        """Score P windows: P times T codes, and the frames (P, T, C, H, W)."""
        ...

    def contributions(self, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        """Give what each element of a window (T, C, H, W) contributes to its being unusual.

        Of models that reconstruct the squared error, of distances each joint's part.
        """
        ...
