"""Read clips: OpenPose JSON folders, tracked JSON files (AlphaPose, COCO results) and `.npz` archives."""

import os
import re
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.progress import track as progress

from skelmap.skeletons.clip import Clip
from skelmap.skeletons.layouts import BODY_25, LAYOUTS, Layout
from skelmap.utils.errors import UserError
from skelmap.utils.io import SMALL, atomic_write, check_file, read_json

MAX_ARCHIVE_BYTES = 2 * 2**30
"""An archive that unpacks to more than this is refused: 7 million rows of BODY_25 fit, a zip bomb does not."""
MAX_JSON_BYTES = 128 * 2**20
"""Of a tracked file, at most: 100,000 people with 25 joints. Python takes up to 24 times as much memory for JSON."""
ARRAYS = {"keypoints": "fiu", "layout": "U", "size": "fiu", "fps": "fiu", "frame": "iu", "track": "iu"}
"""What an archive holds, and the kinds of its NumPy types."""


@dataclass(frozen=True)
class PoseFormat:
    """What JSON files do not say about themselves.

    Attributes:
        layout: the joints' order.
        size: (width, height) of the camera's picture, px.
        fps: frames a second.
    """

    layout: Layout = BODY_25
    size: tuple[int, int] = (640, 480)
    fps: float = 30.0


def read_clip(path: Path, name: str, fmt: PoseFormat | None = None) -> Clip:
    """Read one recording.

    Args:
        path: a folder of OpenPose `*_keypoints.json`, a tracked `.json`, or a clip archive `.npz`.
        name: the clip's name.
        fmt: layout, picture size and frame rate of JSON sources.

    Returns:
        The clip.

    Raises:
        UserError: the source is missing, damaged, or not what it is declared to be; names the file.
    """
    fmt = fmt or PoseFormat()
    if path.is_dir():
        return _read_folder(path, name, fmt)
    if path.suffix == ".npz":
        return _read_archive(path, name)
    if path.suffix == ".json":
        return _read_tracked(path, name, fmt)
    raise UserError(f"{path}: not a folder of *_keypoints.json, a .json or an .npz")


def read_layout(path: Path, fmt: PoseFormat) -> Layout:
    """Say which layout a recording has, without reading its keypoints: an archive says so itself, for JSON `fmt` does.

    Raises:
        UserError: the archive is missing, damaged, or of an unknown layout; names the file.
    """
    return fmt.layout if path.is_dir() or path.suffix != ".npz" else _layout(path, _unpacked(path, ("layout",)))


def source_files(path: Path) -> list[Path]:
    """List the files that a recording is read from, in frame order.

    Raises:
        UserError: the folder cannot be read; or what lies there is no regular file, or too large.
    """
    if not path.is_dir():
        check_file(path, MAX_ARCHIVE_BYTES)
        return [path]
    try:
        with os.scandir(path) as entries:
            files = sorted((entry for entry in entries if entry.name.endswith("_keypoints.json")), key=lambda e: e.name)
            odd = next((entry.path for entry in files if not entry.is_file()), None)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from error
    if odd is not None:
        raise UserError(f"{odd}: not a file")
    return [Path(entry.path) for entry in files]


def frame_number(file: Path) -> int:
    """Read the frame's number off the name of an OpenPose file.

    Raises:
        UserError: there is none.
    """
    number = re.search(r"([0-9]+)_keypoints\.json$", file.name)
    if number is None:
        raise UserError(f"{file}: no frame number before _keypoints.json")
    return int(number[1])


def read_people(file: Path, layout: Layout) -> NDArray[np.float32]:
    """Read the people of one frame from an OpenPose file, (P, V, 3) as they are.

    Raises:
        UserError: missing, damaged, or of another layout; names the file.
    """
    content = read_json(file, SMALL)
    if not isinstance(content, dict) or not isinstance(content.get("people"), list):
        raise UserError(f"{file}: not an OpenPose file: 'people' must be a list")
    people = [_joints(file, person, "pose_keypoints_2d", layout) for person in content["people"]]
    return np.stack(people) if people else np.zeros((0, len(layout.joints), 3), np.float32)


