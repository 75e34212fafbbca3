"""Check configuration values against types: of a pydantic model, or of the parameters of a class or function.

Bounds and choices stand once, beside the component that they belong to: `Annotated[int, Field(ge=1)]`, `Literal[...]`.
Errors name the key, its value and what is allowed.
"""

import inspect
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from annotated_types import Ge, Gt, Le, Lt, MaxLen, MinLen
from pydantic import BaseModel, ConfigDict, Field, PydanticUserError, ValidationError, create_model
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails, SchemaError

from skelmap.utils.errors import UserError

LIST_REFUSED = ("tuple_type", "set_type", "frozen_set_type")
"""Kinds of errors."""
STRICT = ConfigDict(strict=True, extra="forbid", arbitrary_types_allowed=True, protected_namespaces=())
PositiveInt = Annotated[int, Field(ge=1)]
ImageSide = Annotated[int, Field(ge=16, le=16384)]
ImageSize = Annotated[
    Sequence[ImageSide],
    Field(min_length=2, max_length=2, description="[width, height] in px, 16 to 16384 each"),
]
FrameRate = Annotated[float, Field(gt=0, le=1000, allow_inf_nan=False)]
Seed = Annotated[int, Field(ge=0, le=2**31 - 1)]
FilePath = Annotated[str, Field(min_length=1, description="a path")]


def validate(schema: type[BaseModel], values: Mapping[str, Any], prefix: str = "") -> None:
    """Check values against a pydantic model.

    Args:
        schema: the model; its field types say what is allowed, a field's description says it in other words.
        values: by key; keys that start with an underscore are not checked.
        prefix: of the keys in messages, such as "data".

    Raises:
        UserError: naming the first key that is unknown, missing or wrong, its value and what is allowed.
    """
    _validate(schema, values, prefix, optional=())


def _validate(schema: type[BaseModel], values: Mapping[str, Any], prefix: str, optional: Collection[str]) -> None:
    given = {str(key): value for key, value in values.items() if not str(key).startswith("_")}
    try:
        schema.model_validate(given)
    except ValidationError as error:
        found = [one for one in error.errors() if not (one["type"] == "missing" and one["loc"][0] in optional)]
        unsure = {one["loc"][0] for one in found if _is_unsure(one, given)}
        wrong = [one for one in found if one["loc"][0] not in unsure]
        if wrong:
            raise UserError(_message(schema, wrong, given, f"{prefix}." if prefix else "")) from None


def _is_unsure(error: ErrorDetails, given: Mapping[str, Any]) -> bool:
    """Whether a value may be right: a node that is instantiated later, or a list, YAML's only sequence."""
    value = given.get(str(error["loc"][0]))
    built = isinstance(value, dict) and "_target_" in value
    return built or (
        error["type"] in ("tuple_type", "set_type", "frozen_set_type") and isinstance(error["input"], list)
    )


def validate_signature(
    target: Callable[..., Any],
    values: Mapping[str, Any],
    prefix: str = "",
    without: Collection[str] = (),
    optional: Collection[str] = (),
) -> None:
    """Check values against the parameters of a class or function: names, types, bounds.

    Values with a `_target_`, which are instantiated later, are not checked.

    Args:
        target: whose parameters are annotated; types that cannot be read are not checked.
        values: by parameter; keys that start with an underscore are not checked.
        prefix: of the keys in messages.
        without: parameters that are given elsewhere and may not be among the values.
        optional: required parameters that may be missing.

    Raises:
        UserError: see `validate`.
    """
    _validate(_signature_schema(target, frozenset(without)), values, prefix, optional)


