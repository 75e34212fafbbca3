"""The search space: the keys to tune and their bounds, checked before the first trial."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hydra.utils import get_class
from omegaconf import DictConfig, OmegaConf
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import Trial

from skelmap.models.baseline_base import Baseline
from skelmap.training.config_check import check, resolve
from skelmap.tuning.trial import BaseConfig
from skelmap.utils.errors import UserError
from skelmap.utils.io import read_yaml

Space = Mapping[str, BaseDistribution]

FORM = "{int: [low, high]} or {float: [low, high]}, either with log: true, or {choice: [a, b, ...]}"
NOT_TUNABLE = {
    "data": "val/loss is a sum over the pixels of the validation windows; other windows or maps change what is summed",
    "model.beta": "it is the weight of the KL divergence within val/loss, so the smallest would win, not the best",
    "model.score": "val/loss does not depend on how windows are scored",
    "model.samples": "val/loss does not depend on how windows are scored",
    "model._target_": "val/loss differs in meaning between models: tune each model on its own",
    "seed": "seeds are repeated, not selected",
}
"""Keys, or groups of keys, whose values cannot be compared by val/loss, with the reason."""
BASELINE = "its val/loss depends on the size of the fitted subspace; compare settings with skelmap train -m"


def read_space(path: Path) -> Space:
    """Read a search space.

    Args:
        path: YAML file; dotted keys of the configuration, each with a value of the form `FORM`.

    Raises:
        UserError: names the file, the key, the value and what is allowed.
    """
    content = read_yaml(path)
    if not content:
        raise UserError(f"{path}: holds no key; allowed: lines of `key: {FORM}`")
    return {str(key): _parse_distribution(f"{path}: {key!s}", entry) for key, entry in content.items()}


def _parse_distribution(where: str, entry: Any) -> BaseDistribution:
    malformed = UserError(f"{where}: {entry}; allowed: {FORM}")
    if not isinstance(entry, dict) or len(entry.keys() - {"log"}) != 1 or not isinstance(entry.get("log", False), bool):
        raise malformed
    kind = next(iter(entry.keys() - {"log"}))
    values = entry[kind]
    if not isinstance(values, list) or (kind == "choice" and ("log" in entry or not values)):
        raise malformed
    if kind == "choice":
        return CategoricalDistribution([json.dumps(v) if isinstance(v, list) else v for v in values])
    number = {"int": int, "float": int | float}.get(kind)
    if number is None or len(values) != 2 or any(not isinstance(v, number) or isinstance(v, bool) for v in values):
        raise malformed
    low, high, log = *values, entry.get("log", False)
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise UserError(f"{where}: bounds {low}, {high}; allowed: two numbers, the lower first")
    if log and low <= 0:
        raise UserError(f"{where}: lower bound {low} with log: true; allowed: above 0")
    return IntDistribution(low, high, log=log) if kind == "int" else FloatDistribution(low, high, log=log)


def check_space(space: Space, base: BaseConfig) -> None:
    """Refuse keys that val/loss cannot select, keys that are also set on the command line, and invalid bounds.

    Args:
        space: to check.
        base: the configuration that all trials share.

    Raises:
        UserError: names the key, the value and what is allowed.
    """
    cfg = base.compose(Path())
    check(resolve(cfg))
    if issubclass(get_class(cfg.model._target_), Baseline):
        raise UserError(f"{cfg.model._target_} cannot be tuned: {BASELINE}")
    for key, distribution in space.items():
        for name in (key, key.partition(".")[0]):
            if name in NOT_TUNABLE and key != "data.batch_size":
                raise UserError(f"{key} cannot be tuned: {NOT_TUNABLE[name]}; compare it with skelmap train -m")
        if key not in tunable_keys(cfg):
            raise UserError(f"{key} cannot be tuned; allowed here: {', '.join(tunable_keys(cfg))}")
        if any(override.lstrip("+").partition("=")[0] == key for override in base.overrides):
            raise UserError(f"{key} is set on the command line and in the search space; allowed: one of both")
        for value in _extreme_values(distribution):
            check(resolve(base.compose(Path(), format_override(key, value))))


def tunable_keys(cfg: DictConfig) -> list[str]:
    """List the keys that change the network or its training, but not the meaning of val/loss."""
    own = [name for name in cfg.model if not OmegaConf.is_interpolation(cfg.model, str(name))]
    return [key for name in own if (key := f"model.{name}") not in NOT_TUNABLE] + ["data.batch_size"]


def _extreme_values(distribution: BaseDistribution) -> tuple[Any, ...]:
    """Bounds of a range, or all choices."""
    if isinstance(distribution, CategoricalDistribution):
        return distribution.choices
    assert isinstance(distribution, IntDistribution | FloatDistribution)
    return distribution.low, distribution.high


def suggest_values(trial: Trial, space: Space) -> list[str]:
    """Draw the values of a trial; those of a continued trial stay as they are.

    Returns:
        An override for each key.
    """
    values: dict[str, Any] = {}
    for key, d in space.items():
        if isinstance(d, CategoricalDistribution):
            values[key] = trial.suggest_categorical(key, d.choices)
        elif isinstance(d, IntDistribution):
            values[key] = trial.suggest_int(key, d.low, d.high, log=d.log)
        elif isinstance(d, FloatDistribution):
            values[key] = trial.suggest_float(key, d.low, d.high, log=d.log)
    return [format_override(key, value) for key, value in values.items()]


def format_override(key: str, value: Any) -> str:
    """Format a value as an override of the configuration."""
    return f"{key}={format_value(value)}"


def format_value(value: Any) -> str:
    """Format a value for the configuration and for tables; a float has four significant digits."""
    if isinstance(value, float):
        return repr(float(f"{value:.4g}"))  # 2.0, not 2, which would pass as a value of an integer key
    return "null" if value is None else str(value)
