"""The keypoints of the people in one recording."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from skelmap.skeletons.layouts import Layout
from skelmap.skeletons.tracking import link_people
from skelmap.utils.errors import UserError

log = logging.getLogger(__name__)
MAX_DISTANCE = 10.0
"""Joints further outside the image than this many image sizes are detector faults and count as missing."""
NOT_FOUND = (0.0, -1.0)
"""A joint with both coordinates at one of these was not found, whatever its confidence: so YOLO and others write it."""
MAX_CONFIDENCE = 2.0
"""Confidences whose median is above this are no shares: percentages, or logits."""
MIN_STEP_FRAMES = 10
"""Frames from which on the step of their numbers is recognised; fewer may be periodic by chance."""
MAX_PEOPLE = 100
"""Most people in a frame that are tracked: the time for it grows with their square."""


@dataclass(frozen=True, eq=False)
class Clip:
    """The keypoints of the people in one recording, one row for each person and frame.

    Rows are sorted by (track, frame), and no track has two rows in a frame. A frame without people is a row of zeros
    or has no row; a joint that was not detected is (0, 0, 0).

    Frames keep their numbers, which labels refer to, also where only every third frame of a video is there.

    Attributes:
        name: unique in its manifest.
        keypoints: (N, V, 3) float32: x px, y px, confidence in [0, 1].
        layout: joint order and limbs.
        size: (width, height) of the camera image, px.
        fps: frame numbers per second.
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
        """Check and clean detector output (`clean_keypoints`), and sort it.

        Without `frame` the rows are the frames 0..N-1. Without `track`, and with several rows in a frame, people are
        tracked from frame to frame (`link_people`).

        Args:
            name: the clip's name.
            keypoints: (N, V, 3) x px, y px, confidence.
            layout: joint order.
            size: (width, height) of the camera image, px.
            fps: frame numbers per second.
            frame: (N,) frame numbers, in any order.
            track: (N,) person numbers.

        Returns:
            The clip, sorted by (track, frame).

        Raises:
            UserError: wrong shapes, joint count, size or fps, confidences in percent, negative frames, two rows of one
                track in a frame.
        """
        _check_shape(name, keypoints, layout)
        _check_confidence(name, keypoints[..., 2])
        check_size_and_fps(name, size, fps)
        with np.errstate(over="ignore"):  # values beyond float32 become infinite, thus missing
            cleaned = clean_keypoints(np.asarray(keypoints, np.float32), size)
        frames = np.arange(len(cleaned)) if frame is None else _as_int64(name, "frame", frame, len(cleaned))
        if len(frames) and frames.min() < 0:
            raise UserError(f"{name}: frame {frames.min()} is negative; frames count from 0")
        tracks = _track_people(name, cleaned, frames) if track is None else _as_int64(name, "track", track, len(frames))
        order = np.lexsort((frames, tracks))
        frames, tracks = frames[order], tracks[order]
        double = np.flatnonzero((np.diff(frames) == 0) & (np.diff(tracks) == 0))
        if len(double):
            i = double[0]
            raise UserError(f"{name}: track {tracks[i]} has two rows for frame {frames[i]}; one is allowed")
        return cls(name, cleaned[order], layout, size, fps, frames, tracks)

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.keypoints)

    @cached_property
    def present(self) -> NDArray[np.bool_]:
        """(N,) bool: whether at least one joint of the row was detected."""
        present: NDArray[np.bool_] = np.any(self.keypoints[..., 2] > 0, axis=1)
        return present

    @cached_property
    def step(self) -> int:
        """Difference of successive frame numbers (`frame_step`)."""
        return frame_step(self.frame)

    @property
    def frame_rate(self) -> float:
        """Frames per second: `fps` divided by `step`."""
        return self.fps / self.step

    @property
    def span(self) -> tuple[int, int]:
        """First frame and one past the last, rows without people included; (0, 0) for an empty clip."""
        return (int(self.frame.min()), int(self.frame.max()) + 1) if len(self) else (0, 0)


def frame_step(frame: NDArray[np.int64]) -> int:
    """Greatest common divisor of the differences of frame numbers: 3 for the frames 0, 3, 6, 12, ...

    Args:
        frame: (N,) frame numbers, in any order.

    Returns:
        The step; 1 of fewer than 10 different frames.
    """
    numbers = np.unique(frame)
    return int(np.gcd.reduce(np.diff(numbers))) if len(numbers) >= MIN_STEP_FRAMES else 1


