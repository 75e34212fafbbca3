"""Turn configuration nodes into objects; a model gets its input sizes from the data."""

import inspect
import re
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

from hydra.errors import InstantiationException
from hydra.utils import instantiate as hydra_instantiate

from skelmap.data.datamodule import SkeletonDataModule
from skelmap.data.input_spec import InputSpec
from skelmap.data.keypoints import KeypointSettings
from skelmap.models.base import Model
from skelmap.utils.errors import UserError
from skelmap.utils.schema import validate_signature

MODEL_TARGET = re.compile(r"skelmap\.models\.[A-Z]\w*")
"""A class that `skelmap.models` exports; its submodules start with small letters."""
TARGETS = frozenset(
    {
        "skelmap.data.SkeletonDataModule",
        "skelmap.simulation.dataset.simulate_dataset",
        "skelmap.training.loggers.wandb_logger",
        "pytorch_lightning.Trainer",
        "pytorch_lightning.callbacks.RichProgressBar",
        "pytorch_lightning.loggers.CSVLogger",
        "pytorch_lightning.loggers.TensorBoardLogger",
    }
)
"""What a configuration may instantiate beside models. Full names: a prefix would allow what these modules import."""


def instantiate(node: Mapping[str, Any], **more: Any) -> Any:
    """Instantiate a node of the resolved configuration.

    Args:
        node: plain values with a `_target_`.
        more: further arguments.

    Raises:
        UserError: a target is not allowed, or refuses its values.
    """
    check_targets(node)
    try:
        return hydra_instantiate(node, **more, _convert_="all")
    except InstantiationException as error:
        cause: BaseException | None = error
        while cause is not None:
            if isinstance(cause, UserError):
                raise cause from None
            cause = cause.__cause__
        raise UserError(" ".join(str(error).split())) from error


def instantiate_model(node: Mapping[str, Any], inputs: Mapping[str, Any]) -> Model:
    """Instantiate a model for its input.

    Args:
        node: the model's node of the configuration.
        inputs: see `input_sizes`; the constructor gets those that it has parameters for.

    Raises:
        UserError: no such model, or a value that its constructor does not allow.
    """
    cls = model_class(node.get("_target_"))
    parameters = inspect.signature(cls).parameters
    values = {**node, **{name: value for name, value in inputs.items() if name in parameters}}
    validate_signature(cls, values, "model")
    model: Model = instantiate(values)
    return model


def input_sizes(data: SkeletonDataModule | InputSpec) -> dict[str, Any]:
    """Input of a model for these windows, as parameters of its constructor."""
    settings, windows = data.settings, {"seq_len": data.window, "window": "frame" if data.window == 1 else "sequence"}
    if isinstance(settings, KeypointSettings):
        return {**windows, "representation": "keypoints", "layout": settings.layout.name}
    return {**windows, "representation": "maps", "img_size": settings.img_size, "map_channels": len(settings.channels)}


def model_class(target: Any) -> type[Model]:
    """Find the class of a model by its full name.

    Raises:
        UserError: not a class that `skelmap.models` exports.
    """
    found = None
    if isinstance(target, str) and MODEL_TARGET.fullmatch(target):
        found = getattr(import_module("skelmap.models"), target.rpartition(".")[2], None)
    if not (isinstance(found, type) and issubclass(found, Model)):
        raise UserError(f"model._target_={target}; allowed: a model of skelmap.models")
    return found


def check_targets(tree: Any) -> None:
    """Refuse to instantiate anything else than the classes of this project and the listed ones of Lightning.

    Args:
        tree: resolved plain values; a configuration may come from a stranger.

    Raises:
        UserError: naming the key, its value and what is allowed.
    """
    for key, target in entries(tree):
        if key.rpartition(".")[2] != "_target_":
            continue
        if not isinstance(target, str) or (target not in TARGETS and not MODEL_TARGET.fullmatch(target)):
            raise UserError(
                f"{key}={target}: a configuration may not call this; allowed: what skelmap.models exports, "
                f"{', '.join(sorted(TARGETS))}"
            )


def entries(tree: Any, at: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every dotted key of nested values with its value."""
    items = tree.items() if isinstance(tree, Mapping) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in items:
        here = f"{at}.{key}" if at else str(key)
        yield here, value
        yield from entries(value, here)
