"""Where the project lies, and what the fixture `composed` is.

In a file of its own: several folders have a conftest, and only one of them can be imported by name.
"""

from collections.abc import Callable
from pathlib import Path

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig

import skelmap.comparison.sweep  # noqa: F401  registers what conf/ names folders with

ROOT = Path(__file__).parents[1]
Compose = Callable[..., DictConfig]


def compose_train(*overrides: str) -> DictConfig:
    """Compose conf/train.yaml with overrides, as train.py does."""
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        return compose("train", list(overrides))
