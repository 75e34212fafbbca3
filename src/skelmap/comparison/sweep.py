"""The runs of a Hydra multirun: their overrides, and their folders, which are named after the overrides."""

import re
from collections.abc import Iterable
from pathlib import Path
from zlib import crc32

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf

from skelmap.utils.names import shorten

IGNORED_GROUPS = ("experiment", "sweep", "launcher")
"""Config groups that are not part of a folder's name: equal for all runs, or without effect on the results."""
MAX_LENGTH = 200
"""Bytes of a folder's name; file systems allow 255."""


def folder_name(overrides: Iterable[str]) -> str:
    """Name a run's folder after its overrides, with characters that every file system allows.

    The name has every key with its value, sorted, so that equal overrides give equal names. If it is too long, long
    values (paths) are replaced by their last characters and a checksum.

    Args:
        overrides: `key=value` each.
    """
    name = ",".join(sorted(line for line in overrides if line.partition("=")[0] not in IGNORED_GROUPS))
    name = name.replace("/", "_")
    if len(name) > MAX_LENGTH:
        name = re.sub(r"(?<==)[^,=]{30,}", lambda value: f"{value[0][-20:]}_{crc32(value[0].encode()):08x}", name)
    return shorten(name, MAX_LENGTH) or "defaults"


OmegaConf.register_new_resolver("folder_name", folder_name)  # used by conf/train.yaml


def run_overrides(config: DictConfig) -> list[list[str]]:
    """List the overrides of all runs of a multirun.

    Args:
        config: of the multirun, including its `hydra` part.

    Returns:
        For each run, a list of `key=value`. Empty for sweepers other than Hydra's basic one, which choose their runs
        one after another.
    """
    if not str(config.hydra.sweeper._target_).endswith(f".{BasicSweeper.__name__}"):
        return []
    arguments = [f"{key}={value}" for key, value in (config.hydra.sweeper.params or {}).items()]
    parser = OverridesParser.create(config_loader=GlobalHydra.instance().config_loader())
    overrides = parser.parse_overrides([*arguments, *config.hydra.overrides.task])
    (runs,) = BasicSweeper.split_arguments(overrides, None)
    return [list(run) for run in runs]


def run_folders(config: DictConfig) -> list[Path]:
    """List the folders of all runs of a multirun; see `run_overrides`."""
    return [Path(config.hydra.sweep.dir) / folder_name(overrides) for overrides in run_overrides(config)]
