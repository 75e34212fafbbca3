"""Read video files frame by frame."""

import os
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from skelmap.skeletons.clip import check_size_and_fps
from skelmap.utils.errors import UserError

os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # otherwise FFmpeg prints a line for every damaged block


class Video:
    """A video file.

    Attributes:
        path: the file.
        size: (width, height) of its images, px, after the rotation that phones store in the file.
        fps: frames per second as the file states; the mean of a variable rate.
        count: number of frames as the file states, which may be a few off; 0 if it does not.

    Raises:
        UserError: the file is missing, not a video that FFmpeg can read, or has an invalid image size or frame rate.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.is_file():
            raise UserError(f"{path}: no such video file")
        capture = self._open()
        success, image = capture.read()
        if not success:
            raise UserError(f"{path}: not a video that can be read")
        self.size = (image.shape[1], image.shape[0])
        self.fps = float(capture.get(cv2.CAP_PROP_FPS))
        self.count = max(int(capture.get(cv2.CAP_PROP_FRAME_COUNT)), 0)
        check_size_and_fps(str(path), self.size, self.fps)

    def frames(self) -> Iterator[tuple[float, NDArray[np.uint8]]]:
        """Read the frames from the start.

        Yields:
            Seconds since the first frame by the file's time stamps, and the image, (H, W, 3) uint8 BGR.
        """
        capture = self._open()
        start = None
        while True:
            success, image = capture.read()
            if not success:
                return
            seconds = capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
            start = seconds if start is None else start
            yield seconds - start, image

    def _open(self) -> cv2.VideoCapture:
        return cv2.VideoCapture(str(self.path), cv2.CAP_FFMPEG)  # the only back end that gives time stamps
