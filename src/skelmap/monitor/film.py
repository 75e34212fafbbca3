"""Films of what was seen; they play in every browser, and up to where they were cut if they were cut."""

import os
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from skelmap.monitor.alarms import AlarmRule
from skelmap.monitor.listener import Listener
from skelmap.monitor.overlay import Overlay
from skelmap.monitor.sources import Source
from skelmap.monitor.watch import Verdict

ROOM = 200_000_000
"""Bytes that a disk must have left, or the film pauses: events matter more."""


class Films(Listener):
    """A film (WebM, VP8) of each source: its skeletons, its score, its alarms.

    Args:
        folder: where they are written.
        rule: of the alarms, or None.
        over_picture: show the camera's pictures, too; otherwise nobody's face is stored.
    """

    def __init__(self, folder: Path, rule: AlarmRule | None, over_picture: bool = False) -> None:
        self.folder, self.rule, self.over_picture = folder, rule, over_picture
        self._film: _Film | None = None
        self._overlay: Overlay | None = None

    def begin(self, source: Source) -> None:
        """Begin a film; a camera's is named after the moment, for there will be more of them."""
        name = re.sub(r"[^\w.-]+", "_", source.name)
        if source.count is None:
            name += time.strftime("_%Y-%m-%d_%H-%M-%S")
        self._film = _Film(self.folder / f"{name}.webm", source.fps)
        self._overlay = Overlay(source.name, source.layout, self.rule, self.over_picture)

    def frame(self, verdict: Verdict, latency_ms: float) -> str:
        """Add a frame."""
        assert self._film is not None and self._overlay is not None
        return self._film.add(self._overlay.draw(verdict))

    def end(self) -> None:
        """Finish the film."""
        if self._film is not None:
            self._film.close()


class _Film:
    """One film, which takes the size of its first frame."""

    def __init__(self, path: Path, fps: float) -> None:
        self.path, self.fps = path, fps
        self._writer: cv2.VideoWriter | None = None
        self._size = (0, 0)
        self._count = 0
        self._paused = False

    def add(self, picture: NDArray[np.uint8]) -> str:
        """Add a frame, (H, W, 3) BGR; give why not, if not."""
        if self._writer is None:
            self._size = (picture.shape[1], picture.shape[0])
            with _without_stderr():  # OpenCV's FFmpeg finds VP8 in WebM unusual, and says so at each file
                self._writer = cv2.VideoWriter(str(self.path), cv2.VideoWriter.fourcc(*"VP80"), self.fps, self._size)
        if not self._writer.isOpened():
            return f"{self.path}: a film cannot be written there"
        if self._count % 100 == 0:
            self._paused = shutil.disk_usage(self.path.parent).free < ROOM
        self._count += 1
        if self._paused:
            return f"{self.path}: the film pauses, for the disk is nearly full"
        fitting = (picture.shape[1], picture.shape[0]) == self._size
        self._writer.write(picture if fitting else cv2.resize(picture, self._size))
        return ""

    def close(self) -> None:
        """Finish the file."""
        if self._writer is not None:
            self._writer.release()


@contextmanager
def _without_stderr() -> Iterator[None]:
    """Let nothing through that a library writes to file 2 itself."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
