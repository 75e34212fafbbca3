"""What the machine could do at best: floating-point operations of a matrix product, memory bandwidth."""

import time
from collections.abc import Callable
from itertools import pairwise
from statistics import median

import torch

from skelmap.models.networks import stage_shapes

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")


def seconds(work: Callable[[], object], least: float = 0.5) -> float:
    """Take the median time of a call, s, after one that is not counted; repeat it for a while."""
    work()
    times: list[float] = []
    while sum(times) < least or len(times) < 5:
        began = time.perf_counter()
        work()
        if DEVICE.type == "cuda":
            torch.cuda.synchronize()
        times.append(time.perf_counter() - began)
    return median(times)


def peak_flops(dtype: torch.dtype = torch.float32) -> float:
    """Measure the operations a second of a large matrix product."""
    a = torch.randn(2048, 2048, dtype=dtype, device=DEVICE)
    return 2 * 2048**3 / seconds(lambda: a @ a)


def bandwidth() -> float:
    """Measure the bytes a second that a copy of 256 MB reads and writes."""
    a = torch.ones(64 << 20, device=DEVICE)
    b = torch.empty_like(a).zero_()
    return 2 * a.nbytes / seconds(lambda: b.copy_(a))


def training_flops(
    seq_len: int, img_size: int, latent_dim: int, hidden_size: int, channels: list[int], map_channels: int = 1
) -> float:
    """Count the operations of a window's training step in the LSTM-VAE's matrix products and convolutions.

    Forwards one product, backwards two: of the inputs' and of the weights' gradients. Elementwise work is left out.
    """
    shapes = stage_shapes(img_size, channels, map_channels)
    taps = sum(9 * before[0] * after[0] * after[1] ** 2 for before, after in pairwise(shapes))
    last = shapes[-1][0] * shapes[-1][1] ** 2
    lstms = 4 * hidden_size * (last + hidden_size + latent_dim + hidden_size)
    return 3 * 2 * seq_len * (2 * taps + lstms + hidden_size * last)
