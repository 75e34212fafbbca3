"""Build the model of a run folder, whose text is not trusted.

It is read as plain values. Only models that skelmap.models exports are built, and classes of packages that the user
names; Hydra, which would resolve interpolations and call any function, is not used.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from skelmap import models
from skelmap.models.base import Model
from skelmap.training.instantiate import locate, model_values, subclass
from skelmap.utils.errors import UserError

REGISTERED = tuple(f"skelmap.models.{name}" for name in models.__all__)
"""Full names of the models that every run folder may name."""


def rebuild_model(node: Mapping[str, Any], inputs: Mapping[str, Any], trust: Sequence[str] = ()) -> Model:
    """Build a model from a configuration that may come from a stranger.

    Args:
        node: the model's node.
        inputs: see `skelmap.training.instantiate.input_sizes`.
        trust: packages whose classes may be built, too.

    Raises:
        UserError: a class is not allowed, or refuses its values.
    """
    target = node.get("_target_")
    if target not in REGISTERED:
        _trusted_class("model._target_", target, trust)
    cls: type[Model] = subclass("model._target_", target, Model)
    values = model_values(cls, node, inputs)
    del values["_target_"]
    return cls(**{name: _built(value, f"model.{name}", trust) for name, value in values.items()})


def _built(value: Any, key: str, trust: Sequence[str]) -> Any:
    """Build the objects in nested plain values."""
    if isinstance(value, list):
        return [_built(item, f"{key}.{number}", trust) for number, item in enumerate(value)]
    if not isinstance(value, dict):
        return value
    built = {name: _built(item, f"{key}.{name}", trust) for name, item in value.items() if name != "_target_"}
    if "_target_" not in value:
        return built
    cls = _trusted_class(f"{key}._target_", value["_target_"], trust)
    return partial(cls, **built) if built.pop("_partial_", False) else cls(**built)


def _trusted_class(key: str, target: Any, trust: Sequence[str]) -> Callable[..., Any]:
    """Import a class of a trusted package; what the package itself imports from others is not trusted.

    Raises:
        UserError: of another package, or no class.
    """
    if _is_within(target, trust):
        found = locate(key, target)
        if isinstance(found, type) and _is_within(found.__module__, trust):
            return found
    package = str(target).partition(".")[0]
    raise UserError(
        f"{key}={target}: the configuration of a run folder may not call this; allowed: a model of skelmap.models, "
        f"and classes of a package whose code you trust: trust={package} (skelmap export: --trust {package})"
    )


def _is_within(name: Any, packages: Sequence[str]) -> bool:
    return isinstance(name, str) and any(name == package or name.startswith(f"{package}.") for package in packages)
