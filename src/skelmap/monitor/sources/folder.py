"""A folder into which OpenPose writes now."""

import os
import re
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from skelmap.errors import UserError
from skelmap.monitor.sight import Sight, Trouble
from skelmap.monitor.sources.source import Source
from skelmap.poses import JsonFormat, PeopleTracker, frame_number, read_people, source_files

LOOK_AGAIN = 0.02
"""Seconds between two looks for the next file."""
LEFT_OUT = 0.2
"""Seconds after which the next frame's file may be left out: then the whole folder is looked through for later ones."""
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
        self._cause = ""  # why the folder cannot be looked through, where there is a reason

    def __iter__(self) -> Iterator[Sight | Trouble]:
        """Give each frame when its file is there; in a silence say so again and again."""
        tracker, now = PeopleTracker(), 0.0
        for found in self._files():
            if isinstance(found, float):
                yield Trouble(now + found, self._cause or f"no new frame in {self.path}")
                continue
            number = frame_number(found)
            now, came = number / self.format.fps, time.perf_counter()
            try:
                people = self._read(found)
            except UserError as error:
                yield Trouble(now, str(error))
                continue
            yield Sight(number, now, self.format.size, people, tracker.track(people, number), came=came)

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
