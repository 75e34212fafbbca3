"""Turn configuration nodes into objects; a model gets its input sizes from the data.

A composed configuration is trusted, as in every Hydra program: it may name any class that Python finds. What a run
folder says is not trusted, see `skelmap.training.rebuild`.
"""

import os
import sys
import traceback
from collections.abc import Callable, Collection, Iterator, Mapping
from difflib import get_close_matches
from importlib import import_module
from types import ModuleType
from typing import Any

from hydra.errors import InstantiationException
from hydra.utils import instantiate as hydra_instantiate

from skelmap.data.datamodule import SkeletonDataModule
from skelmap.data.input_spec import InputSpec
from skelmap.data.keypoints import KeypointSettings
from skelmap.models.base import Model
from skelmap.utils.errors import UserError
from skelmap.utils.schema import parameters, validate_signature


def instantiate(node: Mapping[str, Any], **more: Any) -> Any:
    """Instantiate a node of the resolved configuration.

    Args:
        node: plain values with a `_target_`.
        more: further arguments.

    Raises:
        UserError: the target cannot be imported, or refuses its values.
    """
    try:
        return hydra_instantiate(node, **more, _convert_="all")
    except InstantiationException as error:
        raise _as_user_error(error) from error


def partial_of(node: Mapping[str, Any] | None) -> Any:
    """Function that calls the target of a node with its values, given the remaining arguments; None without a node."""
    return instantiate({**node, "_partial_": True}) if node else None


def _as_user_error(error: InstantiationException) -> UserError:
    """Give the UserError of a constructor, or the text of another error with the line that raised it."""
    cause: BaseException = error
    while cause.__cause__ is not None and not isinstance(cause, UserError):
        cause = cause.__cause__
    if isinstance(cause, UserError):
        return cause
    return UserError(" ".join(str(error).split()) + _where(cause))


def _where(error: BaseException) -> str:
    """File and line that raised an error, in brackets."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not frame.filename.startswith("<")]
    return f" ({frames[-1].filename}, line {frames[-1].lineno})" if frames else ""


def instantiate_model(node: Mapping[str, Any], inputs: Mapping[str, Any]) -> Model:
    """Instantiate a model for its input.

    Args:
        node: the model's node of the configuration.
        inputs: see `input_sizes`; the constructor gets those that it has parameters for.

    Raises:
        UserError: no such model, or a value that its constructor does not allow.
    """
    values = model_values(model_class(node.get("_target_")), node, inputs)
    model: Model = instantiate(values)
    if not model.hparams:
        raise UserError(f"{node['_target_']}: its constructor must call self.save_hyperparameters(logger=False)")
    return model


def model_values(cls: type[Model], node: Mapping[str, Any], inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Add the input sizes that a constructor has parameters for to the values of a node, and check all.

    Raises:
        UserError: a value that the constructor does not allow.
    """
    known = parameters(cls)
    values = {**node, **{name: value for name, value in inputs.items() if name in known}}
    validate_signature(cls, values, "model")
    return values


INPUTS = ("seq_len", "window", "representation", "layout", "img_size", "map_channels")
"""Parameters of models that get their values from the data."""


def input_sizes(data: SkeletonDataModule | InputSpec) -> dict[str, Any]:
    """Input of a model for these windows, as parameters of its constructor."""
    settings, windows = data.settings, {"seq_len": data.window, "window": "frame" if data.window == 1 else "sequence"}
    if isinstance(settings, KeypointSettings):
        return {**windows, "representation": "keypoints", "layout": settings.layout.name}
    return {**windows, "representation": "maps", "img_size": settings.img_size, "map_channels": len(settings.channels)}


def model_class(target: Any) -> type[Model]:
    """Find the class of a model by its full name.

    Raises:
        UserError: it cannot be imported, or is no model.
    """
    return subclass("model._target_", target, Model)


def subclass(key: str, target: Any, base: type) -> type[Any]:
    """Find a class by its full name.

    Args:
        key: of the configuration, for messages.
        target: full name.
        base: what the class must derive from.

    Raises:
        UserError: it cannot be imported, or does not derive from the base.
    """
    found = locate(key, target)
    if not (isinstance(found, type) and issubclass(found, base)):
        raise UserError(f"{key}={target}; allowed: a class that derives from {base.__module__}.{base.__qualname__}")
    return found


def locate(key: str, target: Any) -> Callable[..., Any]:
    """Import a class or function by its full name, from the current folder too.

    Args:
        key: of the configuration, for messages.
        target: such as "my_lab.models.GRUAE".

    Raises:
        UserError: there is no such module or name, or importing the module fails.
    """
    if not isinstance(target, str) or not all(part.isidentifier() for part in target.split(".")):
        raise UserError(f"{key}={target}; allowed: the full name of a class, such as my_lab.models.GRUAE")
    if os.getcwd() not in sys.path:  # last, so that a user's file replaces no package
        sys.path.append(os.getcwd())
    found: Any = None
    parts = target.split(".")
    for count, name in enumerate(parts, 1):
        if found is None or (isinstance(found, ModuleType) and not hasattr(found, name)):
            module = ".".join(parts[:count])
            try:
                imported = import_module(module)
            except Exception as error:  # whatever the module does
                missing = isinstance(error, ModuleNotFoundError) and error.name == module
                reason = _not_found(found, name) if missing else f"{type(error).__name__}: {error}{_where(error)}"
                raise UserError(f"{key}={target}: {reason}") from error
            found = imported
        elif hasattr(found, name):
            found = getattr(found, name)
        else:
            raise UserError(f"{key}={target}: {_not_found(found, name)}")
    if not callable(found):
        raise UserError(f"{key}={target}; allowed: the full name of a class or function")
    called: Callable[..., Any] = found
    return called


def _not_found(parent: Any, name: str) -> str:
    """Say that a package, or a name in a module or class, does not exist; name similar ones."""
    if parent is None:
        return f"there is no package {name}; start in the folder that contains it, or install it"
    likely = get_close_matches(name, dir(parent), n=3, cutoff=0.6)
    return f"{parent.__name__} has no {name}" + (f"; did you mean {' or '.join(likely)}?" if likely else "")


def check_node(
    node: Mapping[str, Any], key: str, without: Collection[str] = (), optional: Collection[str] = ()
) -> None:
    """Check the keys of a node, and of the nodes in it, against the parameters of what they call.

    Args:
        node: plain values with a `_target_`.
        key: of the node, for messages.
        without: parameters that the program itself gives.
        optional: parameters that the program gives if they are missing.

    Raises:
        UserError: naming the first key that is wrong, its value and what is allowed.
    """
    target = locate(f"{key}._target_", node["_target_"])
    partial = node.get("_partial_") is True or "_args_" in node
    validate_signature(target, node, key, without=without, optional=parameters(target) if partial else optional)
    for inner, value in entries(dict(node), key):
        if isinstance(value, dict) and "_target_" in value:
            check_node(value, inner)


def entries(tree: Any, at: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every dotted key of nested values with its value."""
    items = tree.items() if isinstance(tree, Mapping) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in items:
        here = f"{at}.{key}" if at else str(key)
        yield here, value
        yield from entries(value, here)
