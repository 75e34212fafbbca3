"""Read and write clips: OpenPose JSON folders, tracked JSON files (AlphaPose, COCO results), `.npz` archives."""

import os
import re
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from rich.progress import track as progress

from skelmap.skeletons.clip import Clip, check_size_and_fps
from skelmap.skeletons.layouts import BODY_25, LAYOUTS, Layout
from skelmap.utils.errors import UserError
from skelmap.utils.io import atomic_write, check_file, read_json
from skelmap.utils.schema import FrameRate, ImageSize

MAX_ARCHIVE_BYTES = 2 * 2**30
"""Largest unpacked size of an archive: 7 million rows of BODY_25 fit, a zip bomb does not."""
MAX_JSON_BYTES = 128 * 2**20
"""Largest tracked JSON file: 100,000 rows of 25 joints. Parsing takes up to 24 times as much memory."""
ARRAY_KINDS = {"keypoints": "fiu", "layout": "U", "size": "fiu", "fps": "fiu", "frame": "iu", "track": "iu"}
"""Arrays of a clip archive, and the allowed kinds of their NumPy dtypes."""
HEADER = ("layout", "size", "fps")
"""Arrays of an archive that describe the recording; small, unlike the others."""
PROGRESS_FROM_FILES = 2000
"""JSON files in a folder from which on reading shows a progress bar."""


class PoseFormat(NamedTuple):
    """Properties of a recording; archives contain them, JSON recordings do not (`data.pose_format`).

    Attributes:
        layout: joint order.
        size: (width, height) of the camera image, px.
        fps: frames per second.
    """

    layout: Layout = BODY_25
    size: tuple[int, int] = (640, 480)
    fps: float = 30.0

    def plain(self) -> dict[str, Any]:
        """Plain values, the arguments of `make_pose_format`."""
        return {"layout": self.layout.name, "size": list(self.size), "fps": self.fps}


def make_pose_format(
    layout: Literal["BODY_25", "COCO_18", "COCO_17"] = "BODY_25",
    size: ImageSize = (640, 480),
    fps: FrameRate = 30.0,
) -> PoseFormat:
    """Build a PoseFormat from configuration values.

    Args:
        layout: name of the joint layout.
        size: width and height of the camera image, px.
        fps: frames a second.
    """
    return PoseFormat(LAYOUTS[layout], (size[0], size[1]), float(fps))


def read_clip(path: Path, name: str, pose_format: PoseFormat | None = None) -> Clip:
    """Read one recording.

    Args:
        path: a folder of OpenPose `*_keypoints.json`, a tracked `.json`, or a clip archive `.npz`.
        name: the clip's name.
        pose_format: layout, image size and frame rate of JSON sources; None for the defaults.

    Returns:
        The clip.

    Raises:
        UserError: the source is missing, damaged, or of another layout than declared; names the file.
    """
    pose_format = pose_format or PoseFormat()
    if path.is_dir():
        return _read_folder(path, name, pose_format)
    if path.suffix == ".npz":
        return _read_archive(path, name)
    if path.suffix == ".json":
        return _read_tracked(path, name, pose_format)
    raise UserError(f"{path}: not a folder of *_keypoints.json, a .json or an .npz")


def read_header(path: Path, pose_format: PoseFormat) -> PoseFormat:
    """Read the layout, image size and frame rate of a recording without reading its keypoints.

    Args:
        path: the recording, as for `read_clip`.
        pose_format: the answer for JSON sources.

    Raises:
        UserError: an archive is missing, damaged, of an unknown layout, or has a size or fps out of range.
    """
    if path.is_dir() or path.suffix != ".npz":
        return pose_format
    return _header(path, _load_arrays(path, HEADER))


