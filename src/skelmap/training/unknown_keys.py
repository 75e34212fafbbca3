"""What a mistyped key may have meant; Hydra itself suggests to add it, and an added key would do nothing."""

import sys
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from pathlib import Path

from hydra import compose
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from hydra.initialize import initialize_config_dir
from omegaconf import OmegaConf

from skelmap.utils.names import flatten
from skelmap.utils.redaction import secret_arguments


def run_or_explain(main: Callable[[], object], config_dir: Path, config_name: str = "train") -> None:
    """Run a program of Hydra's; where it does not know a key, say after its message which one may be meant.

    Secrets are refused: Hydra writes what is typed to three files, and everyone on the machine can list it.
    """
    for key in secret_arguments(sys.argv[1:]):
        sys.exit(f"{key} is named like a secret; give secrets in the environment, as WANDB_API_KEY")
    for word in sys.argv[1:]:
        group, _, choice = word.partition("=")
        if choice == "null" and (config_dir / group).is_dir():  # Hydra has a traceback for that
            names = ", ".join(sorted(path.stem for path in (config_dir / group).glob("*.yaml")))
            sys.exit(f"{word}; allowed: {names}, or ~{group} for none")
    try:
        main()
    except SystemExit as stop:
        if stop.code:
            for sentence in explain_unknown_keys(sys.argv[1:], config_dir, config_name):
                print(sentence, file=sys.stderr)
        raise


def explain_unknown_keys(arguments: Sequence[str], config_dir: Path, config_name: str = "train") -> list[str]:
    """Name the keys of a command line that the configuration does not have, each with the likeliest ones it has.

    Args:
        arguments: the command line without the program.
        config_dir: the folder of the configuration.
        config_name: its file there, without ending.

    Returns:
        A sentence for each unknown key; nothing where all are known or Hydra cannot read the command line.
    """
    try:
        overrides = OverridesParser.create().parse_overrides([word for word in arguments if not word.startswith("-")])
        GlobalHydra.instance().clear()
        with initialize_config_dir(str(config_dir), version_base="1.3"):
            choices = compose(config_name, return_hydra_config=True).hydra.runtime.choices
            groups = {str(group) for group in choices if not str(group).startswith("hydra/")}
            chosen = [str(o.input_line) for o in overrides if o.key_or_group in groups and not o.is_sweep_override()]
            known = OmegaConf.to_container(compose(config_name, chosen), resolve=False)
    except HydraException:
        return []
    assert isinstance(known, dict)
    keys = [*flatten({str(key): value for key, value in known.items()}), *groups]
    swept = tuple(f"{o.key_or_group}." for o in overrides if o.key_or_group in groups and o.is_sweep_override())
    asked = [o.key_or_group for o in overrides if not o.is_add()]
    unknown = [key for key in asked if not key.startswith(("hydra", *swept)) and not _is_known(key, keys)]
    return [f"There is no key {key}{_likely(key, keys)}" for key in unknown]


def _is_known(key: str, keys: Sequence[str]) -> bool:
    return any(other == key or other.startswith(f"{key}.") for other in keys)


def _likely(key: str, keys: Sequence[str]) -> str:
    same_name = [other for other in keys if other.rpartition(".")[2] == key.rpartition(".")[2]]
    likely = same_name or get_close_matches(key, keys, n=3, cutoff=0.6)
    return f"; did you mean {' or '.join(likely)}?" if likely else "; --help lists them all"
