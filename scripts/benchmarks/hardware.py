"""Limits of the machine, and the operations of a training step to compare with them."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from itertools import pairwise
from pathlib import Path

import torch

from benchmarks.common import DEVICE, median_seconds
from skelmap.models.networks import stage_shapes


def describe_machine() -> str:
    """Name the processor, its threads, the GPU and the versions of the frameworks."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    name = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine())
    gpu = f", {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ", no GPU"
    try:
        tensorflow = version("tensorflow")
    except PackageNotFoundError:
        tensorflow = "not installed"
    return (
        f"{name}, {os.cpu_count()} cores, {torch.get_num_threads()} threads{gpu}; "
        f"torch {torch.__version__}, TensorFlow {tensorflow}"
    )


def peak_flops(dtype: torch.dtype = torch.float32) -> float:
    """Measure the floating-point operations per second of a large matrix product."""
    a = torch.randn(2048, 2048, dtype=dtype, device=DEVICE)
    return 2 * 2048**3 / median_seconds(lambda: a @ a)


def bandwidth() -> float:
    """Measure the bytes per second that a copy of 256 MB reads and writes."""
    a = torch.ones(64 << 20, device=DEVICE)
    b = torch.empty_like(a).zero_()
    return 2 * a.nbytes / median_seconds(lambda: b.copy_(a))


def training_flops(
    seq_len: int, img_size: int, latent_dim: int, hidden_size: int, channels: list[int], map_channels: int = 1
) -> float:
    """Count the operations of the LSTM-VAE's matrix products and convolutions in a training step of one window.

    One product forward and two backward, for the gradients of inputs and weights; elementwise operations left out.
    """
    shapes = stage_shapes(img_size, channels, map_channels)
    taps = sum(9 * before[0] * after[0] * after[1] ** 2 for before, after in pairwise(shapes))
    last = shapes[-1][0] * shapes[-1][1] ** 2
    lstms = 4 * hidden_size * (last + hidden_size + latent_dim + hidden_size)
    return 3 * 2 * seq_len * (2 * taps + lstms + hidden_size * last)