def write_clip(path: Path, clip: Clip) -> None:
    """Write a clip archive: the same clip gives the same bytes, and a reader never sees half a file.

    Raises:
        UserError: no space, no folder, no permission.
    """
    arrays: dict[str, NDArray[Any]] = {
        "keypoints": clip.keypoints,
        "layout": np.array(clip.layout.name),
        "size": np.array(clip.size),
        "fps": np.array(clip.fps),
        "frame": clip.frame,
        "track": clip.track,
    }
    with atomic_write(path, "wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)


# --- clip archives ---------------------------------------------------------------------------------------------


def _read_archive(path: Path, name: str) -> Clip:
    content = _unpacked(path, ARRAYS)
    layout = _layout(path, content)
    try:
        width, height = (int(v) for v in content["size"])
        fps = float(content["fps"])
    except (TypeError, ValueError, OverflowError) as error:
        raise UserError(f"{path}: size or fps are not numbers of the expected shape ({error})") from error
    clip = (content["keypoints"], layout, (width, height), fps, content.get("frame"), content.get("track"))
    try:
        return Clip.build(name, *clip)
    except UserError as error:
        raise UserError(f"{path}: {error}") from None


def _layout(path: Path, content: dict[str, NDArray[Any]]) -> Layout:
    layout = LAYOUTS.get(str(content["layout"]))
    if layout is None:
        raise UserError(f"{path}: layout {str(content['layout'])[:40]!r}; allowed are {', '.join(LAYOUTS)}")
    return layout


def _unpacked(path: Path, wanted: Iterable[str]) -> dict[str, NDArray[Any]]:
    """Unpack arrays of an archive that a clip is made of, if it is not a bomb; NumPy's own pickles are refused."""
    check_file(path, MAX_ARCHIVE_BYTES)
    try:
        with zipfile.ZipFile(path) as packed:
            unpacked = sum(entry.file_size for entry in packed.infolist())
        if unpacked > MAX_ARCHIVE_BYTES:
            raise UserError(f"{path}: unpacks to {unpacked} bytes; {MAX_ARCHIVE_BYTES} are allowed")
        with np.load(path, allow_pickle=False) as archive:
            there = ARRAYS.keys() & archive.files
            content = {key: archive[key] for key in wanted if key in there}
    except UserError:
        raise
    except Exception as error:  # zipfile, zlib, struct and NumPy raise a dozen kinds, RuntimeError among them
        raise UserError(f"{path}: not a readable clip archive ({error})") from error
    if missing := {"keypoints", "layout", "size", "fps"} - there:
        raise UserError(f"{path}: lacks {', '.join(sorted(missing))}; it has {', '.join(sorted(there)) or 'nothing'}")
    for key, array in content.items():
        if array.dtype.kind not in ARRAYS[key]:
            raise UserError(f"{path}: {key} is {array.dtype}, not {'text' if key == 'layout' else 'numbers'}")
    return content


# --- JSON ------------------------------------------------------------------------------------------------------


def _read_folder(path: Path, name: str, fmt: PoseFormat) -> Clip:
    files = source_files(path)
    if not files:
        raise UserError(f"{path}: no *_keypoints.json in this folder")
    frames: list[int] = []
    rows: list[NDArray[np.float32]] = []
    nobody = np.zeros((len(fmt.layout.joints), 3), np.float32)
    reading: Iterable[Path] = files if len(files) < 2000 else progress(files, f"reading {name}", transient=True)
    for file in reading:
        number, people = frame_number(file), list(read_people(file, fmt.layout))
        rows += people or [nobody]
        frames += [number] * max(len(people), 1)
    return _from_rows(path, name, fmt, rows, frames, None)


def _read_tracked(path: Path, name: str, fmt: PoseFormat) -> Clip:
    """Read AlphaPose's results: a list of people with `image_id`, `keypoints` and, when tracked, `idx`."""
    content = read_json(path, MAX_JSON_BYTES)
    if not isinstance(content, list):
        raise UserError(f"{path}: not a tracked JSON file: a list of people is expected")
    frames: list[int] = []
    tracks: list[int] = []
    rows: list[NDArray[np.float32]] = []
    for person in content:
        rows.append(_joints(path, person, "keypoints", fmt.layout))
        frames.append(_frame_number(path, person.get("image_id")))
        identity = person.get("idx", person.get("track_id"))
        if isinstance(identity, int):
            tracks.append(identity)
    if tracks and len(tracks) != len(rows):
        raise UserError(f"{path}: {len(rows) - len(tracks)} of {len(rows)} people have no whole number as idx")
    return _from_rows(path, name, fmt, rows, frames, tracks or None)


def _from_rows(
    path: Path,
    name: str,
    fmt: PoseFormat,
    rows: list[NDArray[np.float32]],
    frames: list[int],
    tracks: list[int] | None,
) -> Clip:
    keypoints = np.stack(rows) if rows else np.zeros((0, len(fmt.layout.joints), 3), np.float32)
    try:
        return Clip.build(
            name,
            keypoints,
            fmt.layout,
            fmt.size,
            fmt.fps,
            np.array(frames, np.int64),
            None if tracks is None else np.array(tracks, np.int64),
        )
    except OverflowError:
        raise UserError(f"{path}: a frame or person number beyond 64 bits") from None
    except UserError as error:
        raise UserError(f"{path}: {error}") from None


def _frame_number(path: Path, image: Any) -> int:
    """Take the last number in the name of a picture."""
    numbers = re.findall(r"[0-9]+", str(image)) if isinstance(image, str | int) else []
    if not numbers:
        raise UserError(f"{path}: image_id {image!r} holds no frame number")
    if len(numbers[-1]) > 18:
        raise UserError(f"{path}: image_id {image!r} has a frame number beyond 64 bits")
    return int(numbers[-1])


def _joints(path: Path, person: Any, key: str, layout: Layout) -> NDArray[np.float32]:
    """Take a person's flat list of numbers as (V, 3)."""
    values = person.get(key) if isinstance(person, dict) else None
    if not isinstance(values, list):
        raise UserError(f"{path}: a person without a list called {key}")
    if len(values) != 3 * len(layout.joints):
        fitting = [other.name for other in LAYOUTS.values() if 3 * len(other.joints) == len(values)]
        elsewhere = "the monitor's json.layout, a script's --layout"
        hint = f"; set data.json.layout={fitting[0]} ({elsewhere})" if fitting else ""
        raise UserError(
            f"{path}: {len(values) / 3:g} joints where the declared layout {layout.name} has {len(layout.joints)}{hint}"
        )
    try:
        with np.errstate(over="ignore"):
            return np.array(values, np.float64).astype(np.float32).reshape(-1, 3)
    except (TypeError, ValueError, OverflowError) as error:
        raise UserError(f"{path}: {key} holds something that is not a number ({error})") from error
