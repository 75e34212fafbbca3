"""The order in which windows are visited."""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.utils.data import Sampler


class BatchOrder(Sampler[Tensor]):
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