def source_files(path: Path) -> list[Path]:
    """List the files of a recording, sorted by name.

    Raises:
        UserError: the folder cannot be read, or one of the files is not a regular file, or too large.
    """
    if not path.is_dir():
        check_file(path, MAX_ARCHIVE_BYTES)
        return [path]
    try:
        with os.scandir(path) as entries:
            files = sorted((entry for entry in entries if entry.name.endswith("_keypoints.json")), key=lambda e: e.name)
            not_a_file = next((entry.path for entry in files if not entry.is_file()), None)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from error
    if not_a_file is not None:
        raise UserError(f"{not_a_file}: not a file")
    return [Path(entry.path) for entry in files]


def frame_number(file: Path) -> int:
    """Parse the frame number in the name of an OpenPose file.

    Raises:
        UserError: the name has none.
    """
    number = re.search(r"([0-9]+)_keypoints\.json$", file.name)
    if number is None:
        raise UserError(f"{file}: no frame number before _keypoints.json")
    return int(number[1])


def read_people(file: Path, layout: Layout) -> NDArray[np.float32]:
    """Read the people of one frame from an OpenPose file: (P, V, 3) x px, y px, confidence, not cleaned.

    Raises:
        UserError: missing, damaged, or of another layout; names the file.
    """
    content = read_json(file)
    if not isinstance(content, dict) or not isinstance(content.get("people"), list):
        raise UserError(f"{file}: not an OpenPose file: 'people' must be a list")
    people = [_joints(file, person, "pose_keypoints_2d", layout) for person in content["people"]]
    return np.stack(people) if people else np.zeros((0, len(layout.joints), 3), np.float32)


