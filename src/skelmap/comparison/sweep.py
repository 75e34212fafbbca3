"""The runs of a Hydra multirun: their overrides, and their folders, which are named after the overrides."""

import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from zlib import crc32

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf, open_dict

from skelmap.utils.errors import UserError
from skelmap.utils.names import shorten

IGNORED_GROUPS = ("experiment", "sweep", "launcher")
"""Config groups that are not part of a folder's name: equal for all runs, or without effect on the results."""
SUBDIR = "${folder_name:${hydra.overrides.task}}"
"""The name of a run's folder in conf/train.yaml."""
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


def parse_override(line: str) -> tuple[str, Any]:
    """Key and value of an override, without the quotes and escapes that Hydra writes."""
    override = OverridesParser.create().parse_override(line)
    return override.key_or_group, override.value()


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
    """List the folders of all runs of a multirun; see `run_overrides`.

    Raises:
        UserError: they are not known before the sweep starts, or two runs have the same.
    """
    pattern = str(OmegaConf.to_container(config.hydra.sweep, resolve=False)["subdir"])  # type: ignore[index, call-overload]
    if unknown := re.search(r"\$\{(now|hydra):", pattern):
        raise UserError(
            f"hydra.sweep.subdir={pattern}: {unknown[0]}...}} is not known before the sweep starts; allowed: "
            "${hydra.job.num}, keys of the runs, or the default, which names the folders after the overrides"
        )
    runs = run_overrides(config)
    named = pattern == SUBDIR
    names = [folder_name(run) if named else _subdir(config, run, number) for number, run in enumerate(runs)]
    if twice := [name for name, count in Counter(names).items() if count > 1]:
        raise UserError(f"{names.count(twice[0])} runs of the sweep would write to the folder {twice[0]}")
    return [Path(config.hydra.sweep.dir) / name for name in names]


def _subdir(config: DictConfig, overrides: list[str], number: int) -> str:
    """Compose a run as Hydra's launchers do, and give its folder's name."""
    run = GlobalHydra.instance().config_loader().load_sweep_config(config, overrides)
    with open_dict(run):
        run.hydra.job.id = run.hydra.job.num = number
    return str(run.hydra.sweep.subdir)
