"""What each configuration key may be: checked before any work is done."""

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from skelmap.data.rendering import ALLOWED_CHANNELS, are_channels
from skelmap.skeletons.layouts import LAYOUTS
from skelmap.utils.errors import UserError
from skelmap.utils.redaction import secret_keys

Check = Callable[[Any], bool]
Rule = tuple[str, Check]


def _integer(low: int, high: int | None = None) -> Rule:
    text = f"a whole number from {low} to {high}" if high is not None else f"a whole number of at least {low}"

    def holds(value: Any) -> bool:
        return isinstance(value, int) and not isinstance(value, bool) and low <= value <= (high or math.inf)

    return text, holds


def _number(low: float, high: float, above: bool = False) -> Rule:
    def holds(value: Any) -> bool:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return number and (low < value if above else low <= value) and value <= high

    return f"a number {'above' if above else 'from'} {low:g} up to {high:g}", holds


def _choice(*names: str) -> Rule:
    return ", ".join(names), lambda value: value in names


def _list(of: str, holds: Check) -> Rule:
    return f"a list of {of}", lambda value: isinstance(value, list) and value != [] and all(map(holds, value))


def _or_null(rule: Rule) -> Rule:
    return f"null or {rule[0]}", lambda value: value is None or rule[1](value)


NUMBERS = _list("whole numbers of at least 1", _integer(1)[1])
SIDE = _integer(16, 16384)
SIZE: Rule = ("[width, height] in px, 16 to 16384 each", lambda v: len(v) == 2 and all(map(SIDE[1], v)))
BOOLEAN: Rule = ("true or false", lambda value: isinstance(value, bool))
PATH: Rule = ("a path", lambda value: isinstance(value, str) and value != "")
RULES: dict[str, Rule] = {
    "seed": _integer(0, 2**31 - 1),
    "train": BOOLEAN,
    "ckpt_path": _or_null(PATH),
    "data.seq_len": _integer(1, 10_000),
    "data.window": _integer(1, 10_000),
    "data.representation": _choice("maps", "keypoints"),
    "data.img_size": _integer(14, 256),
    "data.batch_size": _integer(1),
    "data.stride": _integer(1),
    "data.frame_step": _integer(1, 1000),
    "data.maps.crop_size": _integer(14, 4096),
    "data.maps.resample": _choice("bilinear", "area"),
    "data.maps.line_width": _number(0, 200, above=True),
    "data.maps.line_unit": _choice("source", "map"),
    "data.maps.threshold": _or_null(_number(0, 0.999)),
    "data.maps.channels": (ALLOWED_CHANNELS, are_channels),
    "data.json.layout": _choice(*LAYOUTS),
    "data.json.size": SIZE,
    "data.json.fps": _number(0, 1000, above=True),
    "model.latent_dim": _integer(1, 4096),
    "model.hidden_size": _integer(1, 8192),
    "model.channels": NUMBERS,
    "model.learning_rate": _number(0, 10, above=True),
    "model.beta": _number(0, 1e6),
    "model.samples": _integer(1, 10_000),
    "model.mixtures": _integer(1, 1000),
    "model.neighbours": _integer(1, 1000),
    "model.views": _list("names", lambda value: isinstance(value, str)),
    "model.dimensions": NUMBERS,
    "model.remainder": BOOLEAN,
    "model.ranks": BOOLEAN,
    "model.relative": _number(0, 1),
    "model.max_windows": _integer(1),
    "trainer.max_epochs": _integer(1, 1_000_000),
    "trainer.strategy": _choice("auto", "ddp"),
    "trainer.limit_predict_batches": (
        "null, for all test windows; trainer=debug is a short trial",
        lambda v: v is None,
    ),
    "trainer.fast_dev_run": ("false; trainer=debug is a short trial", lambda v: v is False),
}
"""Allowed values by key; keys that a model does not have are passed over."""
COPIES = ("seq_len", "window", "img_size", "representation")
"""Keys of a model that repeat the data's."""
GROUPS = ("data", "model", "trainer", "callbacks", "paths")
"""What a configuration must have."""
TARGETS = frozenset(
    {
        "skelmap.data.SkeletonDataModule",
        "skelmap.simulation.dataset.simulate_dataset",
        *(f"skelmap.training.callbacks.{name}" for name in ("TrainingProgress", "EpochSeed", "History")),
        *(
            f"skelmap.training.callbacks.{name}"
            for name in ("BestCheckpoint", "LastCheckpoint", "FiniteLoss", "RestoreSigterm")
        ),
        "skelmap.training.callbacks.CudaGraph",
        "skelmap.training.loggers.wandb_logger",
        "pytorch_lightning.Trainer",
        "pytorch_lightning.loggers.CSVLogger",
        "pytorch_lightning.loggers.TensorBoardLogger",
    }
)
"""What a configuration may call beside models. Whole names: `skelmap.` alone would let in what its modules import."""
MODEL = re.compile(r"skelmap\.models\.[A-Z]\w*")
"""A class that `skelmap.models` exports; what else it holds are modules, in small letters."""


