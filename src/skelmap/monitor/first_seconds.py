"""Check the first seconds of a stream against its declared image size, joint order and frame rate."""

import numpy as np
from numpy.typing import NDArray

from skelmap.monitor.sources import PoseFrame
from skelmap.skeletons.checks import check_clip
from skelmap.skeletons.clip import Clip
from skelmap.skeletons.layouts import Layout

CHECKED_DETECTIONS = 150
"""Detections that are checked: five seconds of a person at 30 frames a second."""


class FirstSeconds:
    """Collects the first detections of a stream, and checks them once.

    Args:
        layout: of the stream's keypoints.
        fps: expected frame rate of the stream.

    Attributes:
        warning: what contradicts the declared size, order or rate; empty until there are enough detections.
    """

    def __init__(self, layout: Layout, fps: float) -> None:
        self.layout, self.fps = layout, fps
        self.warning = ""
        self._rows: list[tuple[int, int, NDArray[np.float32]]] | None = []

    def update(self, frame: PoseFrame, keypoints: NDArray[np.float32]) -> None:
        """Take the people of a frame.

        Args:
            frame: number, people and image size.
            keypoints: (P, V, 3) its keypoints after `clean_keypoints`.
        """
        if self._rows is None:
            return
        people = zip(frame.person_ids.tolist(), keypoints, strict=True)
        self._rows += [(frame.number, person, joints) for person, joints in people if (joints[:, 2] > 0).any()]
        if len(self._rows) >= CHECKED_DETECTIONS:
            number, person, joints = zip(*self._rows, strict=True)
            self._rows = None
            numbers, people_ids = np.array(number), np.array(person)
            clip = Clip.build("stream", np.stack(joints), self.layout, frame.size, self.fps, numbers, people_ids)
            self.warning = "; ".join(finding.text for finding in check_clip(clip))
