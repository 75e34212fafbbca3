"""Windows of successive rows: where they start, in which order they are visited, which of them are evaluated."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from skelmap.skeletons.manifest import Recording, Span


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


def find_segments(clip: NDArray[np.int32], track: NDArray[np.int32], frame: NDArray[np.int32]) -> Segments:
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


class WindowDataset(Dataset[Tensor]):
    """Windows by number; a batch of numbers gives the first rows of these windows.

    Args:
        starts: (W,) int64 first row of each window.
    """

    def __init__(self, starts: NDArray[np.int64]) -> None:
        self.starts = torch.from_numpy(starts)

    def __len__(self) -> int:
        """Number of windows."""
        return len(self.starts)

    def __getitem__(self, index: Tensor) -> Tensor:
        """First rows of (B,) windows."""
        return self.starts[index]


class ResumableBatchSampler(Sampler[Tensor]):
    """Yield batches of indices; a shuffled order is a function of (seed, epoch) alone, so that a run can resume.

    Several processes share every batch, so that they take the same steps as one process. No index is yielded twice. If
    the last batch has fewer indices than there are processes, some processes get none of it in order, and all skip it
    when shuffled, because a training step needs all processes.

    Args:
        count: number of indices.
        batch_size: indices in a batch, over all processes; the last may have fewer.
        shuffle: a new random order each epoch, or ascending.
        seed: of the random order.
        rank: of this process.
        processes: number of processes.

    Attributes:
        epoch: set by Lightning at the start of each epoch.
    """

    def __init__(
        self, count: int, batch_size: int, shuffle: bool, seed: int, rank: int = 0, processes: int = 1
    ) -> None:
        self.count, self.batch_size, self.shuffle, self.seed = count, batch_size, shuffle, seed
        self.rank, self.processes = rank, processes
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch of the next iteration."""
        self.epoch = epoch

    def __len__(self) -> int:
        """Number of batches of this process."""
        whole, rest = divmod(self.count, self.batch_size)
        return whole + (rest >= (self.processes if self.shuffle else self.rank + 1))

    def __iter__(self) -> Iterator[Tensor]:
        """Yield this process's share of each batch, (batch_size / processes,) int64 indices."""
        if self.shuffle:
            generator = torch.Generator().manual_seed(self.seed * 1_000_003 + self.epoch)
            order = torch.randperm(self.count, generator=generator)
        else:
            order = torch.arange(self.count)
        for batch in torch.split(order, self.batch_size)[: len(self)]:
            yield batch.tensor_split(self.processes)[self.rank]


@dataclass(frozen=True, eq=False)
class EvalIndex:
    """The rows of a split for evaluation: one person at one tick of the model's clock.

    A window consists of `seq_len` successive rows of one person. A tick of a clip's span without any row is a frame
    without people. Rows that no window covers belong to segments shorter than `seq_len`.

    Attributes:
        recordings: the clips of the split, C of them; their labelled spans are ticks.
        spans: (first tick, one past the last) of each clip.
        fps: ticks a second, for each clip.
        clip: (N,) int64 index into `recordings`.
        track: (N,) int64 person number within the clip.
        frame: (N,) int64 tick.
        starts: (S,) int64 first row of every window of `seq_len` rows, at stride 1.
        seq_len: T, rows of a window.
    """

    recordings: tuple[Recording, ...]
    spans: tuple[Span, ...]
    fps: tuple[float, ...]
    clip: NDArray[np.int64]
    track: NDArray[np.int64]
    frame: NDArray[np.int64]
    starts: NDArray[np.int64]
    seq_len: int

    @property
    def hours(self) -> float:
        """Footage of all clips, with or without people."""
        return sum((stop - first) / fps for (first, stop), fps in zip(self.spans, self.fps, strict=True)) / 3600
