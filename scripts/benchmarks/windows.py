"""The windows that all rivals work on: those of the simulated factory, by the project's own configuration."""

from pathlib import Path

import torch
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig
from torch import Tensor

from skelmap.data.datamodule import SkeletonDataModule

CONF = Path(__file__).parents[2] / "conf"


def configuration(folder: str, *overrides: str) -> DictConfig:
    """Compose conf/train.yaml; all that is written goes to a folder."""
    paths = [f"paths.{name}={folder}/{name}" for name in ("output_dir", "data_dir", "cache_dir")]
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return compose("train", ["~logger", *paths, *overrides])


def materialised(data: SkeletonDataModule, split: str) -> Tensor:
    """All windows of a split as floats, (W, T, C, H, W): T times the memory of the maps."""
    return data.gather(torch.from_numpy(data.starts(split)))
