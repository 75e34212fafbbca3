"""Resolve and check the configuration of a run, once, before any work is done.

What a component allows stands in the types of its constructor; here stand the keys of the run itself and the rules
between components.
"""

import os
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import InterpolationKeyError, OmegaConfBaseException
from pydantic import BaseModel, ConfigDict

from skelmap.data.datamodule import SkeletonDataModule
from skelmap.data.rendering import MapSettings
from skelmap.models.baseline_base import Baseline
from skelmap.skeletons.readers import make_pose_format
from skelmap.training.instantiate import INPUTS, check_node, entries, model_class, subclass
from skelmap.training.trainer_config import check_trainer
from skelmap.utils.errors import UserError
from skelmap.utils.redaction import secret_keys
from skelmap.utils.schema import STRICT, FilePath, Seed, parameters, validate, validate_signature

GROUPS = ("data", "model", "trainer", "paths")
"""Groups that a configuration must have."""
PARTS = ("callbacks", "logger", "plots")
"""Groups with any number of nodes, each under a name."""
GIVEN_TO_TRAINER = ("callbacks", "logger", "plugins")
"""Parameters of the trainer that the program gives."""
OPEN = ConfigDict(**{**STRICT, "extra": "allow"})


class RunConfig(BaseModel):
    """Keys of the run itself."""

    model_config = OPEN
    seed: Seed
    train: bool
    autotune: bool
    ckpt_path: FilePath | None = None


def resolve(cfg: DictConfig) -> dict[str, Any]:
    """Resolve a configuration to plain Python.

    Raises:
        UserError: a value refers to something that is not there, or to a model that is not known.
    """
    try:
        config: dict[str, Any] = OmegaConf.to_container(cfg, resolve=True)  # type: ignore[assignment]
    except OmegaConfBaseException as error:
        cause: BaseException | None = error
        while cause is not None:  # OmegaConf wraps what resolvers raise, and removes the cause
            if isinstance(cause, UserError):
                raise cause from None
            cause = cause.__context__
        reason = str(error.msg or error).splitlines()[0]
        if isinstance(error, InterpolationKeyError):
            reason += f"; set {error.full_key}=VALUE"
        elif "RecursionError" in reason:
            reason = "refers to itself; models get what they take from the data without a key"
        raise UserError(f"{error.full_key}: {reason}") from None
    return config


def check(config: dict[str, Any]) -> None:
    """Refuse a configuration that cannot work.

    Args:
        config: resolved.

    Raises:
        UserError: naming the first key that is wrong, its value and what is allowed.
    """
    for key in secret_keys(config):
        raise UserError(
            f"{key} is named like a secret, and configurations are written to logs and reports; "
            "give secrets in the environment, as WANDB_API_KEY"
        )
    groups = (*GROUPS, *(group for group in PARTS if config.get(group) is not None))
    missing = [group for group in groups if not isinstance(config.get(group), dict)]
    if missing:
        raise UserError(f"{missing[0]}={config.get(missing[0])}; allowed: keys and values, as in conf/")
    _check_parts(config)
    validate(RunConfig, config)
    _check_data(config["data"])
    _check_model(config["model"], config["data"])
    check_trainer(config["trainer"])
    check_node(config["trainer"], "trainer", without=GIVEN_TO_TRAINER)
    for name, part in _group_parts(config).items():
        check_node({**part, "_partial_": name.startswith("plots.")}, name)
    _check_optimizer(config)
    checkpoint = config.get("ckpt_path")
    if checkpoint is None and not config["train"]:
        raise UserError("train=false evaluates a checkpoint: name it with ckpt_path=PATH")
    if checkpoint is not None and not os.path.isfile(checkpoint):  # Path raises for too long names
        raise UserError(f"ckpt_path={checkpoint}: there is no such file")


def _check_parts(config: dict[str, Any]) -> None:
    """Refuse missing values, and groups that name no class."""
    if config["data"].get("manifest", "???") == "???":
        raise UserError("data.manifest is missing: name the CSV of your recordings with data.manifest=PATH")
    for key, value in entries(config):
        if isinstance(value, str) and value == "???":
            raise UserError(f"{key} is missing: set it with {key}=VALUE")
    parts = {group: config[group] for group in ("data", "model", "trainer")}
    for name, part in {**parts, **_group_parts(config)}.items():
        if not isinstance(part, dict) or "_target_" not in part:
            raise UserError(f"{name}={part}; allowed: keys and values with a _target_, as in conf/")


def _group_parts(config: dict[str, Any]) -> dict[str, Any]:
    """Nodes of the groups that hold any number of them, by key."""
    groups = {group: config.get(group) or {} for group in PARTS}
    return {f"{group}.{name}": part for group, parts in groups.items() for name, part in parts.items()}


def _check_optimizer(config: dict[str, Any]) -> None:
    """Check the keys of optimiser and schedule, which only models with gradients take."""
    chosen = {group: config[group] for group in ("optimizer", "scheduler") if config.get(group)}
    for group, node in chosen.items():
        if not isinstance(node, dict) or "_target_" not in node:
            raise UserError(f"{group}={node}; allowed: keys and values with a _target_, as in conf/")
        if issubclass(model_class(config["model"]["_target_"]), Baseline):
            raise UserError(f"{group}={node['_target_']}: the model is fitted in one step, without an optimiser")
        check_node({**node, "_partial_": True}, group)


def _check_data(node: dict[str, Any]) -> None:
    """Check the keys of the data, also those within them."""
    subclass("data._target_", node["_target_"], SkeletonDataModule)
    check_node(node, "data")
    validate_signature(MapSettings, node.get("maps") or {}, "data.maps", without=["img_size"])
    validate_signature(make_pose_format, node.get("pose_format") or {}, "data.pose_format")


def _check_model(node: dict[str, Any], data: dict[str, Any]) -> None:
    """Check the keys of the model, and that its input is what the data will be."""
    cls = model_class(node["_target_"])
    check_node(node, "model", optional=INPUTS)
    known, asked = parameters(cls), cls.input_defaults(node)
    for key in INPUTS:
        if key in node and node[key] not in (getattr(asked, key, None), data.get(key)):
            instead = f", or set data.{key}" if key in data else ""
            raise UserError(f"model.{key}={node[key]} has no effect: it comes from the data; drop it{instead}")
    for key in ("window", "representation"):
        if key not in known and data.get(key) != getattr(asked, key):
            raise UserError(f"data.{key}={data.get(key)}; allowed for {cls.__name__}: {getattr(asked, key)}")
