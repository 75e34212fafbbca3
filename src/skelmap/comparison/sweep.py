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
MAX_VALUE = 40
"""Letters that a name has of a value with other characters than those of `PLAIN`, or of a longer one."""
PLAIN = r"\w.-"
"""Characters of names: neither shells nor Hydra want quotes around them. `+` stands between the overrides."""


def folder_name(overrides: Iterable[str]) -> str:
    """Name a run's folder after its overrides: `model.hidden_size-50+seed-0`.

    The name has every key with its value, sorted, so that equal overrides give equal names. It can be written on a
    command line without quotes. Other values (lists, paths) are replaced by their last letters and a checksum.

    Args:
        overrides: `key=value` each.
    """
    chosen = sorted(line.lstrip("+") for line in overrides if line.partition("=")[0] not in IGNORED_GROUPS)
    name = "+".join("-".join(map(_plain, line.split("=", 1))) for line in chosen)
    return shorten(name, MAX_LENGTH) or "defaults"


def _plain(text: str) -> str:
    """Replace other characters than `PLAIN`; different texts stay different."""
    plain = re.sub(rf"[^{PLAIN}]+", "_", text, flags=re.ASCII)
    if plain == text and len(text) <= MAX_VALUE:
        return text
    return f"{plain.strip('_')[-MAX_VALUE:]}_{crc32(text.encode(errors='surrogateescape')):08x}"


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
