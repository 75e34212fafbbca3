"""Sources of pose frames: recorded clips, video files, and a folder into which OpenPose writes."""

import re
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from os.path import exists
from pathlib import Path
from time import perf_counter
from types import MappingProxyType
from typing import Any

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

LONGEST_STEP = 10.0
"""Longest credible time between two frames of a video file, seconds."""
POLL_SECONDS = 0.02
"""Interval at which the next file of a followed folder is looked for."""
SKIP_SECONDS = 0.2
"""The next frame's file may be missing: after this time the whole folder is searched for later frames."""


@dataclass(frozen=True, eq=False)
class PoseFrame:
    """Keypoints of the people in one frame.

    Attributes:
        number: frame number, from 0.
        time: seconds since the start of the stream.
        size: (width, height) of the image, px.
        keypoints: (P, V, 3) x px, y px and confidence of the V joints of P people.
        person_ids: (P,) track number of each person, constant over time.
        image: (H, W, 3) uint8 BGR; None where the source has keypoints only.
        arrived_at: value of `time.perf_counter`, seconds, when the image or the keypoints were available.
    """

    number: int
    time: float
    size: tuple[int, int]
    keypoints: NDArray[np.float32]
    person_ids: NDArray[np.int64]
    image: NDArray[np.uint8] | None = None
    arrived_at: float = field(default_factory=perf_counter)


@dataclass(frozen=True)
class SourceError:
    """Temporary failure of a source, in place of a frame.

    Attributes:
        time: seconds since the start of the stream.
        text: message, constant while the failure lasts.
    """

    time: float
    text: str


class Source(ABC):
    """Camera or recording. Iteration yields its frames as they arrive.

    Attributes:
        name: for file names and messages.
        layout: of the keypoints.
        fps: frame rate, as far as it is known in advance.
        count: number of frames; None for a live source, which runs until it is stopped.
        first: number of the first frame.
        truth: labels of a manifest; None without a manifest.
        stated: keys of `pose_format` that the source states itself, with their values; empty for JSON files.
    """

    first = 0
    truth: Recording | None = None
    stated: Mapping[str, Any] = MappingProxyType({})

    def __init__(self, name: str, layout: Layout, fps: float, count: int | None = None) -> None:
        self.name, self.layout, self.fps, self.count = name, layout, fps, count

    @abstractmethod
    def __iter__(self) -> Iterator[PoseFrame | SourceError]:
        """Yield frames, or an error while there are none."""


class ClipSource(Source):
    """Recorded clip.

    Args:
        clip: its keypoints.
        truth: its line of a manifest, if there is one.
        is_archive: whether it is read from an archive, which states its pose format.
    """

    def __init__(self, clip: Clip, truth: Recording | None = None, is_archive: bool = False) -> None:
        first, stop = clip.span
        super().__init__(clip.name, clip.layout, clip.fps, stop - first)
        self.clip, self.first, self.truth = clip, first, truth
        if is_archive:
            self.stated = PoseFormat(clip.layout, clip.size, clip.fps).plain()

    def __iter__(self) -> Iterator[PoseFrame]:
        """Yield every frame of the clip's span, including frames without people."""
        clip = self.clip
        order = np.argsort(clip.frame, kind="stable")
        first, stop = clip.span
        bounds = np.searchsorted(clip.frame[order], np.arange(first, stop + 1))
        for number in range(first, stop):
            rows = order[bounds[number - first] : bounds[number - first + 1]]
            yield PoseFrame(number, number / clip.fps, clip.size, clip.keypoints[rows], clip.track[rows])


