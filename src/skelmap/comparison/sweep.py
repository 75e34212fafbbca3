"""The folders of a sweep's cells, named after what makes each of them different."""

import re
from collections.abc import Iterable
from pathlib import Path
from zlib import crc32

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf

from skelmap.utils.names import shorten

SAME = ("experiment", "sweep", "launcher")
"""Groups that are the same for every cell, or say where it runs and not what."""
LONGEST = 200
"""File systems take names of up to 255 bytes."""


def folder_name(overrides: Iterable[str]) -> str:
    """Name a cell's folder after its overrides, fit for a file system.

    Every key is named with its value. Where that is too long, long values (paths) are shown by their end and a
    checksum. The same overrides give the same name, in whatever order.

    Args:
        overrides: `key=value` each.
    """
    name = ",".join(sorted(line for line in overrides if line.partition("=")[0] not in SAME)).replace("/", "_")
    if len(name) > LONGEST:
        name = re.sub(r"(?<==)[^,=]{30,}", lambda value: f"{value[0][-20:]}_{crc32(value[0].encode()):08x}", name)
    return shorten(name, LONGEST) or "defaults"


OmegaConf.register_new_resolver("folder_name", folder_name)


def cell_overrides(config: DictConfig) -> list[list[str]]:
    """List the overrides of all cells that Hydra's own sweeper makes of a multirun.

    Args:
        config: of the multirun, with its `hydra` part.

    Returns:
        `key=value` each, in the order of the sweep. Empty for another sweeper, whose cells nobody knows beforehand.
    """
    if not str(config.hydra.sweeper._target_).endswith(f".{BasicSweeper.__name__}"):
        return []
    arguments = [f"{key}={value}" for key, value in (config.hydra.sweeper.params or {}).items()]
    parser = OverridesParser.create(config_loader=GlobalHydra.instance().config_loader())
    overrides = parser.parse_overrides([*arguments, *config.hydra.overrides.task])
    (cells,) = BasicSweeper.split_arguments(overrides, None)
    return [list(cell) for cell in cells]


def cell_folders(config: DictConfig) -> list[Path]:
    """List the folders of these cells."""
    return [Path(config.hydra.sweep.dir) / folder_name(cell) for cell in cell_overrides(config)]
