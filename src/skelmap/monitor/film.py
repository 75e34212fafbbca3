"""Films of what was seen; they play in every browser, and up to where they were cut if they were cut."""

import os
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
from skelmap.names import filename

LONGEST_STILL = 5.0
"""Seconds that one picture stands at most; of a longer gap the film shows nothing."""
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
        name = filename(source.name)
        if source.count is None:
            name += time.strftime("_%Y-%m-%d_%H-%M-%S")
        self._film = _Film(self.folder / f"{name}.webm", source.fps)
        self._overlay = Overlay(source.name, source.layout, self.rule, self.over_picture)

    def frame(self, verdict: Verdict, latency_ms: float) -> None:
        """Add a frame."""
        assert self._film is not None and self._overlay is not None
        self.trouble = self._film.add(self._overlay.draw(verdict), verdict.sight.time)

    def end(self) -> None:
        """Finish the film."""
        if self._film is not None:
            self._film.close()


class _Film:
    """One film, which takes the size of its first frame; a frame is shown until the next one comes."""

    def __init__(self, path: Path, fps: float) -> None:
        self.path, self.fps = path, fps
        self._writer: cv2.VideoWriter | None = None
        self._size = (0, 0)
        self._count = 0
        self._paused = False
        self._shift = 0.0  # seconds of the stream that the film leaves out

    def add(self, picture: NDArray[np.uint8], time: float) -> str:
        """Add a frame, (H, W, 3) BGR, of that time in seconds; give why not, if not."""
        if self._writer is None:
            self._size = (picture.shape[1], picture.shape[0])
            with _without_stderr():  # OpenCV's FFmpeg finds VP8 in WebM unusual, and says so at each file
                self._writer = cv2.VideoWriter(str(self.path), cv2.VideoWriter.fourcc(*"VP80"), self.fps, self._size)
        if not self._writer.isOpened():
            return f"{self.path}: a film cannot be written there"
        shown = self._count / self.fps
        if self._count == 0 or not 0 <= time - self._shift - shown <= LONGEST_STILL:
            self._shift = time - shown
        due = max(0, round((time - self._shift) * self.fps) + 1 - self._count)
        if self._count // 100 != (self._count + due) // 100 or self._count == 0:
            self._paused = shutil.disk_usage(self.path.parent).free < ROOM
        self._count += due
        if self._paused:
            return f"{self.path}: the film pauses, for the disk is nearly full"
        if (picture.shape[1], picture.shape[0]) != self._size:
            picture = cv2.resize(picture, self._size).astype(np.uint8)
        for _ in range(due):
            self._writer.write(picture)
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
