"""The order in which windows are visited."""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.utils.data import Sampler


class BatchOrder(Sampler[Tensor]):
    """Yield batches of indices; a shuffled order is a function of (seed, epoch) alone, so that runs can resume.

    Attributes:
        count: indices in all.
        batch_size: indices in a batch; the last may have fewer.
        shuffle: visit in a new random order each epoch, or ascending.
        seed: of the random order.
        epoch: set by Lightning at the start of each epoch.
    """

    def __init__(self, count: int, batch_size: int, shuffle: bool, seed: int) -> None:
        self.count, self.batch_size, self.shuffle, self.seed = count, batch_size, shuffle, seed
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch of the next iteration."""
        self.epoch = epoch

    def __len__(self) -> int:
        """Count the batches."""
        return -(-self.count // self.batch_size)

    def __iter__(self) -> Iterator[Tensor]:
        """Yield (batch_size,) int64 indices."""
        if self.shuffle:
            generator = torch.Generator().manual_seed(self.seed * 1_000_003 + self.epoch)
            order = torch.randperm(self.count, generator=generator)
        else:
            order = torch.arange(self.count)
        yield from torch.split(order, self.batch_size)
