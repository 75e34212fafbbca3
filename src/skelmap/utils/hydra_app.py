"""Run a command that takes Hydra's KEY=VALUE arguments, with checks and messages that Hydra itself lacks."""

import re
import sys
from collections.abc import Callable, Sequence

import hydra
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf

from skelmap.utils.config_files import config_dir, own_config_dirs
from skelmap.utils.names import flatten
from skelmap.utils.redaction import secret_arguments
from skelmap.utils.schema import unknown_key

COMMAND_LINE = list(sys.argv)
"""sys.argv when the program started."""

RENAMED = {
    "data.json": "data.pose_format",
    "data.stride": "data.window_stride",
    "data.frame_step": "data.fps, the frame rate of the windows",
    "model.neighbours": "model.n_neighbors",
    "model.views": "model.features",
    "model.dimensions": "model.n_components",
    "model.mixtures": "model.n_components",
    "model.relative": "model.density_power",
    "model.remainder": "model.keep_residual",
    "model.ranks": "model.rank_normalize",
    "json": "pose_format",
    "cool_down_seconds": "release_seconds",
    "command": "on_alarm",
    "page": "web.port",
    "host": "web.host",
    "picture": "save_camera_image",
    "video": "save_video",
    "data=factory": "data=simulated",
    "model=neighbours": "model=feature_knn",
    "model=mean_map": "model=mean_template",
    "model=pca_course": "model=feature_pca_trajectory",
    "model=knn_course": "model=feature_knn_trajectory",
    "model=knn_spectra": "model=feature_knn_spectra",
    "model=knn_ranks": "model=feature_knn_ranks",
}
"""Keys and choices of earlier versions, and their names now."""
NEEDED_GROUPS = ("model", "data", "trainer")
"""Groups without which there is no run."""
COMBINED_GROUPS = ("logger", "callbacks", "plots")
"""Groups from which several files may be chosen: logger=[csv,wandb]."""


def check_arguments(arguments: Sequence[str]) -> None:
    """Refuse arguments that Hydra would write to files or explain badly.

    Arguments named like secrets are refused because other users of the machine can list them, too.

    Args:
        arguments: KEY=VALUE words and Hydra's options.

    Raises:
        SystemExit: a secret, a key or choice of an earlier version, a group without a choice or with several.
    """
    for key in secret_arguments(arguments):
        sys.exit(f"{key} is named like a secret; give secrets in the environment, as WANDB_API_KEY")
    for argument in arguments:
        if new := _renamed(argument):
            sys.exit(f"{argument}: renamed; now {new}")
        group, _, choice = argument.lstrip("+").partition("=")
        if argument.lstrip("~") in NEEDED_GROUPS and argument.startswith("~"):
            sys.exit(f"{argument}: a run needs one of {', '.join(_choices(argument[1:], arguments))}")
        if choice == "null" and (config_dir() / group).is_dir():  # Hydra fails with a traceback
            sys.exit(f"{argument}; allowed: {', '.join(_choices(group, arguments))}, or ~{group} for none")
        if choice.startswith("[") and group not in COMBINED_GROUPS and (config_dir() / group).is_dir():
            swept = re.sub(r"[\[\] ]", "", choice)  # of a list, Hydra would take the last one
            names = ", ".join(_choices(group, arguments))
            sys.exit(f"{argument}; allowed: one of {names}; -m {group}={swept} runs each of them")


def _choices(group: str, arguments: Sequence[str]) -> list[str]:
    """Names of a group's files."""
    folders = [config_dir(), *own_config_dirs(arguments)]
    return sorted(path.stem for folder in folders for path in (folder / group).glob("*.yaml"))


def run_hydra(task: Callable[[DictConfig], object], config_name: str, arguments: Sequence[str]) -> None:
    """Run a task with the configuration composed by Hydra.

    If it fails, messages about unknown keys follow Hydra's own.

    Args:
        task: a module-level function; the workers of a sweep import it by name.
        config_name: a file of conf/, without suffix.
        arguments: KEY=VALUE words and Hydra's options.

    Raises:
        SystemExit: a wrong argument, or the task's own exit code.
    """
    check_arguments(arguments)
    sys.argv = [sys.argv[0], *arguments]  # the only way to pass arguments to Hydra
    try:
        hydra.main(version_base="1.3", config_path=str(config_dir()), config_name=config_name)(task)()
    except SystemExit as stop:
        if stop.code:
            for message in unknown_key_messages(arguments, config_name):
                print(message, file=sys.stderr)
        raise


def _renamed(argument: str) -> str:
    """Name of an earlier version's key or choice now; empty if it was not renamed."""
    key, _, value = argument.lstrip("+~").partition("=")
    choices = [f"{key}={choice}" for choice in value.split(",")]
    prefixes = [key, *(key[:dot] for dot, letter in enumerate(key) if letter == ".")]
    return next((RENAMED[name] for name in (*choices, *prefixes) if name in RENAMED), "")


def unknown_key_messages(arguments: Sequence[str], config_name: str) -> list[str]:
    """Describe the keys of a command line that the configuration does not have, with similar ones that it has.

    Returns:
        A message for each unknown key; none if Hydra cannot parse the arguments.
    """
    try:
        words = [word for word in arguments if re.match(r"~|[^-].*=", word)]  # no options
        overrides = OverridesParser.create().parse_overrides(words)
        GlobalHydra.instance().clear()
        with hydra.initialize_config_dir(str(config_dir()), version_base="1.3"):
            folders = ",".join(f"'file://{folder}'" for folder in own_config_dirs(arguments))
            own = [f"hydra.searchpath=[{folders}]"]
            choices = hydra.compose(config_name, own, return_hydra_config=True).hydra.runtime.choices
            groups = {str(group) for group in choices if not str(group).startswith("hydra/")}
            chosen = [str(o.input_line) for o in overrides if o.key_or_group in groups and not o.is_sweep_override()]
            config = OmegaConf.to_container(hydra.compose(config_name, [*own, *chosen]), resolve=False)
    except HydraException:
        return []
    assert isinstance(config, dict)
    known = [*flatten({str(key): value for key, value in config.items()}), *groups]
    swept = tuple(f"{o.key_or_group}." for o in overrides if o.key_or_group in groups and o.is_sweep_override())
    keys = [o.key_or_group for o in overrides if not o.is_add() and not o.key_or_group.startswith(("hydra", *swept))]
    unknown = [key for key in keys if not any(other == key or other.startswith(f"{key}.") for other in known)]
    messages = [unknown_key(key, known) for key in unknown]
    return [message if "did you mean" in message else f"{message}; --help lists all keys" for message in messages]
