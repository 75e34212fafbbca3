"""Sources of pose frames: recordings, videos, a growing folder of JSON."""

import os
import re
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from skelmap.pose_estimation.base import PoseEstimator
from skelmap.pose_estimation.video import Video
from skelmap.skeletons.clip import Clip
from skelmap.skeletons.layouts import Layout
from skelmap.skeletons.manifest import Recording
from skelmap.skeletons.readers import PoseFormat, frame_number, read_people, source_files
from skelmap.skeletons.tracking import PeopleTracker
from skelmap.utils.errors import UserError


@dataclass(frozen=True, eq=False)
class PoseFrame:
    """What a camera sees in one frame.

    Attributes:
        number: of the frame, from 0.
        time: seconds from the beginning of the stream.
        size: (width, height) of the picture, px.
        keypoints: (P, V, 3) x px, y px, confidence of each person.
        person: (P,) number of each person, the same from frame to frame.
        picture: (H, W, 3) uint8 BGR, or None where the source has poses only.
        came: when the picture or pose was there to be looked at, `time.perf_counter`.
    """

    number: int
    time: float
    size: tuple[int, int]
    keypoints: NDArray[np.float32]
    person: NDArray[np.int64]
    picture: NDArray[np.uint8] | None = None
    came: float = field(default_factory=perf_counter)


@dataclass(frozen=True)
class SourceError:
    """What is wrong with a camera at the moment, in place of a frame.

    Attributes:
        time: seconds from the beginning of the stream.
        text: for readers.
    """

    time: float
    text: str


class Source(ABC):
    """One camera or recording; iterating gives what is seen, as it is seen.

    Attributes:
        name: for files and readers.
        layout: of the keypoints.
        fps: frames a second, as far as is known beforehand.
        count: frames in all; None where it goes on until it is stopped.
        first: number of the first frame.
        truth: what is abnormal in it, where a manifest says so.
    """

    first = 0
    truth: Recording | None = None

    def __init__(self, name: str, layout: Layout, fps: float, count: int | None = None) -> None:
        self.name, self.layout, self.fps, self.count = name, layout, fps, count

    @abstractmethod
    def __iter__(self) -> Iterator[PoseFrame | SourceError]:
        """Give each frame, or what is wrong in place of frames."""


LONGEST_STEP = 10.0
"""Seconds between two frames of a video beyond which its time stamps are not believed."""


class ClipSource(Source):
    """A recorded clip.

    Args:
        clip: its keypoints.
        truth: the manifest's line, if there is one.
    """

    def __init__(self, clip: Clip, truth: Recording | None = None) -> None:
        first, stop = clip.span
        super().__init__(clip.name, clip.layout, clip.fps, stop - first)
        self.clip, self.first, self.truth = clip, first, truth

    def __iter__(self) -> Iterator[PoseFrame]:
        """Give every frame of the span, with or without people."""
        clip = self.clip
        order = np.argsort(clip.frame, kind="stable")
        first, stop = clip.span
        bounds = np.searchsorted(clip.frame[order], np.arange(first, stop + 1))
        for number in range(first, stop):
            rows = order[bounds[number - first] : bounds[number - first + 1]]
            yield PoseFrame(number, number / clip.fps, clip.size, clip.keypoints[rows], clip.track[rows])


class VideoSource(Source):
    """A video file, looked at by a pose estimator.

    Args:
        video: the file.
        estimator: finds the people; closed by who opened it.
    """

    def __init__(self, video: Video, estimator: PoseEstimator) -> None:
        super().__init__(video.path.stem, estimator.layout, video.fps, video.count)
        self.video, self.estimator = video, estimator

    def __iter__(self) -> Iterator[PoseFrame]:
        """Give every frame at the time that the file states, which never goes back."""
        tracker, now, before = PeopleTracker(), 0.0, 0.0
        for number, (seconds, picture) in enumerate(self.video.frames()):
            came, step = perf_counter(), seconds - before
            if number:  # time stamps jump where recorders joined files
                now += step if 0 < step <= LONGEST_STEP else 1 / self.fps
            before = seconds
            people = self.estimator.detect(picture)
            size = (picture.shape[1], picture.shape[0])
            yield PoseFrame(number, now, size, people, tracker.track(people), picture, came)


