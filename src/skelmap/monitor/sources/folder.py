"""A folder into which OpenPose writes now."""

import re
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from skelmap.errors import UserError
from skelmap.estimation import PeopleTracker
from skelmap.monitor.sight import Sight, Trouble
from skelmap.monitor.sources.source import Source
from skelmap.poses import JsonFormat, frame_number, read_people, source_files

LOOK_AGAIN = 0.02
"""Seconds between two looks for the next file."""
WRITTEN = 1.0
"""A file that cannot be read is looked at again for so many seconds: it may not be written to its end."""
SILENT = 2.0
"""Seconds without a new frame after which that is said."""


class GrowingFolder(Source):
    """A folder into which OpenPose writes a `*_keypoints.json` a frame; it ends when it is stopped.

    Args:
        path: the folder.
        fmt: layout, picture size and frame rate, which JSON does not say; a frame's number tells its time.
    """

    def __init__(self, path: Path, fmt: JsonFormat) -> None:
        super().__init__(path.name, fmt.layout, fmt.fps)
        self.path, self.format = path, fmt

    def __iter__(self) -> Iterator[Sight | Trouble]:
        """Give each frame when its file is there."""
        tracker, now = PeopleTracker(), 0.0
        for file in self._files():
            if isinstance(file, float):
                yield Trouble(now + file, f"no new frame in {self.path} for {file:.0f} s")
                continue
            number = frame_number(file)
            now = number / self.format.fps
            try:
                people = self._read(file)
            except UserError as error:
                yield Trouble(now, str(error))
                continue
            yield Sight(number, now, self.format.size, people, tracker.track(people, number))

    def _files(self) -> Iterator[Path | float]:
        """Give each file in the order of the frames, and once in a silence its length, seconds."""
        last: Path | None = None
        changed, since, said = -1, time.monotonic(), False
        while True:
            found, now = _next(last), _changed(self.path)
            if found is None and now != changed:  # a frame may be left out
                changed, found = now, _first_after(last, self.path)
            if found is not None:
                last, since, said = found, time.monotonic(), False
                yield found
                continue
            silence = time.monotonic() - since
            if silence > SILENT and not said:
                said = True
                yield silence
            time.sleep(LOOK_AGAIN)

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


def _changed(folder: Path) -> int:
    """When a file came or went, ns; 0 while the folder is not there, as when a share is lost."""
    try:
        return folder.stat().st_mtime_ns
    except OSError:
        return 0


def _first_after(last: Path | None, folder: Path) -> Path | None:
    """Look through the folder for the first file of a later frame; files without a number are passed over."""
    try:
        files = [file for file in source_files(folder) if re.search(r"\d_keypoints\.json$", file.name)]
    except OSError:
        return None
    number = frame_number(last) if last else -1
    return min((file for file in files if frame_number(file) > number), key=frame_number, default=None)


def _next(last: Path | None) -> Path | None:
    """Give the file of the very next frame, if it is there: no look through a folder of thousands."""
    if last is None:
        return None
    stem = last.name.removesuffix("_keypoints.json")
    digits = stem[len(stem.rstrip("0123456789")) :]
    following = last.with_name(f"{stem[: -len(digits)]}{int(digits) + 1:0{len(digits)}d}_keypoints.json")
    return following if following.exists() else None
