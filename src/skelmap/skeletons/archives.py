"""Clip archives: recordings as NumPy `.npz` files without pickles."""

import json
import zipfile
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError

from skelmap.skeletons.clip import Clip, check_size_and_fps
from skelmap.skeletons.layouts import LAYOUTS, Layout
from skelmap.utils.errors import UserError
from skelmap.utils.io import atomic_write, check_file

MAX_BYTES = 2 * 2**30
"""Largest unpacked size of an archive: 7 million rows of BODY_25 fit, a zip bomb does not."""
ARRAY_KINDS = {"keypoints": "fiu", "layout": "U", "size": "fiu", "fps": "fiu"}
"""Arrays that every archive has, and the allowed kinds of their NumPy dtypes."""
OPTIONAL_KINDS = {"frame": "iu", "track": "iu", "source": "U"}
"""Arrays that it may have."""
HEADER = ("layout", "size", "fps")
"""Arrays that describe the recording; small, unlike `keypoints`."""


@dataclass(frozen=True)
class VideoOrigin:
    """The video from which a clip was extracted.

    Attributes:
        path: of the video, as it was given.
        size: bytes of the file.
        digest: xxh3 of its content, 32 hexadecimal digits.
        estimator: name of the pose estimator.
    """

    path: str
    size: int
    digest: str
    estimator: str


def read_archive(path: Path, name: str) -> Clip:
    """Read a clip.

    Args:
        path: the archive.
        name: the clip's name.

    Raises:
        UserError: missing, damaged, or with invalid arrays; names the file.
    """
    arrays = _load_arrays(path, (*ARRAY_KINDS, "frame", "track"))
    header = _header(path, arrays)
    try:
        return Clip.build(name, arrays["keypoints"], *header, arrays.get("frame"), arrays.get("track"))
    except UserError as error:
        raise UserError(f"{path}: {error}") from None


def read_header(path: Path) -> tuple[Layout, tuple[int, int], float]:
    """Read the layout, the image size, px, and the frame numbers per second of a clip without its keypoints.

    Raises:
        UserError: missing, damaged, of an unknown layout, or with a size or fps out of range.
    """
    return _header(path, _load_arrays(path, HEADER))


def read_frames(path: Path) -> NDArray[np.int64]:
    """Read the frame numbers of a clip; without any, none.

    Raises:
        UserError: missing or damaged.
    """
    frame: NDArray[np.int64] = _load_arrays(path, ("frame",)).get("frame", np.zeros(0, np.int64))
    return frame


def read_origin(path: Path) -> VideoOrigin | None:
    """Read from which video a clip was extracted; None if it does not say so.

    Raises:
        UserError: missing, damaged, or with an invalid `source`.
    """
    arrays = _load_arrays(path, (*HEADER, "source"))
    if "source" not in arrays:
        return None
    try:
        return TypeAdapter(VideoOrigin).validate_json(str(arrays["source"]), strict=True)
    except ValidationError as error:
        raise UserError(f"{path}: source is not that of `skelmap extract` ({error.errors()[0]['msg']})") from error


def write_clip(path: Path, clip: Clip, origin: VideoOrigin | None = None) -> None:
    """Write a clip archive atomically; equal clips give equal bytes.

    Args:
        path: the archive.
        clip: its content.
        origin: the video from which it was extracted, if it was.

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
    if origin is not None:
        arrays["source"] = np.array(json.dumps(asdict(origin)))
    with atomic_write(path, "wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)


def _header(path: Path, arrays: dict[str, NDArray[Any]]) -> tuple[Layout, tuple[int, int], float]:
    layout = LAYOUTS.get(str(arrays["layout"]))
    if layout is None:
        raise UserError(f"{path}: layout {str(arrays['layout'])[:40]!r}; allowed are {', '.join(LAYOUTS)}")
    try:
        width, height = (int(v) for v in arrays["size"])
        fps = float(arrays["fps"])
    except (TypeError, ValueError, OverflowError) as error:
        raise UserError(f"{path}: size or fps are not numbers of the expected shape ({error})") from error
    check_size_and_fps(str(path), (width, height), fps)
    return layout, (width, height), fps


def _load_arrays(path: Path, keys: Iterable[str]) -> dict[str, NDArray[Any]]:
    """Load some arrays of an archive; refuses zip bombs, pickles, missing arrays and wrong dtypes."""
    check_file(path, MAX_BYTES)
    kinds = ARRAY_KINDS | OPTIONAL_KINDS
    try:
        with zipfile.ZipFile(path) as packed:
            unpacked = sum(entry.file_size for entry in packed.infolist())
        if unpacked > MAX_BYTES:
            raise UserError(f"{path}: unpacks to {unpacked} bytes; {MAX_BYTES} are allowed")
        with np.load(path, allow_pickle=False) as archive:
            present = kinds.keys() & archive.files
            arrays = {key: archive[key] for key in keys if key in present}
    except UserError:
        raise
    except Exception as error:  # zipfile, zlib, struct and NumPy raise a dozen types, RuntimeError among them
        raise UserError(f"{path}: not a readable clip archive ({error})") from error
    if missing := ARRAY_KINDS.keys() - present:
        found = ", ".join(sorted(present)) or "nothing"
        raise UserError(f"{path}: lacks {', '.join(sorted(missing))}; it has {found}")
    for key, array in arrays.items():
        if array.dtype.kind not in kinds[key]:
            raise UserError(f"{path}: {key} is {array.dtype}, not {'text' if kinds[key] == 'U' else 'numbers'}")
    return arrays
