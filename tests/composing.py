"""Where the project lies, and what the fixture `composed` is.

In a file of its own: several folders have a conftest, and only one of them can be imported by name.
"""

from collections.abc import Callable
from pathlib import Path

from omegaconf import DictConfig

ROOT = Path(__file__).parents[1]
Compose = Callable[..., DictConfig]
