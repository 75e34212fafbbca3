"""Windows of successive rows: where they start and in which order they are visited."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Sampler

from skelmap.skeletons.manifest import Recording, Span


class Segments(NamedTuple):
    """Stretches of rows without a gap.

    Attributes:
        first: (R,) int64 first row of each run.
        length: (R,) int64 rows in it.
    """

    first: NDArray[np.int64]
    length: NDArray[np.int64]

    def at_least(self, length: int) -> "Segments":
        """Keep the runs of at least this many rows."""
        keep = self.length >= length
        return Segments(self.first[keep], self.length[keep])


def find_segments(clip: NDArray[np.int32], track: NDArray[np.int32], frame: NDArray[np.int32]) -> Segments:
    """Split rows, sorted by (clip, track, frame), where the clip or the track changes or a frame is missing.

    Args:
        clip: (N,) clip of each row.
        track: (N,) person of each row.
        frame: (N,) frame of each row.

    Returns:
        The runs, in order.
    """
    if not len(clip):
        return Segments(np.zeros(0, np.int64), np.zeros(0, np.int64))
    broken = (np.diff(clip) != 0) | (np.diff(track) != 0) | (np.diff(frame) != 1)
    first = np.concatenate([[0], np.flatnonzero(broken) + 1])
    return Segments(first, np.diff(first, append=len(clip)))


def span(window: int, step: int) -> int:
    """Count the rows from the first of a window's rows, each `step` after the one before, to one past the last."""
    return (window - 1) * step + 1


def window_starts(runs: Segments, window: int, stride: int = 1) -> NDArray[np.int64]:
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


class ResumableBatchSampler(Sampler[Tensor]):
    """Yield batches of indices; a shuffled order is a function of (seed, epoch) alone, so that runs can resume.

    Several processes each get their share of every batch, so that they go the same steps as one process would. No index
    is given twice. Where the last batch has fewer indices than there are processes, some get none of it when in order,
    and all of them leave it out when shuffled: a training step needs all processes.

    Attributes:
        count: indices in all.
        batch_size: indices in a batch, over all processes; the last may have fewer.
        shuffle: visit in a new random order each epoch, or ascending.
        seed: of the random order.
        rank: of this process.
        processes: that share the batches.
        epoch: set by Lightning at the start of each epoch.
    """

    def __init__(
        self, count: int, batch_size: int, shuffle: bool, seed: int, rank: int = 0, processes: int = 1
    ) -> None:
        self.count, self.batch_size, self.shuffle, self.seed = count, batch_size, shuffle, seed
        self.rank, self.processes = rank, processes
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch of the next iteration."""
        self.epoch = epoch

    def __len__(self) -> int:
        """Count the batches of this process."""
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
    """The rows of the test split: one person in one frame, with at least one joint.

    A window consists of every `frame_step`-th of the rows `start .. start + span - 1`, which are successive frames of
    one person. A frame of a clip's span without any row is a frame with nobody in it. Rows that no window covers belong
    to runs shorter than `shortest`.

    Attributes:
        recordings: the test clips, C of them.
        spans: (first frame, one past the last) of each clip.
        fps: frames a second of each clip.
        clip: (N,) int64 index into `recordings`.
        frame: (N,) int64 frame number within the clip's span.
        starts: (S,) int64 first row of every window of `seq_len` rows, at stride 1.
        seq_len: T, rows of a window.
        frame_step: rows from one row of a window to the next.
    """

    recordings: tuple[Recording, ...]
    spans: tuple[Span, ...]
    fps: tuple[float, ...]
    clip: NDArray[np.int64]
    frame: NDArray[np.int64]
    starts: NDArray[np.int64]
    seq_len: int
    frame_step: int = 1

    @property
    def span(self) -> int:
        """Rows from the first row of a window to one past its last."""
        return span(self.seq_len, self.frame_step)

    @property
    def shortest(self) -> int:
        """Rows that a run must have, so that windows cover all of them."""
        return self.seq_len * self.frame_step