LOOK_AGAIN = 0.02
"""Seconds between two looks for the next file."""
LEFT_OUT = 0.2
"""Seconds after which the next frame's file may be left out: then the whole folder is looked through for later ones."""
WRITTEN = 1.0
"""A file that cannot be read is looked at again for so many seconds: it may not be written to its end."""
SILENT = 2.0
"""Seconds without a new frame after which that is said."""


class FollowedFolder(Source):
    """A folder into which OpenPose writes a `*_keypoints.json` a frame; it ends when it is stopped.

    Args:
        path: the folder.
        fmt: layout, picture size and frame rate, which JSON does not say; a frame's number tells its time.
    """

    def __init__(self, path: Path, fmt: PoseFormat) -> None:
        super().__init__(path.name, fmt.layout, fmt.fps)
        self.path, self.format = path, fmt
        self._cause = ""  # why the folder cannot be looked through, where there is a reason

    def __iter__(self) -> Iterator[PoseFrame | SourceError]:
        """Give each frame when its file is there; in a silence say so again and again."""
        tracker, now = PeopleTracker(), 0.0
        for found in self._files():
            if isinstance(found, float):
                yield SourceError(now + found, self._cause or f"no new frame in {self.path}")
                continue
            number = frame_number(found)
            now, came = number / self.format.fps, time.perf_counter()
            try:
                people = self._read(found)
            except UserError as error:
                yield SourceError(now, str(error))
                continue
            yield PoseFrame(number, now, self.format.size, people, tracker.track(people, number), came=came)

    def _files(self) -> Iterator[Path | float]:
        """Give each file in the order of the frames, and in a silence its length so far, seconds."""
        last: Path | None = None
        since = looked = time.monotonic()
        while True:
            found = _next(last)
            silence = time.monotonic() - since
            if found is None and (last is None or time.monotonic() - looked > LEFT_OUT):
                found, looked = self._later(last), time.monotonic()
            if found is not None:
                last, since, looked = found, time.monotonic(), time.monotonic()
                yield found
                continue
            if silence > SILENT:
                yield silence
            time.sleep(LOOK_AGAIN)

    def _later(self, last: Path | None) -> Path | None:
        """Look through the folder for a later frame; one that is away for a moment is looked for again."""
        self._cause = ""
        try:
            return _first_after(last, self.path)
        except (OSError, UserError) as error:
            self._cause = str(error)
            return None

    def _read(self, file: Path) -> NDArray[np.float32]:
        """Read a file's people; one that is still being written is waited for."""
        patience = time.monotonic() + WRITTEN
        while True:
            try:
                return read_people(file, self.format.layout)
            except UserError:
                if time.monotonic() > patience:
                    raise
                time.sleep(LOOK_AGAIN)


def _first_after(last: Path | None, folder: Path) -> Path | None:
    """Look through the folder for the first file of a later frame; files without a number are passed over.

    Raises:
        UserError: the folder cannot be read.
    """
    files = [file for file in source_files(folder) if re.search(r"\d_keypoints\.json$", file.name)]
    number = frame_number(last) if last else -1
    return min((file for file in files if frame_number(file) > number), key=frame_number, default=None)


def _next(last: Path | None) -> Path | None:
    """Give the file of the very next frame, if it is there: no look through a folder of thousands."""
    if last is None:
        return None
    stem = last.name.removesuffix("_keypoints.json")
    digits = stem[len(stem.rstrip("0123456789")) :]
    following = last.with_name(f"{stem[: -len(digits)]}{int(digits) + 1:0{len(digits)}d}_keypoints.json")
    return following if os.path.exists(following) else None  # Path.exists raises on some errors of a share
