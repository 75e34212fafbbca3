"""A clip: the keypoints of the people in one recording."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from skelmap.skeletons.layouts import Layout
from skelmap.skeletons.tracking import link_people
from skelmap.utils.errors import UserError

FAR = 10.0
"""Joints further outside the picture than this many picture sizes are detector faults and count as missing."""
MAX_PEOPLE = 100
"""More people than this in a frame are not linked from frame to frame: the time for it grows with their square."""


@dataclass(frozen=True, eq=False)
class Clip:
    """People's keypoints in one recording, one row for each person and frame.

    Rows are sorted by (track, frame) and no track has two rows in a frame. A frame in which nobody was found is a
    row of zeros, or no row at all; a joint that was not detected is (0, 0, 0).

    Attributes:
        name: unique in its manifest.
        keypoints: (N, V, 3) float32: x px, y px, confidence in [0, 1].
        layout: which joint is which.
        size: (width, height) of the camera's picture, px.
        fps: frames a second.
        frame: (N,) int64 frame number, from 0.
        track: (N,) int64 person number.
    """

    name: str
    keypoints: NDArray[np.float32]
    layout: Layout
    size: tuple[int, int]
    fps: float
    frame: NDArray[np.int64]
    track: NDArray[np.int64]

    @classmethod
    def build(
        cls,
        name: str,
        keypoints: NDArray[np.floating],
        layout: Layout,
        size: tuple[int, int],
        fps: float,
        frame: NDArray[np.integer] | None = None,
        track: NDArray[np.integer] | None = None,
    ) -> "Clip":
        """Check and clean detector output.

        Non-finite or absurdly distant joints and joints with confidence 0 or less become missing; confidences above
        1 become 1. Without `frame` the rows are the frames 0..N-1. Where a frame has several rows and no `track` is
        given, people are linked from frame to frame (`link_people`).

        Args:
            name: the clip's name, for messages.
            keypoints: (N, V, 3) x px, y px, confidence.
            layout: which joint is which.
            size: (width, height) px.
            fps: frames a second.
            frame: (N,) frame numbers, any order.
            track: (N,) person numbers.

        Returns:
            The clip, sorted by (track, frame).

        Raises:
            UserError: wrong shapes, joint count, size or fps, negative frames, two rows of one track in a frame.
        """
        _check(name, keypoints, layout, size, fps)
        with np.errstate(over="ignore"):  # what float32 cannot hold is not finite
            cleaned = clean_keypoints(np.asarray(keypoints, np.float32), size)
        rows = len(cleaned)
        frames = np.arange(rows) if frame is None else _numbers(name, "frame", frame, rows)
        if rows and frames.min() < 0:
            raise UserError(f"{name}: frame {frames.min()} is negative; frames count from 0")
        if track is not None:
            tracks = _numbers(name, "track", track, rows)
        elif (most := _most_people(frames)) <= 1:
            tracks = np.zeros(rows, np.int64)
        elif most > MAX_PEOPLE:
            raise UserError(f"{name}: {most} people in one frame; up to {MAX_PEOPLE} are told apart, or give `track`")
        else:
            tracks = link_people(cleaned, frames)
        order = np.lexsort((frames, tracks))
        frames, tracks = frames[order], tracks[order]
        double = np.flatnonzero((np.diff(frames) == 0) & (np.diff(tracks) == 0))
        if len(double):
            at = double[0]
            raise UserError(f"{name}: track {tracks[at]} has two rows for frame {frames[at]}; one is allowed")
        return cls(name, cleaned[order], layout, size, fps, frames, tracks)

    def __len__(self) -> int:
        """Count the rows."""
        return len(self.keypoints)

    @cached_property
    def present(self) -> NDArray[np.bool_]:
        """(N,) whether at least one joint of the row was detected."""
        present: NDArray[np.bool_] = np.any(self.keypoints[..., 2] > 0, axis=1)
        return present

    @property
    def span(self) -> tuple[int, int]:
        """First frame and one past the last, with or without people in them; (0, 0) for an empty clip."""
        return (int(self.frame.min()), int(self.frame.max()) + 1) if len(self) else (0, 0)


def _check(name: str, keypoints: NDArray[np.floating], layout: Layout, size: tuple[int, int], fps: float) -> None:
    joints = len(layout.joints)
    if keypoints.ndim != 3 or keypoints.shape[2] != 3:
        raise UserError(f"{name}: keypoints have shape {keypoints.shape}; (N, {joints}, 3) is expected")
    if keypoints.shape[1] != joints:
        raise UserError(f"{name}: {keypoints.shape[1]} joints, but the declared layout {layout.name} has {joints}")
    if not (16 <= size[0] <= 16384 and 16 <= size[1] <= 16384):
        raise UserError(f"{name}: picture size {size[0]}x{size[1]}; 16 to 16384 pixels a side are allowed")
    if not 0 < fps <= 1000:
        raise UserError(f"{name}: fps {fps}; a number above 0 and up to 1000 is allowed")


def _most_people(frames: NDArray[np.int64]) -> int:
    """Count the rows of the fullest frame."""
    return int(np.unique(frames, return_counts=True)[1].max(initial=0))


def clean_keypoints(keypoints: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    """Make detector faults missing joints, (0, 0, 0): not finite, absurdly distant, or of no confidence.

    Args:
        keypoints: (N, V, 3) x px, y px, confidence.
        size: (width, height) of the picture, px.

    Returns:
        The same with confidences up to 1.
    """
    reach = FAR * max(size)
    with np.errstate(invalid="ignore"):
        good = np.isfinite(keypoints).all(axis=2) & (keypoints[..., 2] > 0)
        good &= (np.abs(keypoints[..., :2]) <= reach).all(axis=2)
    cleaned = np.where(good[..., None], keypoints, np.float32(0))
    np.minimum(cleaned[..., 2], 1, out=cleaned[..., 2])
    return cleaned


def _numbers(name: str, key: str, values: NDArray[np.integer], rows: int) -> NDArray[np.int64]:
    if values.shape != (rows,) or not np.issubdtype(values.dtype, np.integer):
        raise UserError(f"{name}: {key} is {values.dtype} {values.shape}; integers of shape ({rows},) are expected")
    if values.dtype.itemsize == 8 and rows and not -(2**31) <= int(values.min()) <= int(values.max()) < 2**31:
        raise UserError(f"{name}: {key} holds numbers beyond 32 bits")
    return values.astype(np.int64)