def report_steps(recordings: Iterable[tuple[str, float, int]]) -> None:
    """Log which recordings have frame numbers with a step, and their frame rate.

    Args:
        recordings: name, frame numbers per second and step of each.
    """
    found = [recording for recording in recordings if recording[2] > 1]
    if found:
        name, fps, step = found[0]
        more = f"; so do {len(found) - 1} more" if len(found) > 1 else ""
        log.info(
            "clip %s has frame numbers in steps of %d: %.4g frames per second, not %.4g%s",
            name,
            step,
            fps / step,
            fps,
            more,
        )


def check_size_and_fps(name: str, size: tuple[int, int], fps: float) -> None:
    """Check the image size, px, and frame rate of a recording.

    Raises:
        UserError: out of range; starts with `name`.
    """
    if not (16 <= size[0] <= 16384 and 16 <= size[1] <= 16384):
        raise UserError(f"{name}: image size {size[0]}x{size[1]}; 16 to 16384 pixels a side are allowed")
    if not 0 < fps <= 1000:
        raise UserError(f"{name}: fps {fps}; a number above 0 and up to 1000 is allowed")


def clean_keypoints(keypoints: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    """Set joints that were not found to (0, 0, 0).

    These are joints of confidence 0 or less, joints exactly at (0, 0) or (-1, -1) whatever their confidence, joints
    that are not finite, and joints far outside the image.

    Args:
        keypoints: (N, V, 3) x px, y px, confidence.
        size: (width, height) of the image, px.

    Returns:
        (N, V, 3) cleaned copy, confidences at most 1.
    """
    with np.errstate(invalid="ignore"):
        valid = np.isfinite(keypoints).all(axis=2) & (keypoints[..., 2] > 0)
        valid &= (np.abs(keypoints[..., :2]) <= MAX_DISTANCE * max(size)).all(axis=2)
    for place in NOT_FOUND:
        valid &= (keypoints[..., :2] != place).any(axis=2)
    cleaned = np.where(valid[..., None], keypoints, np.float32(0))
    np.minimum(cleaned[..., 2], 1, out=cleaned[..., 2])
    return cleaned


def _check_shape(name: str, keypoints: NDArray[np.floating], layout: Layout) -> None:
    joints = len(layout.joints)
    if keypoints.ndim != 3 or keypoints.shape[2] != 3:
        raise UserError(f"{name}: keypoints have shape {keypoints.shape}; (N, {joints}, 3) is expected")
    if keypoints.shape[1] != joints:
        raise UserError(f"{name}: {keypoints.shape[1]} joints, but the declared layout {layout.name} has {joints}")


def _check_confidence(name: str, confidence: NDArray[np.floating]) -> None:
    known = confidence[np.isfinite(confidence) & (confidence > 0)]
    if len(known) and np.median(known) > MAX_CONFIDENCE:
        raise UserError(f"{name}: confidences reach {known.max():.3g}; 0 to 1 is allowed, so divide percentages by 100")


def _as_int64(name: str, key: str, values: NDArray[np.integer], rows: int) -> NDArray[np.int64]:
    if values.shape != (rows,) or not np.issubdtype(values.dtype, np.integer):
        raise UserError(f"{name}: {key} is {values.dtype} {values.shape}; integers of shape ({rows},) are expected")
    if values.dtype.itemsize == 8 and rows and not -(2**31) <= int(values.min()) <= int(values.max()) < 2**31:
        raise UserError(f"{name}: {key} holds numbers beyond 32 bits")
    return values.astype(np.int64)


def _track_people(name: str, keypoints: NDArray[np.float32], frames: NDArray[np.int64]) -> NDArray[np.int64]:
    """Number the people from frame to frame."""
    most = int(np.unique(frames, return_counts=True)[1].max(initial=0))
    if most > MAX_PEOPLE:
        raise UserError(f"{name}: {most} people in one frame; up to {MAX_PEOPLE} can be tracked, or give `track`")
    return link_people(keypoints, frames // frame_step(frames))