class VideoSource(Source):
    """Video file with a pose estimator.

    Args:
        video: the file.
        estimator: detects people; the caller closes it.
    """

    def __init__(self, video: Video, estimator: PoseEstimator) -> None:
        super().__init__(video.path.stem, estimator.layout, video.fps, video.count)
        self.video, self.estimator = video, estimator
        self.stated = PoseFormat(estimator.layout, video.size, video.fps).plain()

    def __iter__(self) -> Iterator[PoseFrame]:
        """Yield every frame with its time stamp; stamps that jump, as in joined files, are replaced by 1/fps."""
        tracker, now, previous = PeopleTracker(), 0.0, 0.0
        for number, (seconds, image) in enumerate(self.video.frames()):
            arrived_at, step = perf_counter(), seconds - previous
            if number:
                now += step if 0 < step <= LONGEST_STEP else 1 / self.fps
            previous = seconds
            people = self.estimator.detect(image)
            size = (image.shape[1], image.shape[0])
            yield PoseFrame(number, now, size, people, tracker.track(people), image, arrived_at)


class FollowedFolder(Source):
    """Folder into which OpenPose writes one `*_keypoints.json` per frame; runs until it is stopped.

    Args:
        path: the folder.
        fmt: layout, image size and frame rate, which the JSON files lack; a frame's number gives its time.
        write_seconds: an unreadable file is read again for this time, since it may be incomplete.
        silent_seconds: time without a new frame after which an error is yielded.
    """

    def __init__(self, path: Path, fmt: PoseFormat, write_seconds: float = 1.0, silent_seconds: float = 2.0) -> None:
        super().__init__(path.name, fmt.layout, fmt.fps)
        self.path, self.format = path, fmt
        self.write_seconds, self.silent_seconds = write_seconds, silent_seconds
        self._search_error = ""  # of the last search through the folder

    def __iter__(self) -> Iterator[PoseFrame | SourceError]:
        """Yield each frame when its file appears, and errors repeatedly while no new file does."""
        tracker, now = PeopleTracker(), 0.0
        for found in self._files():
            if isinstance(found, float):
                yield SourceError(now + found, self._search_error or f"no new frame in {self.path}")
                continue
            number = frame_number(found)
            now, arrived_at = number / self.format.fps, perf_counter()
            try:
                people = self._read(found)
            except UserError as error:
                yield SourceError(now, str(error))
                continue
            person_ids = tracker.track(people, number)
            yield PoseFrame(number, now, self.format.size, people, person_ids, arrived_at=arrived_at)

    def _files(self) -> Iterator[Path | float]:
        """Yield files in the order of their frames; while there are none, the seconds since the last file."""
        last: Path | None = None
        since = searched = time.monotonic()
        while True:
            found = _next_file(last)
            silence = time.monotonic() - since
            if found is None and (last is None or time.monotonic() - searched > SKIP_SECONDS):
                found, searched = self._search(last), time.monotonic()
            if found is not None:
                last, since, searched = found, time.monotonic(), time.monotonic()
                yield found
                continue
            if silence > self.silent_seconds:
                yield silence
            time.sleep(POLL_SECONDS)

    def _search(self, last: Path | None) -> Path | None:
        """Search the folder for the first later frame; None if there is none or the folder is unavailable."""
        self._search_error = ""
        number = frame_number(last) if last else -1
        try:
            files = [file for file in source_files(self.path) if re.search(r"\d_keypoints\.json$", file.name)]
        except (OSError, UserError) as error:
            self._search_error = str(error)
            return None
        return min((file for file in files if frame_number(file) > number), key=frame_number, default=None)

    def _read(self, file: Path) -> NDArray[np.float32]:
        """Read a file's people, waiting for a file that is still being written."""
        deadline = time.monotonic() + self.write_seconds
        while True:
            try:
                return read_people(file, self.format.layout)
            except UserError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(POLL_SECONDS)


def _next_file(last: Path | None) -> Path | None:
    """Return the file of the very next frame if it exists, without a search through a folder of thousands."""
    if last is None:
        return None
    stem = last.name.removesuffix("_keypoints.json")
    digits = stem[len(stem.rstrip("0123456789")) :]
    following = last.with_name(f"{stem[: -len(digits)]}{int(digits) + 1:0{len(digits)}d}_keypoints.json")
    return following if exists(following) else None  # Path.exists raises on some errors of network shares
