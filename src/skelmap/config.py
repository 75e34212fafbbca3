"""What each configuration key may be: checked before any work is done."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from skelmap.errors import UserError
from skelmap.poses import LAYOUTS

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


SIDE = _integer(16, 16384)
RULES: dict[str, Rule] = {
    "seed": _integer(0, 2**31 - 1),
    "train": ("true or false", lambda value: isinstance(value, bool)),
    "ckpt_path": ("null or a path", lambda value: value is None or isinstance(value, str)),
    "data.seq_len": _integer(1, 10_000),
    "data.window": _integer(1, 10_000),
    "data.representation": _choice("maps", "keypoints"),
    "data.img_size": _integer(14, 256),
    "data.batch_size": _integer(1),
    "data.stride": _integer(1),
    "data.maps.crop_size": _integer(14, 4096),
    "data.maps.resample": _choice("bilinear", "area"),
    "data.maps.line_width": _number(0, 200, above=True),
    "data.maps.line_unit": _choice("source", "map"),
    "data.maps.threshold": _number(0, 0.999),
    "data.json.layout": _choice(*LAYOUTS),
    "data.json.size": ("[width, height] in px, 16 to 16384 each", lambda v: len(v) == 2 and all(map(SIDE[1], v))),
    "data.json.fps": _number(0, 1000, above=True),
    "model.latent_dim": _integer(1, 4096),
    "model.hidden_size": _integer(1, 8192),
    "model.channels": ("a list of whole numbers of at least 1", lambda v: bool(v) and all(map(_integer(1)[1], v))),
    "model.learning_rate": _number(0, 10, above=True),
    "model.beta": _number(0, 1e6),
    "model.samples": _integer(1, 10_000),
    "model.mixtures": _integer(1, 1000),
    "model.neighbours": _integer(1, 1000),
    "model.posture": _integer(1, 4096),
    "model.spread": _integer(1, 4096),
    "model.course": _integer(1, 4096),
    "model.max_windows": _integer(1),
    "trainer.max_epochs": _integer(1, 1_000_000),
}
"""Allowed values by key; keys that a model does not have are passed over."""


def check(cfg: DictConfig) -> None:
    """Refuse a configuration that cannot work.

    Args:
        cfg: the composed configuration.

    Raises:
        UserError: naming the first key that is wrong, its value and what is allowed.
    """
    if OmegaConf.is_missing(cfg.data, "manifest"):
        raise UserError("data.manifest is missing: name the CSV of your recordings with data.manifest=PATH")
    for key, (allowed, holds) in RULES.items():
        try:
            absent = OmegaConf.select(cfg, key, default=math.nan)
        except OmegaConfBaseException as error:
            raise UserError(f"{key}: {error}") from None
        value = OmegaConf.to_container(absent) if OmegaConf.is_config(absent) else absent
        if value is math.nan:
            continue
        try:
            good = holds(value)
        except TypeError:
            good = False
        if not good:
            raise UserError(f"{key}={value}; allowed: {allowed}")
    if cfg.data.window not in (1, cfg.data.seq_len):
        raise UserError(f"data.window={cfg.data.window}; allowed: 1 or data.seq_len={cfg.data.seq_len}")
    if cfg.ckpt_path is None and not cfg.train:
        raise UserError("train=false judges a checkpoint: name it with ckpt_path=PATH")
    if cfg.ckpt_path is not None and not Path(cfg.ckpt_path).is_file():
        raise UserError(f"ckpt_path={cfg.ckpt_path}: there is no such file")
