"""Folder into which OpenPose writes while it is watched."""

import math
import time
from collections.abc import Iterator
from os.path import exists
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from skelmap.monitor.sources import PoseFrame, Source, SourceError
from skelmap.skeletons.clip import MIN_STEP_FRAMES, clean_keypoints
from skelmap.skeletons.openpose import FILE_NAME, frame_files, frame_number, read_people, recording_name
from skelmap.skeletons.readers import PoseFormat
from skelmap.skeletons.tracking import PeopleTracker
from skelmap.utils.errors import UserError

POLL_SECONDS = 0.02
"""Interval at which the next file is looked for."""
SKIP_SECONDS = 0.2
"""The next frame's file may be missing: after this time the whole folder is searched for later frames."""
SEARCH_SECONDS = 10.0
"""Interval at which the whole folder is searched for another recording's files."""
MAX_STEP = 100
"""Largest step of frame numbers at which the next file is looked for without a search."""


class FollowedFolder(Source):
    """Folder into which OpenPose writes one `*_keypoints.json` per frame; runs until it is stopped.

    A frame's number gives its time, so frames numbered 0, 3, 6, ... have the right speed from the first one on. The
    step of the numbers is taken from the files so far: it tells which file comes next and how many the tracker missed.

    One recording is followed, that of the newest file at the start. Files of another recording (another name before the
    frame number) cause a warning.

    Args:
        path: the folder.
        fmt: layout, image size and rate of the frame numbers, which the JSON files lack.
        write_seconds: an unreadable file is read again for this time, since it may be incomplete.
        silent_seconds: time without a new frame after which an error is yielded.
        search_seconds: interval at which the folder is searched for other recordings.
    """

    def __init__(
        self,
        path: Path,
        fmt: PoseFormat,
        write_seconds: float = 1.0,
        silent_seconds: float = 2.0,
        search_seconds: float = SEARCH_SECONDS,
    ) -> None:
        super().__init__(path.name, fmt.layout, fmt.fps)
        self.path, self.format = path, fmt
        self.write_seconds, self.silent_seconds, self.search_seconds = write_seconds, silent_seconds, search_seconds
        self._search_error = ""  # of the last search through the folder

    def __iter__(self) -> Iterator[PoseFrame | SourceError]:
        """Yield each frame when its file appears, and errors repeatedly while no new file does."""
        self._steps, tracker, now = _Steps(), PeopleTracker(), 0.0
        for found in self._files():
            if isinstance(found, float):
                yield SourceError(now + found, self._search_error or f"no new frame in {self.path}")
                continue
            number = frame_number(found)
            now, arrived_at = number / self.format.fps, time.perf_counter()
            self._steps.add(number)
            try:
                people = clean_keypoints(self.format.to_pixels(self._read(found)), self.format.size)
            except UserError as error:
                yield SourceError(now, str(error))
                continue
            person_ids = tracker.track(people, self._steps.count)
            yield PoseFrame(number, now, self.format.size, people, person_ids, arrived_at=arrived_at)

    def _files(self) -> Iterator[Path | float]:
        """Yield files in the order of their frames; while there are none, the seconds since the last file."""
        last: Path | None = None
        since = searched = time.monotonic()
        while True:
            now = time.monotonic()
            following = _next_file(last, self._steps.step)
            found = [following] if following else []
            is_late = not found and (last is None or now - max(since, searched) > SKIP_SECONDS)
            if is_late or now - searched > self.search_seconds:
                found, searched = self._search(last), now
            for file in found:
                last, since = file, time.monotonic()
                yield file
            if not found:
                if now - since > self.silent_seconds:
                    yield now - since
                time.sleep(POLL_SECONDS)

    def _search(self, last: Path | None) -> list[Path]:
        """Search the folder for later frames of the recording; none if the folder is unavailable."""
        self._search_error = ""
        try:
            files = [file for file in frame_files(self.path) if FILE_NAME.fullmatch(file.name)]
            newest = last or max(files, key=lambda file: file.stat().st_mtime_ns, default=None)
        except (OSError, UserError) as error:
            self._search_error = str(error)
            return []
        if newest is None:
            return []
        followed = recording_name(newest)
        self._warn_of({recording_name(file) for file in files} - {followed}, followed)
        number = frame_number(last) if last else -1
        later = [file for file in files if recording_name(file) == followed and frame_number(file) > number]
        return sorted(later, key=frame_number)

    def _warn_of(self, others: set[str], followed: str) -> None:
        """Set or clear the warning of other recordings in the folder."""
        self.warning = ""
        if others:
            named = " and ".join([name or "numbers alone" for name in sorted(others)[:3]])
            self.warning = (
                f"{self.path}: holds the files of other recordings: {named}; only {followed or 'numbers alone'} is "
                "watched; give each recording a folder of its own"
            )

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


class _Steps:
    """Step of frame numbers, as `frame_step` of all numbers so far, and the count of frames in such steps.

    Attributes:
        count: of the newest frame; it counts missing frames, too.
    """

    def __init__(self) -> None:
        self.count = 0
        self._last: int | None = None
        self._divisor = self._differences = 0

    @property
    def step(self) -> int:
        """Greatest common divisor of the differences; 1 until there are 10 frames."""
        return self._divisor if self._differences >= MIN_STEP_FRAMES - 1 else 1

    def add(self, number: int) -> None:
        """Count the next frame, whose number is above the last one."""
        if self._last is not None:
            self._divisor = math.gcd(self._divisor, number - self._last)
            self._differences += 1
            self.count += (number - self._last) // self.step
        self._last = number


def _next_file(last: Path | None, step: int) -> Path | None:
    """Return the file of the very next frame if it exists, without a search through a folder of thousands."""
    if last is None or step > MAX_STEP:
        return None
    name, number = recording_name(last), frame_number(last)
    digits = len(last.name) - len(name) - len("_keypoints.json")
    following = [last.with_name(f"{name}{number + ahead:0{digits}d}_keypoints.json") for ahead in range(1, step + 1)]
    if not exists(following[-1]):  # Path.exists raises on some errors of network shares
        return None
    return next(file for file in following if exists(file) or file is following[-1])  # written before that one
