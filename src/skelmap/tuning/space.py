"""The search space: which keys are searched and between which bounds; checked before any trial."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hydra.utils import get_class
from omegaconf import DictConfig, OmegaConf
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import Trial

from skelmap.models.baselines import Baseline
from skelmap.training.schema import check, resolve
from skelmap.tuning.trial import Recipe
from skelmap.utils.errors import UserError
from skelmap.utils.io import read_yaml

Space = Mapping[str, BaseDistribution]

FORM = "{int: [low, high]} or {float: [low, high]}, either with log: true, or {choice: [a, b, ...]}"
NOT_SEARCHED = {
    "data": "val/loss is a sum over the pixels of the validation windows; other windows or maps change what is summed",
    "model.beta": "it weighs the KL divergence within val/loss, so the smallest would win, not the best",
    "model.score": "val/loss does not depend on how windows are scored",
    "model.samples": "val/loss does not depend on how windows are scored",
    "model._target_": "val/loss means something else for another model: one search for each model",
    "seed": "seeds are repeated, not chosen",
}
"""Why values of val/loss under different values of a key, or of any key of a group, do not compare."""
BASELINE = "its val/loss measures another thing in a subspace of another size; compare settings with train.py -m"


def read_space(path: Path) -> Space:
    """Read a search space.

    Args:
        path: YAML; dotted keys of the configuration, each with `FORM`.

    Raises:
        UserError: naming the file, the key, the value and what is allowed.
    """
    content = read_yaml(path)
    if not content:
        raise UserError(f"{path}: holds no key; allowed: lines of `key: {FORM}`")
    return {str(key): _distribution(f"{path}: {key!s}", entry) for key, entry in content.items()}


def _distribution(where: str, entry: Any) -> BaseDistribution:
    wrong = UserError(f"{where}: {entry}; allowed: {FORM}")
    if not isinstance(entry, dict) or len(entry.keys() - {"log"}) != 1 or not isinstance(entry.get("log", False), bool):
        raise wrong
    kind = next(iter(entry.keys() - {"log"}))
    values = entry[kind]
    if not isinstance(values, list) or (kind == "choice" and ("log" in entry or not values)):
        raise wrong
    if kind == "choice":
        return CategoricalDistribution([json.dumps(v) if isinstance(v, list) else v for v in values])
    number = {"int": int, "float": int | float}.get(kind)
    if number is None or len(values) != 2 or any(not isinstance(v, number) or isinstance(v, bool) for v in values):
        raise wrong
    low, high, log = *values, entry.get("log", False)
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise UserError(f"{where}: bounds {low}, {high}; allowed: two numbers, the lower first")
    if log and low <= 0:
        raise UserError(f"{where}: lower bound {low} with log: true; allowed: above 0")
    return IntDistribution(low, high, log=log) if kind == "int" else FloatDistribution(low, high, log=log)


def check_space(space: Space, recipe: Recipe) -> None:
    """Refuse keys that val/loss cannot choose, keys set on the command line too, and bounds that cannot work.

    Args:
        space: to check.
        recipe: what every trial is composed from.

    Raises:
        UserError: naming the key, the value and what is allowed.
    """
    cfg = recipe.compose(Path())
    check(resolve(cfg))
    if issubclass(get_class(cfg.model._target_), Baseline):
        raise UserError(f"{cfg.model._target_} cannot be searched: {BASELINE}")
    for key, distribution in space.items():
        for name in (key, key.partition(".")[0]):
            if name in NOT_SEARCHED and key != "data.batch_size":
                raise UserError(f"{key} cannot be searched: {NOT_SEARCHED[name]}; compare it with train.py -m")
        if key not in searchable(cfg):
            raise UserError(f"{key} cannot be searched; allowed here: {', '.join(searchable(cfg))}")
        if any(override.lstrip("+").partition("=")[0] == key for override in recipe.overrides):
            raise UserError(f"{key} is set on the command line and searched; allowed: one of both")
        for value in _extremes(distribution):
            check(resolve(recipe.compose(Path(), override(key, value))))


def searchable(cfg: DictConfig) -> list[str]:
    """List the keys that change the network or its training, and leave the meaning of val/loss as it is."""
    own = [name for name in cfg.model if not OmegaConf.is_interpolation(cfg.model, str(name))]
    return [key for name in own if (key := f"model.{name}") not in NOT_SEARCHED] + ["data.batch_size"]


def _extremes(distribution: BaseDistribution) -> tuple[Any, ...]:
    if isinstance(distribution, CategoricalDistribution):
        return distribution.choices
    assert isinstance(distribution, IntDistribution | FloatDistribution)
    return distribution.low, distribution.high


def suggest(trial: Trial, space: Space) -> list[str]:
    """Draw the values that a trial lacks.

    Returns:
        Overrides, one for each key.
    """
    values: dict[str, Any] = {}
    for key, d in space.items():
        if isinstance(d, CategoricalDistribution):
            values[key] = trial.suggest_categorical(key, d.choices)
        elif isinstance(d, IntDistribution):
            values[key] = trial.suggest_int(key, d.low, d.high, log=d.log)
        elif isinstance(d, FloatDistribution):
            values[key] = trial.suggest_float(key, d.low, d.high, log=d.log)
    return [override(key, value) for key, value in values.items()]


def override(key: str, value: Any) -> str:
    """Write a value as a trial takes it."""
    return f"{key}={text(value)}"


def text(value: Any) -> str:
    """Write a value for configuration and tables alike; fractions have four significant digits."""
    if isinstance(value, float):
        return repr(float(f"{value:.4g}"))  # 2.0, not 2: a key of whole numbers shall refuse it
    return "null" if value is None else str(value)
