"""Which rows form a window: successive frames of one person in one clip."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Runs(NamedTuple):
    """Stretches of rows without a gap.

    Attributes:
        first: (R,) int64 first row of each run.
        length: (R,) int64 rows in it.
    """

    first: NDArray[np.int64]
    length: NDArray[np.int64]

    def at_least(self, length: int) -> "Runs":
        """Keep the runs of at least this many rows."""
        keep = self.length >= length
        return Runs(self.first[keep], self.length[keep])


def find_runs(clip: NDArray[np.int32], track: NDArray[np.int32], frame: NDArray[np.int32]) -> Runs:
    """Split rows, sorted by (clip, track, frame), where the clip or the track changes or a frame is missing.

    Args:
        clip: (N,) clip of each row.
        track: (N,) person of each row.
        frame: (N,) frame of each row.

    Returns:
        The runs, in order.
    """
    if not len(clip):
        return Runs(np.zeros(0, np.int64), np.zeros(0, np.int64))
    broken = (np.diff(clip) != 0) | (np.diff(track) != 0) | (np.diff(frame) != 1)
    first = np.concatenate([[0], np.flatnonzero(broken) + 1])
    return Runs(first, np.diff(first, append=len(clip)))


def span(window: int, step: int) -> int:
    """Count the rows from the first of a window's rows, each `step` after the one before, to one past the last."""
    return (window - 1) * step + 1


def window_starts(runs: Runs, window: int, stride: int = 1) -> NDArray[np.int64]:
    """List the first row of every window that lies within a run.

    Args:
        runs: stretches of rows.
        window: rows from the first of a window to one past its last.
        stride: rows from one window to the next, starting anew with each run.

    Returns:
        (W,) int64 rows, ascending.
    """
    count = np.maximum((runs.length - window) // stride + 1, 0)
    within = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    starts: NDArray[np.int64] = np.repeat(runs.first, count) + within * stride
    return starts
