"""Windows of successive rows: segments without gaps, window starts, the rows of a split for evaluation."""

from dataclasses import dataclass
from typing import Annotated, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from skelmap.skeletons.manifest import Recording, Span
from skelmap.utils.errors import UserError

WindowLength = Annotated[int, Field(ge=1, le=10_000)]
WindowSeconds = Annotated[float, Field(gt=0, le=600, allow_inf_nan=False)]
DEFAULT_LENGTH = 30
"""T of the paper, frames."""
WindowKind = Literal["frame", "sequence"]
"""What a model sees at once: a single frame, or T frames."""


class Segments(NamedTuple):
    """Segments of successive rows without a gap.

    Attributes:
        first: (S,) int64 first row of each segment.
        length: (S,) int64 rows in it.
    """

    first: NDArray[np.int64]
    length: NDArray[np.int64]

    def at_least(self, length: int) -> "Segments":
        """Keep the segments of at least this many rows."""
        keep = self.length >= length
        return Segments(self.first[keep], self.length[keep])


def window_length(seq_len: int | None, seconds: float | None, fps: float) -> int:
    """Frames in a window, from its length in frames or in seconds.

    Args:
        seq_len: frames; None if the length is given in seconds.
        seconds: the same in seconds; without either a window has `DEFAULT_LENGTH` frames.
        fps: frames a second of the windows.

    Raises:
        UserError: both are given, or the seconds are no frame.
    """
    if seconds is None:
        return DEFAULT_LENGTH if seq_len is None else seq_len
    if seq_len is not None:
        raise UserError(f"data.seq_len={seq_len} data.seconds={seconds:g}: allowed is one of them")
    if not 1 <= round(seconds * fps) <= 10_000:
        allowed = f"{1 / fps:.2g} to {10_000 / fps:.4g}"
        raise UserError(f"data.seconds={seconds:g}; allowed at {fps:g} frames a second: {allowed}")
    return round(seconds * fps)


def find_segments(clip: NDArray[np.integer], track: NDArray[np.integer], frame: NDArray[np.integer]) -> Segments:
    """Split rows, sorted by (clip, track, frame), where the clip or the track changes or a frame is missing.

    Args:
        clip: (N,) clip of each row.
        track: (N,) person of each row.
        frame: (N,) frame of each row.

    Returns:
        The segments, in order.
    """
    if not len(clip):
        return Segments(np.zeros(0, np.int64), np.zeros(0, np.int64))
    broken = (np.diff(clip) != 0) | (np.diff(track) != 0) | (np.diff(frame) != 1)
    first = np.concatenate([[0], np.flatnonzero(broken) + 1])
    return Segments(first, np.diff(first, append=len(clip)))


def window_starts(segments: Segments, window: int, stride: int = 1) -> NDArray[np.int64]:
    """First row of every window that lies within a segment.

    Args:
        segments: of rows.
        window: rows in a window.
        stride: rows from one window to the next, counted from the start of each segment.

    Returns:
        (W,) int64 rows, ascending.
    """
    count = np.maximum((segments.length - window) // stride + 1, 0)
    within = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    starts: NDArray[np.int64] = np.repeat(segments.first, count) + within * stride
    return starts


@dataclass(frozen=True, eq=False)
class EvalIndex:
    """The rows of a split for evaluation: one person at one tick of the model's clock.

    A window consists of `seq_len` successive rows of one person. A tick of a clip's span without any row is a frame
    without people. Rows that no window covers belong to segments shorter than `seq_len`.

    Attributes:
        recordings: the clips of the split, C of them; their labelled spans are ticks.
        spans: (first tick, one past the last) of each clip.
        fps: ticks a second.
        clip: (N,) int64 index into `recordings`.
        track: (N,) int64 person number within the clip.
        frame: (N,) int64 tick.
        starts: (S,) int64 first row of every window of `seq_len` rows, at stride 1.
        seq_len: T, rows of a window.
    """

    recordings: tuple[Recording, ...]
    spans: tuple[Span, ...]
    fps: float
    clip: NDArray[np.int64]
    track: NDArray[np.int64]
    frame: NDArray[np.int64]
    starts: NDArray[np.int64]
    seq_len: int

    @property
    def hours(self) -> float:
        """Footage of all clips, with or without people."""
        return sum(stop - first for first, stop in self.spans) / self.fps / 3600
