"""Whether people look as large before a camera as in training: scores mean little where they do not."""

from collections import deque
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from skelmap.skeletons.layouts import Layout, with_neck

MIN_JOINTS = 5
"""Whoever shows fewer of the body's joints has no size."""
LOOKED = 150
"""Frames with people that are looked at: five seconds at 30 a second."""
TOLERANCE = 1.25
"""Times that people may look larger than the largest of training, or smaller than the smallest, unsaid."""


class Sizes(NamedTuple):
    """How large people look, px: 90 % of them are between the smallest and the largest."""

    smallest: float
    usual: float
    largest: float


def people_sizes(keypoints: NDArray[np.float32], layout: Layout) -> NDArray[np.float64]:
    """Measure people: root mean square distance of the body's joints from their centre.

    It changes less with what people do, and with who they are, than the length of the trunk or of the limbs.

    Args:
        keypoints: (N, V, 3) x px, y px, confidence.
        layout: the keypoints' layout; every layout has the same joints of the body.

    Returns:
        (M,) px, of those who show enough joints.
    """
    points = with_neck(keypoints, layout)[:, layout.body]
    seen = points[..., 2:] > 0
    enough = seen.sum(axis=(1, 2)) >= MIN_JOINTS
    places, seen = points[enough, :, :2].astype(np.float64), seen[enough]
    offsets = places - places.mean(axis=1, keepdims=True, where=seen)
    found: NDArray[np.float64] = np.sqrt((offsets**2).sum(axis=2, keepdims=True).mean(axis=(1, 2), where=seen))
    return found


def usual_sizes(sizes: Iterable[NDArray[np.float64]]) -> Sizes | None:
    """Sum up the sizes of training recordings; None where nobody has one."""
    found = np.concatenate([np.zeros(0), *sizes])
    return Sizes(*np.quantile(found, (0.05, 0.5, 0.95)).tolist()) if len(found) else None


class ScaleCheck:
    """Compare a camera's people with those of training, in the frames that come.

    Args:
        trained: their sizes; None where they are not known or have no bearing.

    Attributes:
        trouble: that they look larger or smaller, in the same words as long as it lasts; empty where they do not.
    """

    def __init__(self, trained: Sizes | None) -> None:
        self.trained = trained
        self.trouble = ""
        self._recent: deque[float] = deque(maxlen=LOOKED)

    def see(self, keypoints: NDArray[np.float32], layout: Layout) -> None:
        """Take a frame's people, (P, V, 3); nobody changes nothing."""
        sizes = people_sizes(keypoints, layout) if self.trained and len(keypoints) else ()
        if not self.trained or not len(sizes):
            return
        self._recent.append(float(np.median(sizes)))
        if len(self._recent) < LOOKED:
            return
        size = float(np.median(self._recent))
        if self.trained.smallest / TOLERANCE <= size <= self.trained.largest * TOLERANCE:
            self.trouble = ""
        elif not self.trouble:
            self.trouble = (
                f"people look {size / self.trained.usual:.2g} times as large as in training, so scores mean little: "
                "train with recordings of this camera, or set it up as the one of the training recordings"
            )