def check(cfg: DictConfig) -> None:
    """Refuse a configuration that cannot work.

    Args:
        cfg: the composed configuration.

    Raises:
        UserError: naming the first key that is wrong, its value and what is allowed.
    """
    tree = resolved(cfg)
    check_targets(tree)
    for key in secret_keys(tree):
        raise UserError(
            f"{key} is named like a secret, and configurations are written to logs and reports; "
            "give secrets in the environment, as WANDB_API_KEY"
        )
    missing = [group for group in GROUPS if not isinstance(tree.get(group), dict)]
    if missing:
        raise UserError(f"{missing[0]}={tree.get(missing[0])}; allowed: keys and values, as in conf/")
    data, checkpoint = tree["data"], tree.get("ckpt_path")
    if data.get("manifest", "???") == "???":
        raise UserError("data.manifest is missing: name the CSV of your recordings with data.manifest=PATH")
    for key, value in _entries(tree):
        if isinstance(value, str) and value == "???":
            raise UserError(f"{key} is missing: set it with {key}=VALUE")
    parts = {f"callbacks.{name}": part for name, part in tree["callbacks"].items()}
    for name, part in {"data": data, "model": tree["model"], "trainer": tree["trainer"], **parts}.items():
        if not isinstance(part, dict) or "_target_" not in part:
            raise UserError(f"{name}={part}; allowed: keys and values with a _target_, as in conf/")
    check_values(tree, RULES)
    _check_copies(data, tree["model"])
    if checkpoint is None and not tree.get("train"):
        raise UserError("train=false judges a checkpoint: name it with ckpt_path=PATH")
    if checkpoint is not None and not Path(checkpoint).is_file():
        raise UserError(f"ckpt_path={checkpoint}: there is no such file")


def _check_copies(data: dict[str, Any], model: dict[str, Any]) -> None:
    """Refuse a model of other windows or maps than the data's."""
    for name in COPIES:
        if name in model and model[name] != data.get(name):
            raise UserError(
                f"model.{name}={model[name]}; allowed: data.{name}={data.get(name)}, which it follows; "
                f"change data.{name} instead"
            )
    whole = {data.get("seq_len"): f"data.seq_len={data.get('seq_len')}"}
    single = {1: "1"}
    fitting = single | whole if "window" in model else whole if "seq_len" in model else single
    if data.get("window") not in fitting:
        name = model["_target_"].rpartition(".")[2]
        raise UserError(
            f"data.window={data.get('window')}; allowed for {name}: {' or '.join(fitting.values())} (a model of "
            "windows has the key model.seq_len, one of either model.window)"
        )


def check_values(tree: dict[str, Any], rules: Mapping[str, Rule]) -> None:
    """Refuse values that a rule does not allow; keys without a rule, and rules without a key, are passed over.

    Args:
        tree: a configuration as plain Python.
        rules: by dotted key.

    Raises:
        UserError: naming the first key that is wrong, its value and what is allowed.
    """
    for key, value in known(tree, rules):
        allowed, holds = rules[key]
        try:
            good = holds(value)
        except TypeError:
            good = False
        if not good:
            raise UserError(f"{key}={value}; allowed: {allowed}")


def known(tree: dict[str, Any], keys: Iterable[str]) -> Iterator[tuple[str, Any]]:
    """List which of these dotted keys nested values have, and what they are."""
    for key in keys:
        *groups, name = key.split(".")
        place: Any = tree
        for group in groups:
            place = place.get(group) if isinstance(place, dict) else None
        if isinstance(place, dict) and name in place:
            yield key, place[name]


def resolved(cfg: DictConfig) -> dict[str, Any]:
    """Resolve a configuration to plain Python.

    Raises:
        UserError: a value refers to something that is not there.
    """
    try:
        tree: dict[str, Any] = OmegaConf.to_container(cfg, resolve=True)  # type: ignore[assignment]
    except OmegaConfBaseException as error:
        raise UserError(f"{error.full_key}: {error.msg or error}".strip()) from None
    return tree


def check_targets(tree: Any) -> None:
    """Refuse to call anything that the project does not use, however deep it stands.

    Args:
        tree: resolved plain Python; a configuration may come from a stranger.

    Raises:
        UserError: naming the key, its value and what is allowed.
    """
    for key, target in _entries(tree):
        if key.rpartition(".")[2] != "_target_":
            continue
        if not isinstance(target, str) or (target not in TARGETS and not MODEL.fullmatch(target)):
            raise UserError(
                f"{key}={target}: a configuration may not call this; allowed: what skelmap.models exports, "
                f"{', '.join(sorted(TARGETS))}"
            )


def _entries(tree: Any, at: str = "") -> Iterator[tuple[str, Any]]:
    """List every dotted key of nested values with what it holds."""
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in items:
        here = f"{at}.{key}" if at else str(key)
        yield here, value
        yield from _entries(value, here)
