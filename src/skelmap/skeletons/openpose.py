"""OpenPose's output: a folder with one `*_keypoints.json` for each frame."""

import os
import re
from collections import Counter
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.progress import track as progress

from skelmap.skeletons.json_joints import read_joints
from skelmap.skeletons.layouts import Layout
from skelmap.utils.errors import UserError
from skelmap.utils.io import read_json

FILE_NAME = re.compile(r"(.*?)([0-9]+)_keypoints\.json", re.DOTALL)
"""Name of the recording and number of the frame."""
PROGRESS_FROM_FILES = 2000
"""Files in a folder from which on reading shows a progress bar."""


def frame_files(folder: Path) -> list[Path]:
    """List the frame files of a folder, sorted by name.

    Raises:
        UserError: the folder cannot be read, or one of them is not a regular file.
    """
    try:
        with os.scandir(folder) as entries:
            files = sorted((entry for entry in entries if entry.name.endswith("_keypoints.json")), key=lambda e: e.name)
            not_a_file = next((entry.path for entry in files if not entry.is_file()), None)
    except OSError as error:
        raise UserError(f"{folder}: cannot be read ({error.strerror})") from error
    if not_a_file is not None:
        raise UserError(f"{not_a_file}: not a file")
    return [Path(entry.path) for entry in files]


def frame_number(file: Path) -> int:
    """Parse the frame number in the name of a frame file.

    Raises:
        UserError: the name has none.
    """
    return int(_parts(file)[1])


def recording_name(file: Path) -> str:
    """Part of a frame file's name before the frame number; the same for all frames of a recording.

    Raises:
        UserError: the name has no frame number.
    """
    return _parts(file)[0]


def numbered_files(folder: Path) -> dict[int, Path]:
    """Frame files of a folder by frame number, in the order of `frame_files`.

    Raises:
        UserError: the folder has no frame files, those of several recordings, or two of one frame.
    """
    files = frame_files(folder)
    if not files:
        raise UserError(f"{folder}: no *_keypoints.json in this folder")
    recordings = Counter(recording_name(file) for file in files)
    if len(recordings) > 1:
        named = " and ".join(
            f"{name or 'numbers alone'} ({count} files)" for name, count in sorted(recordings.items())[:3]
        )
        more = " and more" if len(recordings) > 3 else ""
        raise UserError(
            f"{folder}: files of {len(recordings)} recordings, {named}{more}; give each a folder of its own"
        )
    numbered: dict[int, Path] = {}
    for file in files:
        other = numbered.setdefault(frame_number(file), file)
        if other is not file:
            raise UserError(f"{folder}: {other.name} and {file.name} are both frame {frame_number(file)}")
    if max(numbered) >= 2**63:
        raise UserError(f"{folder}: a frame number beyond 64 bits")
    return numbered


def read_folder(folder: Path, layout: Layout) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Read the people of all frames.

    Args:
        folder: of the frame files.
        layout: of the joints.

    Returns:
        (N, V, 3) x px, y px, confidence, not cleaned, and (N,) frame numbers; a frame without people is a row of zeros.

    Raises:
        UserError: see `numbered_files`; or a file is damaged or of another layout.
    """
    files = numbered_files(folder)
    nobody = np.zeros((1, len(layout.joints), 3), np.float32)
    rows = []
    with_bar = len(files) >= PROGRESS_FROM_FILES
    for file in progress(files.values(), f"reading {folder.name}", transient=True) if with_bar else files.values():
        people = read_people(file, layout)
        rows.append(people if len(people) else nobody)
    return np.concatenate(rows), np.repeat(np.array(list(files), np.int64), [len(people) for people in rows])


def read_people(file: Path, layout: Layout) -> NDArray[np.float32]:
    """Read the people of one frame: (P, V, 3) x px, y px, confidence, not cleaned.

    Raises:
        UserError: missing, damaged, or of another layout; names the file.
    """
    content = read_json(file)
    if not isinstance(content, dict) or not isinstance(content.get("people"), list):
        raise UserError(f"{file}: not an OpenPose file: 'people' must be a list")
    people = [read_joints(file, person, "pose_keypoints_2d", layout) for person in content["people"]]
    return np.stack(people) if people else np.zeros((0, len(layout.joints), 3), np.float32)


def _parts(file: Path) -> tuple[str, str]:
    """Name of the recording and digits of the frame number."""
    match = FILE_NAME.fullmatch(file.name)
    if match is None:
        raise UserError(f"{file}: no frame number before _keypoints.json")
    return match[1], match[2]
