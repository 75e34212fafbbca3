"""Video files: frames in, clips of poses out."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from skelmap.pose_estimation.base import PoseEstimator
from skelmap.skeletons.clip import Clip
from skelmap.skeletons.tracking import PeopleTracker
from skelmap.utils.errors import UserError

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


READ = 0.95
"""A file of which a smaller share of the stated frames can be read is damaged; statements are a few frames off."""
UNEVEN = 2.0
"""A longest time between two frames above so many usual ones is worth a remark."""


@dataclass(frozen=True, eq=False)
class Extraction:
    """What a video gave.

    Attributes:
        clip: its people; a frame without any is a row of zeros.
        remarks: what its owner should know.
    """

    clip: Clip
    remarks: tuple[str, ...]


def extract_clip(video: Video, name: str, estimator: PoseEstimator, advance: Callable[[], None]) -> Extraction:
    """Find the people in every frame of a video.

    Args:
        video: the video; its frames' numbers are the clip's.
        name: the clip's name.
        estimator: fresh, as it may follow people from frame to frame.
        advance: called after each frame.

    Raises:
        UserError: the estimator failed, or the clip would not be allowed (its picture is too small).
    """
    nobody = np.zeros((1, len(estimator.layout.joints), 3), np.float32)
    tracker = PeopleTracker()
    rows: list[NDArray[np.float32]] = []
    tracks: list[NDArray[np.int64]] = []
    seconds: list[float] = []
    for time, picture in video.frames():
        people = estimator.people(picture)
        rows.append(people if len(people) else nobody)
        tracks.append(tracker.track(rows[-1]))
        seconds.append(time)
        advance()
    frame = np.repeat(np.arange(len(rows)), [len(people) for people in rows])
    clip = Clip.build(
        name, np.concatenate(rows), estimator.layout, video.size, video.fps, frame, np.concatenate(tracks)
    )
    return Extraction(clip, tuple(_remarks(video, np.array(seconds))))


def _remarks(video: Video, seconds: NDArray[np.float64]) -> list[str]:
    remarks = []
    if len(seconds) < READ * video.count:
        remarks.append(f"only {len(seconds)} of the {video.count} frames that the file states could be read")
    steps = 1000 * np.diff(seconds)
    if len(steps) and steps.max() > UNEVEN * np.median(steps):
        remarks.append(
            f"its frames are {steps.min():.0f} to {steps.max():.0f} ms apart; the clip takes them as even, "
            f"{video.fps:.1f} a second"
        )
    return remarks
