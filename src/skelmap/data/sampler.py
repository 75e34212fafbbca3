"""The order in which windows are visited: a function of seed and epoch, so that a run can resume exactly."""

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset, Sampler


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
