"""Compose conf/train.yaml in tests, and name the type of the fixture `compose` (conftest.py)."""

from collections.abc import Callable
from pathlib import Path

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig

import skelmap.comparison.sweep
import skelmap.training.resolvers  # noqa: F401  registers ${from_model:KEY}

ROOT = Path(__file__).parents[2]
"""The repository."""
Compose = Callable[..., DictConfig]
"""A function from overrides to a configuration."""


def check(cfg: DictConfig) -> None:
    """Resolve and check a configuration, as a run does."""
    from skelmap.training import config_check

    config_check.check(config_check.resolve(cfg))


def compose_train(*overrides: str) -> DictConfig:
    """Compose conf/train.yaml with overrides, as train.py does."""
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        return compose("train", list(overrides))