def write_clip(path: Path, clip: Clip) -> None:
    """Write a clip archive atomically; equal clips give equal bytes.

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


def _read_archive(path: Path, name: str) -> Clip:
    arrays = _load_arrays(path, ARRAY_KINDS)
    header = _header(path, arrays)
    try:
        return Clip.build(name, arrays["keypoints"], *header, arrays.get("frame"), arrays.get("track"))
    except UserError as error:
        raise UserError(f"{path}: {error}") from None


def _header(path: Path, arrays: dict[str, NDArray[Any]]) -> PoseFormat:
    layout = LAYOUTS.get(str(arrays["layout"]))
    if layout is None:
        raise UserError(f"{path}: layout {str(arrays['layout'])[:40]!r}; allowed are {', '.join(LAYOUTS)}")
    try:
        width, height = (int(v) for v in arrays["size"])
        fps = float(arrays["fps"])
    except (TypeError, ValueError, OverflowError) as error:
        raise UserError(f"{path}: size or fps are not numbers of the expected shape ({error})") from error
    check_size_and_fps(str(path), (width, height), fps)
    return PoseFormat(layout, (width, height), fps)


def _load_arrays(path: Path, keys: Iterable[str]) -> dict[str, NDArray[Any]]:
    """Load some arrays of an archive; refuses zip bombs, pickles, missing arrays and wrong dtypes."""
    check_file(path, MAX_ARCHIVE_BYTES)
    try:
        with zipfile.ZipFile(path) as packed:
            unpacked = sum(entry.file_size for entry in packed.infolist())
        if unpacked > MAX_ARCHIVE_BYTES:
            raise UserError(f"{path}: unpacks to {unpacked} bytes; {MAX_ARCHIVE_BYTES} are allowed")
        with np.load(path, allow_pickle=False) as archive:
            present = ARRAY_KINDS.keys() & archive.files
            arrays = {key: archive[key] for key in keys if key in present}
    except UserError:
        raise
    except Exception as error:  # zipfile, zlib, struct and NumPy raise a dozen types, RuntimeError among them
        raise UserError(f"{path}: not a readable clip archive ({error})") from error
    if missing := {"keypoints", *HEADER} - present:
        found = ", ".join(sorted(present)) or "nothing"
        raise UserError(f"{path}: lacks {', '.join(sorted(missing))}; it has {found}")
    for key, array in arrays.items():
        if array.dtype.kind not in ARRAY_KINDS[key]:
            raise UserError(f"{path}: {key} is {array.dtype}, not {'text' if key == 'layout' else 'numbers'}")
    return arrays


def _read_folder(path: Path, name: str, pose_format: PoseFormat) -> Clip:
    files = source_files(path)
    if not files:
        raise UserError(f"{path}: no *_keypoints.json in this folder")
    frames: list[int] = []
    rows: list[NDArray[np.float32]] = []
    nobody = np.zeros((len(pose_format.layout.joints), 3), np.float32)
    with_bar = len(files) >= PROGRESS_FROM_FILES
    for file in progress(files, f"reading {name}", transient=True) if with_bar else files:
        number, people = frame_number(file), list(read_people(file, pose_format.layout))
        rows += people or [nobody]
        frames += [number] * max(len(people), 1)
    return _build(path, name, pose_format, rows, frames)


def _read_tracked(path: Path, name: str, pose_format: PoseFormat) -> Clip:
    """Read AlphaPose or COCO results: a list of people with `image_id`, `keypoints` and, if tracked, `idx`."""
    content = read_json(path, MAX_JSON_BYTES)
    if not isinstance(content, list):
        raise UserError(f"{path}: not a tracked JSON file: a list of people is expected")
    frames: list[int] = []
    tracks: list[int] = []
    rows: list[NDArray[np.float32]] = []
    for person in content:
        rows.append(_joints(path, person, "keypoints", pose_format.layout))
        frames.append(_frame_number(path, person.get("image_id")))
        identity = person.get("idx", person.get("track_id"))
        if isinstance(identity, int):
            tracks.append(identity)
    if tracks and len(tracks) != len(rows):
        raise UserError(f"{path}: {len(rows) - len(tracks)} of {len(rows)} people have no whole number as idx")
    return _build(path, name, pose_format, rows, frames, tracks)


def _build(
    path: Path,
    name: str,
    pose_format: PoseFormat,
    rows: list[NDArray[np.float32]],
    frames: list[int],
    tracks: Sequence[int] = (),
) -> Clip:
    keypoints = np.stack(rows) if rows else np.zeros((0, len(pose_format.layout.joints), 3), np.float32)
    try:
        track = np.array(tracks, np.int64) if tracks else None
        return Clip.build(name, keypoints, *pose_format, np.array(frames, np.int64), track)
    except OverflowError:
        raise UserError(f"{path}: a frame or person number beyond 64 bits") from None
    except UserError as error:
        raise UserError(f"{path}: {error}") from None


def _frame_number(path: Path, image: Any) -> int:
    """Parse the last number in `image_id`, a number or an image's file name."""
    numbers = re.findall(r"[0-9]+", str(image)) if isinstance(image, str | int) else []
    if not numbers:
        raise UserError(f"{path}: image_id {image!r} holds no frame number")
    if len(numbers[-1]) > 18:
        raise UserError(f"{path}: image_id {image!r} has a frame number beyond 64 bits")
    return int(numbers[-1])


def _joints(path: Path, person: Any, key: str, layout: Layout) -> NDArray[np.float32]:
    """Convert a person's flat list of numbers to (V, 3)."""
    values = person.get(key) if isinstance(person, dict) else None
    if not isinstance(values, list):
        raise UserError(f"{path}: a person without a list called {key}")
    if len(values) != 3 * len(layout.joints):
        fitting = [other.name for other in LAYOUTS.values() if 3 * len(other.joints) == len(values)]
        elsewhere = "monitor: pose_format.layout; commands: --layout"
        hint = f"; set data.pose_format.layout={fitting[0]} ({elsewhere})" if fitting else ""
        raise UserError(
            f"{path}: {len(values) / 3:g} joints where the declared layout {layout.name} has {len(layout.joints)}{hint}"
        )
    try:
        with np.errstate(over="ignore"):
            return np.array(values, np.float64).astype(np.float32).reshape(-1, 3)
    except (TypeError, ValueError, OverflowError) as error:
        raise UserError(f"{path}: {key} holds something that is not a number ({error})") from error
