"""Live state of a monitor for the web page: skeletons, scores, how full the windows are, errors."""

import math
import threading
from collections import deque
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from skelmap.monitor.sinks import Sink, people_in_view
from skelmap.monitor.sources import Source
from skelmap.monitor.stream import FrameResult
from skelmap.skeletons.layouts import with_neck

MAX_SCORES = 900
"""Length of the score curve for new viewers: half a minute at 30 frames per second."""


class LiveState(Sink):
    """Keeps the newest state of the monitor.

    Args:
        threshold: of the alarms.
        about: texts about the model for the page's header.
        show_camera_image: give stills of the camera, too.

    Attributes:
        closed: whether the monitor has ended.
        version: number of the state; it increases with every change.
    """

    def __init__(self, threshold: float, about: Sequence[str] = (), show_camera_image: bool = False) -> None:
        self.show_camera_image = show_camera_image
        self._image: NDArray[np.uint8] | None = None
        self._lock = threading.Lock()
        self._state: dict[str, Any] = {"about": list(about), "threshold": threshold}
        self._source: Source | None = None
        self._curve: deque[tuple[float, float]] = deque(maxlen=MAX_SCORES)
        self.version = 0
        self.closed = False

    def on_source_start(self, source: Source) -> None:
        """Show a new source."""
        self._source = source
        with self._lock:
            self._curve.clear()
        self._update(source=source.name, limbs=source.layout.limbs, people=[], score=None)

    def on_frame(self, result: FrameResult, latency_ms: float) -> None:
        """Show a frame."""
        assert self._source is not None
        frame = result.frame
        self._image = frame.image
        joints_by_person = dict(
            zip(frame.person_ids.tolist(), with_neck(frame.keypoints, self._source.layout), strict=True)
        )
        people = [
            {
                **person,
                "joints": [
                    [round(x), round(y)] if confidence > 0 else None
                    for x, y, confidence in joints_by_person[person["person"]].tolist()
                ],
            }
            for person in people_in_view(result)
        ]
        score = max((score.score for score in result.scores if math.isfinite(score.score)), default=None)
        if score is not None:
            with self._lock:
                self._curve.append((frame.time, score))
        self._update(time=frame.time, size=frame.size, people=people, score=score, latency_ms=round(latency_ms, 1))

    def on_status(self, errors: Sequence[str]) -> None:
        """Show the current errors."""
        self._update(errors=list(errors))

    def close(self) -> None:
        """Show that the monitor has ended."""
        self._update(ended=True, people=[])
        self.closed = True

    def still(self) -> bytes | None:
        """Newest image of the camera as JPEG; None without any, or if images are not shown."""
        if self._image is None or not self.show_camera_image:
            return None
        return cv2.imencode(".jpg", self._image)[1].tobytes()

    def state(self, with_curve: bool = False) -> dict[str, Any]:
        """Newest state.

        Args:
            with_curve: add the past scores as `curve`, (seconds, score) each.
        """
        with self._lock:
            return {**self._state, **({"curve": list(self._curve)} if with_curve else {})}

    def _update(self, **changes: Any) -> None:
        with self._lock:
            self._state = {**self._state, **changes}
            self.version += 1
