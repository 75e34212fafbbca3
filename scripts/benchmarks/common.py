"""What the benchmark's parts share: device, timing, configuration and windows of the simulated data."""

import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import torch
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig
from torch import Tensor

import skelmap.comparison.sweep
import skelmap.training.resolvers  # noqa: F401  registers ${from_model:KEY}
from skelmap.data.datamodule import SkeletonDataModule
from skelmap.training.config_check import resolve
from skelmap.training.instantiate import instantiate

CONF = Path(__file__).parents[2] / "conf"
DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")


def median_seconds(work: Callable[[], object], least: float = 0.5) -> float:
    """Time a function, s: median over at least five calls and `least` seconds, after one call to warm up."""
    work()
    times: list[float] = []
    while sum(times) < least or len(times) < 5:
        began = time.perf_counter()
        work()
        if DEVICE.type == "cuda":
            torch.cuda.synchronize()
        times.append(time.perf_counter() - began)
    return median(times)


def configuration(folder: str, *overrides: str) -> DictConfig:
    """Compose conf/train.yaml for simulated data; all output goes to a folder."""
    paths = [f"paths.{name}={folder}/{name}" for name in ("output_dir", "data_dir", "cache_dir")]
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return compose("train", ["~logger", *paths, *overrides])


def resolved(folder: str, *overrides: str) -> dict[str, Any]:
    """Compose and resolve conf/train.yaml for simulated data; all output goes to a folder."""
    return resolve(configuration(folder, *overrides))


def data_module(config: dict[str, Any]) -> SkeletonDataModule:
    """Build the data module of a resolved configuration."""
    data: SkeletonDataModule = instantiate(config["data"])
    return data


def training_windows(data: SkeletonDataModule, split: str = "train") -> Tensor:
    """Gather the training or validation windows as floats, (N, T, C, H, W): T times the memory of the maps."""
    return data.gather(torch.from_numpy(data.starts(split)))


def scored_windows(data: SkeletonDataModule) -> Tensor:
    """Gather the test and validation windows that `skelmap` scores after a training, (N, T, C, H, W)."""
    return torch.cat([data.gather(torch.from_numpy(data.scored_starts(split))) for split in data.scored_splits])
