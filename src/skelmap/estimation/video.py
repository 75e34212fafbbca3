"""Video files."""

import os
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from skelmap.errors import UserError

os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # else a damaged file prints a line for every damaged block


class Video:
    """A video file.

    Attributes:
        path: the file.
        size: (width, height) of its pictures as they are shown, px: a phone's note that it was turned is heeded.
        fps: frames a second as the file states; the mean where the rate varies.
        count: number of frames as the file states, which may be off; 0 where it does not.

    Raises:
        UserError: the file is missing, no video that OpenCV's FFmpeg can read, or states no sensible rate.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.is_file():
            raise UserError(f"{path}: no such video file")
        capture = self._open()
        there, picture = capture.read()
        if not there:
            raise UserError(f"{path}: not a video that can be read")
        self.size = (picture.shape[1], picture.shape[0])
        self.fps = float(capture.get(cv2.CAP_PROP_FPS))
        self.count = max(int(capture.get(cv2.CAP_PROP_FRAME_COUNT)), 0)
        if not 0 < self.fps <= 1000:
            raise UserError(f"{path}: states {self.fps} frames a second; above 0 and up to 1000 are allowed")

    def frames(self) -> Iterator[tuple[float, NDArray[np.uint8]]]:
        """Read the frames from the start.

        Yields:
            Seconds since the first frame, as the file's time stamps say, and the picture, (H, W, 3) BGR.
        """
        capture = self._open()
        first = None
        while True:
            there, picture = capture.read()
            if not there:
                return
            now = capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
            first = now if first is None else first
            yield now - first, picture

    def _open(self) -> cv2.VideoCapture:
        return cv2.VideoCapture(str(self.path), cv2.CAP_FFMPEG)  # the one back end that gives time stamps