def parameters(target: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    """List the parameters of a class or function by name.

    A class with **kwargs in its constructor also has the parameters of the class that it derives from; it may give
    them itself, so none of these is required.
    """
    found = dict(inspect.signature(target).parameters)
    extra = next((name for name, p in found.items() if p.kind is inspect.Parameter.VAR_KEYWORD), None)
    base = _base_with_constructor(target)
    if extra is None or base is None:
        return found
    del found[extra]
    return {**{name: _optional(parameter) for name, parameter in parameters(base).items()}, **found}


def _optional(parameter: inspect.Parameter) -> inspect.Parameter:
    variadic = parameter.kind in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    required = parameter.default is inspect.Parameter.empty and not variadic
    return parameter.replace(default=None) if required else parameter


def _base_with_constructor(target: Callable[..., Any]) -> type | None:
    """Next class above a class's constructor that has one; None for functions, and above the last."""
    classes = [cls for cls in target.__mro__ if "__init__" in vars(cls)] if isinstance(target, type) else []
    return classes[1] if len(classes) > 1 and classes[1] is not object else None


@cache
def _signature_schema(target: Callable[..., Any], without: frozenset[str]) -> type[BaseModel]:
    """Make a pydantic model of a callable's parameters; with **kwargs every further name is allowed."""
    hints = _hints(target)
    fields: dict[str, Any] = {}
    extra: Literal["allow", "forbid"] = "forbid"
    for name, parameter in parameters(target).items():
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            extra = "allow"
        elif parameter.kind is not inspect.Parameter.VAR_POSITIONAL and name not in without:
            default = ... if parameter.default is inspect.Parameter.empty else parameter.default
            hint = hints.get(name, Any)
            fields[name] = (FilePath | Path if hint is Path else hint, default)  # YAML has no paths
    config = ConfigDict(**{**STRICT, "extra": extra})
    title = getattr(target, "__name__", "values")
    unchecked: dict[str, Any] = {name: (Any, default) for name, (_, default) in fields.items()}
    schema: type[BaseModel]
    try:
        schema = create_model(title, __config__=config, **fields)
    except (PydanticUserError, SchemaError, TypeError):  # a type of a foreign class that pydantic cannot check
        schema = create_model(title, __config__=config, **unchecked)
    return schema


def _hints(target: Callable[..., Any]) -> dict[str, Any]:
    """Types of the parameters by name; without those that cannot be read, such as imports for type checking alone."""
    function = target.__init__ if isinstance(target, type) else target  # type: ignore[misc]
    base = _base_with_constructor(target)
    inherited = _hints(base) if base is not None else {}
    try:
        return inherited | get_type_hints(function, include_extras=True)
    except (NameError, TypeError):
        return inherited


def _message(schema: type[BaseModel], errors: list[ErrorDetails], values: Mapping[str, Any], prefix: str) -> str:
    """Write the first error: wrong values come before unknown keys, those before missing ones."""
    kinds = {"extra_forbidden": 1, "missing": 2}
    first = min(errors, key=lambda found: kinds.get(found["type"], 0))
    name = str(first["loc"][0])
    key = f"{prefix}{name}"
    nested = len(first["loc"]) > 1
    if first["type"] == "extra_forbidden" and not nested:
        return unknown_key(key, [f"{prefix}{field}" for field in schema.model_fields])
    if first["type"] == "missing" and not nested:
        return f"{key} is missing: set it with {key}=VALUE"
    reason = f" ({first['ctx']['error']})" if first["type"] == "value_error" else ""
    return f"{key}={_shown(values[name])}; allowed: {describe(schema.model_fields[name])}{reason}"


def _shown(value: Any) -> Any:
    """Show a text with quotes if it could be taken for a number or a truth value: '1' is not 1."""
    looks_typed = isinstance(value, str) and re.fullmatch(r"(?i)[-+]?[\d.]+(e[-+]?\d+)?|true|false|null|none", value)
    return repr(value) if looks_typed else value


def unknown_key(key: str, known: Collection[str]) -> str:
    """Say that a key is not known, and which ones it may be a misspelling of.

    Args:
        key: dotted.
        known: all dotted keys.
    """
    same_name = [other for other in known if other.rpartition(".")[2] == key.rpartition(".")[2]]
    likely = same_name or get_close_matches(key, known, n=3, cutoff=0.75)
    return f"There is no key {key}" + (f"; did you mean {' or '.join(likely)}?" if likely else "")


def describe(field: FieldInfo) -> str:
    """Say in words what a field allows: its description, or its type with its bounds."""
    if field.description:
        return field.description
    return _described(field.annotation, list(field.metadata))


def _described(annotation: Any, metadata: list[Any]) -> str:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        inner = [item for data in arguments[1:] for item in (data.metadata if isinstance(data, FieldInfo) else [data])]
        named = [data.description for data in arguments[1:] if isinstance(data, FieldInfo) and data.description]
        return named[0] if named else _described(arguments[0], metadata + inner)
    if origin is Literal:
        return ", ".join(map(str, arguments))
    if origin in (Union, UnionType):
        parts = ["null" if part is NoneType else _described(part, metadata) for part in arguments]
        return " or ".join(dict.fromkeys(sorted(parts, key=lambda part: part != "null")))
    if annotation in (int, float):
        return _number(annotation, metadata)
    if annotation is bool:
        return "true or false"
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return "keys and values"
    if isinstance(origin, type) and issubclass(origin, Collection):
        least = next((data.min_length for data in metadata if isinstance(data, MinLen)), 0)
        most = next((data.max_length for data in metadata if isinstance(data, MaxLen)), None)
        length = f" of length {least}" if most == least else ""
        return f"a list{length}: {_described(arguments[0], [])} each" if arguments else "a list"
    return {str: "text", Any: "anything"}.get(annotation, getattr(annotation, "__name__", str(annotation)))


def _number(kind: type, metadata: list[Any]) -> str:
    """Write the bounds of a number."""
    bounds: dict[str, Any] = {}
    for data in metadata:
        for bound, attribute in ((Ge, "ge"), (Gt, "gt"), (Le, "le"), (Lt, "lt")):
            if isinstance(data, bound):
                bounds[attribute] = getattr(data, attribute)
    name = "a whole number" if kind is int else "a number"
    low = f"from {bounds['ge']:.10g}" if "ge" in bounds else f"above {bounds['gt']:.10g}" if "gt" in bounds else ""
    high = f"up to {bounds['le']:.10g}" if "le" in bounds else f"below {bounds['lt']:.10g}" if "lt" in bounds else ""
    if low and not high:
        low = low.replace("from", "of at least")
    return " ".join(part for part in (name, low, high.replace("up to", "to") if "ge" in bounds else high) if part)
