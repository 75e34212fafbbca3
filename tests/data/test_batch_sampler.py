"""The order of windows is a function of (seed, epoch)."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from skelmap.data.sampler import ResumableBatchSampler


def epoch_of(order: ResumableBatchSampler, epoch: int) -> list[list[int]]:
    order.set_epoch(epoch)
    return [batch.tolist() for batch in order]


@given(st.integers(0, 60), st.integers(1, 20), st.booleans(), st.integers(0, 5))
def test_each_index_comes_once_in_batches_of_the_size_asked_for(
    count: int, batch_size: int, shuffle: bool, epoch: int
) -> None:
    order = ResumableBatchSampler(count, batch_size, shuffle, seed=1)
    batches = epoch_of(order, epoch)
    if count:
        assert len(batches) == len(order)
        assert all(len(batch) == batch_size for batch in batches[:-1])
    assert sorted(index for batch in batches for index in batch) == list(range(count))


@given(st.integers(0, 2**31 - 1), st.integers(0, 1000))
def test_the_order_depends_on_seed_and_epoch_alone(seed: int, epoch: int) -> None:
    fresh, used = ResumableBatchSampler(50, 7, True, seed), ResumableBatchSampler(50, 7, True, seed)
    epoch_of(used, epoch + 1)
    torch.manual_seed(0)
    assert epoch_of(fresh, epoch) == epoch_of(used, epoch)
    assert epoch_of(fresh, epoch) != epoch_of(fresh, epoch + 1)
    assert epoch_of(fresh, epoch) != epoch_of(ResumableBatchSampler(50, 7, True, seed + 1), epoch)


def test_unshuffled_is_ascending() -> None:
    assert epoch_of(ResumableBatchSampler(5, 2, False, 0), 3) == [[0, 1], [2, 3], [4]]


@given(st.integers(0, 60), st.integers(1, 20), st.booleans(), st.integers(1, 5))
def test_processes_share_every_batch_without_repetition(
    count: int, batch_size: int, shuffle: bool, processes: int
) -> None:
    batch_size = max(batch_size, processes)
    alone = epoch_of(ResumableBatchSampler(count, batch_size, shuffle, seed=1), 2)
    orders = [ResumableBatchSampler(count, batch_size, shuffle, 1, rank, processes) for rank in range(processes)]
    shares = [epoch_of(order, 2) for order in orders]
    assert [len(order) for order in orders] == [len(share) for share in shares]
    assert all(part for share in shares for part in share)
    if shuffle:  # the same number of steps for all; a last batch that is not enough for all is left out
        assert len({len(share) for share in shares}) == 1
        alone = [batch for batch in alone if len(batch) >= processes]
    for step, batch in enumerate(alone):
        assert [index for share in shares if step < len(share) for index in share[step]] == batch
