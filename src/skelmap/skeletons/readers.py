"""Read recordings: folders of OpenPose's JSON, tracked JSON files, clip archives."""

from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from skelmap.skeletons import archives, tracked_json
from skelmap.skeletons.clip import Clip, frame_step
from skelmap.skeletons.layouts import BODY_25, LAYOUTS, Layout
from skelmap.skeletons.openpose import frame_files, numbered_files, read_folder
from skelmap.skeletons.tracking import join_tracks
from skelmap.utils.errors import UserError
from skelmap.utils.io import check_file
from skelmap.utils.schema import FrameRate, ImageSize

Coordinates = Literal["pixels", "0..1", "-1..1"]


class PoseFormat(NamedTuple):
    """Properties of a recording; archives contain them, JSON recordings do not (`data.pose_format`).

    Attributes:
        layout: joint order.
        size: (width, height) of the camera image, px.
        fps: frame numbers per second.
        coordinates: unit of JSON files: pixels, or shares of the image's width and height from 0 to 1 or from -1 to 1
            (`--keypoint_scale` 0, 3 and 4 of OpenPose); clips and archives always hold pixels.
    """

    layout: Layout = BODY_25
    size: tuple[int, int] = (640, 480)
    fps: float = 30.0
    coordinates: Coordinates = "pixels"

    def plain(self) -> dict[str, Any]:
        """Plain values, the arguments of `make_pose_format`."""
        return {**self._asdict(), "layout": self.layout.name, "size": list(self.size)}

    def to_pixels(self, keypoints: NDArray[np.float32]) -> NDArray[np.float32]:
        """Convert (N, V, 3) keypoints of a JSON file to px; joints at (0, 0), which are missing, stay there."""
        if self.coordinates == "pixels":
            return keypoints
        shares = keypoints[..., :2] if self.coordinates == "0..1" else (keypoints[..., :2] + 1) / 2
        missing = (keypoints[..., :2] == 0).all(axis=-1, keepdims=True)
        places = np.where(missing, 0, shares * np.array(self.size))
        return np.concatenate([places, keypoints[..., 2:]], axis=-1).astype(np.float32)


def make_pose_format(
    layout: Literal["BODY_25", "COCO_18", "COCO_17"] = "BODY_25",
    size: ImageSize = (640, 480),
    fps: FrameRate = 30.0,
    coordinates: Coordinates = "pixels",
) -> PoseFormat:
    """Build a PoseFormat from configuration values.

    Args:
        layout: name of the joint layout.
        size: width and height of the camera image, px.
        fps: frame numbers a second: those of the video, also if only every third frame is there.
        coordinates: "pixels", "0..1" or "-1..1".
    """
    return PoseFormat(LAYOUTS[layout], (size[0], size[1]), float(fps), coordinates)


def read_clip(path: Path, name: str, pose_format: PoseFormat | None = None) -> Clip:
    """Read one recording.

    Args:
        path: a folder of OpenPose `*_keypoints.json`, a tracked `.json`, or a clip archive `.npz`.
        name: the clip's name.
        pose_format: layout, image size and frame rate of JSON sources; None for the defaults.

    Returns:
        The clip; tracks of one person that a tracker has broken are joined (`join_tracks`).

    Raises:
        UserError: the source is missing, damaged, of another layout than declared, or of several recordings; names the
            file.
    """
    _check_kind(path)
    if path.suffix == ".npz" and not path.is_dir():
        return _joined(archives.read_archive(path, name))
    declared = pose_format or PoseFormat()
    layout, track = declared.layout, None
    if path.is_dir():
        keypoints, frame = read_folder(path, layout)
    else:
        keypoints, frame, track = tracked_json.read_tracked(path, layout)
    try:
        keypoints = declared.to_pixels(keypoints)
        return _joined(Clip.build(name, keypoints, layout, declared.size, declared.fps, frame, track))
    except UserError as error:
        raise UserError(f"{path}: {error}") from None


def _joined(clip: Clip) -> Clip:
    """Join the broken tracks of a clip."""
    seen = clip.present
    joined = clip.track.copy()
    joined[seen] = join_tracks(clip.keypoints[seen], clip.frame[seen] // clip.step, clip.track[seen])
    if np.array_equal(joined, clip.track):
        return clip
    order = np.lexsort((~seen, clip.frame, joined))  # a row without joints gives way to one with joints
    double = (np.diff(clip.frame[order]) == 0) & (np.diff(joined[order]) == 0)
    rows = order[np.append(True, ~double)]
    return replace(clip, keypoints=clip.keypoints[rows], frame=clip.frame[rows], track=joined[rows])


def read_header(path: Path, pose_format: PoseFormat) -> PoseFormat:
    """Read the layout, image size and frame rate of a recording without its keypoints.

    Args:
        path: the recording, as for `read_clip`.
        pose_format: the answer for JSON sources.

    Raises:
        UserError: an archive is missing, damaged, of an unknown layout, or has a size or fps out of range.
    """
    if path.is_dir() or path.suffix != ".npz":
        return pose_format
    return PoseFormat(*archives.read_header(path))


def read_step(path: Path) -> int:
    """Read the step of a recording's frame numbers (`frame_step`) without its keypoints.

    Raises:
        UserError: the source is missing, damaged or of several recordings.
    """
    _check_kind(path)
    if path.is_dir():
        return frame_step(np.array(list(numbered_files(path))))
    return frame_step(archives.read_frames(path) if path.suffix == ".npz" else tracked_json.read_frames(path))


def source_files(path: Path) -> list[Path]:
    """List the files of a recording, sorted by name.

    Raises:
        UserError: the folder cannot be read, or one of the files is not a regular file, or too large.
    """
    if path.is_dir():
        return frame_files(path)
    check_file(path, archives.MAX_BYTES)
    return [path]


def _check_kind(path: Path) -> None:
    if not path.is_dir() and path.suffix not in (".npz", ".json"):
        raise UserError(f"{path}: not a folder of *_keypoints.json, a .json or an .npz")
