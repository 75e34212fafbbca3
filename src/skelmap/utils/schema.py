"""Check configuration values against types: of a pydantic model, or of the parameters of a class or function.

Bounds and choices stand once, beside the component that they belong to: `Annotated[int, Field(ge=1)]`, `Literal[...]`.
Errors name the key, its value and what is allowed.
"""

import inspect
from collections.abc import Callable, Collection, Mapping
from difflib import get_close_matches
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from annotated_types import Ge, Gt, Le, Lt, MaxLen, MinLen
from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model
from pydantic.fields import FieldInfo

from skelmap.utils.errors import UserError

STRICT = ConfigDict(strict=True, extra="forbid", arbitrary_types_allowed=True, protected_namespaces=())
PositiveInt = Annotated[int, Field(ge=1)]
ImageSide = Annotated[int, Field(ge=16, le=16384)]
ImageSize = Annotated[
    list[ImageSide] | tuple[ImageSide, ...],
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
    given = {str(key): value for key, value in values.items() if not str(key).startswith("_")}
    try:
        schema.model_validate(given)
    except ValidationError as error:
        raise UserError(_message(schema, error, given, f"{prefix}." if prefix else "")) from None


def validate_signature(
    target: Callable[..., Any], values: Mapping[str, Any], prefix: str = "", without: Collection[str] = ()
) -> None:
    """Check values against the parameters of a class or function: names, types, bounds.

    Args:
        target: whose parameters are annotated.
        values: by parameter; keys that start with an underscore are not checked.
        prefix: of the keys in messages.
        without: parameters that are given elsewhere and may not be among the values.

    Raises:
        UserError: see `validate`.
    """
    validate(_signature_schema(target, frozenset(without)), values, prefix)


@cache
def _signature_schema(target: Callable[..., Any], without: frozenset[str]) -> type[BaseModel]:
    """Make a pydantic model of a callable's parameters; with **kwargs every further name is allowed."""
    function = target.__init__ if isinstance(target, type) else target  # type: ignore[misc]
    hints = get_type_hints(function, include_extras=True)
    fields: dict[str, Any] = {}
    extra: Literal["allow", "forbid"] = "forbid"
    for name, parameter in inspect.signature(target).parameters.items():
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            extra = "allow"
        elif parameter.kind is not inspect.Parameter.VAR_POSITIONAL and name not in without:
            default = ... if parameter.default is inspect.Parameter.empty else parameter.default
            fields[name] = (hints.get(name, Any), default)
    config = ConfigDict(**{**STRICT, "extra": extra})
    schema: type[BaseModel] = create_model(getattr(target, "__name__", "values"), __config__=config, **fields)
    return schema


def _message(schema: type[BaseModel], error: ValidationError, values: Mapping[str, Any], prefix: str) -> str:
    """Write the first error: wrong values come before unknown keys, those before missing ones."""
    kinds = {"extra_forbidden": 1, "missing": 2}
    first = min(error.errors(), key=lambda found: kinds.get(found["type"], 0))
    name = str(first["loc"][0])
    key = f"{prefix}{name}"
    nested = len(first["loc"]) > 1
    if first["type"] == "extra_forbidden" and not nested:
        return unknown_key(key, [f"{prefix}{field}" for field in schema.model_fields])
    if first["type"] == "missing" and not nested:
        return f"{key} is missing: set it with {key}=VALUE"
    reason = f" ({first['ctx']['error']})" if first["type"] == "value_error" else ""
    return f"{key}={values[name]}; allowed: {describe(schema.model_fields[name])}{reason}"


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
    low = f"from {bounds['ge']:g}" if "ge" in bounds else f"above {bounds['gt']:g}" if "gt" in bounds else ""
    high = f"up to {bounds['le']:g}" if "le" in bounds else f"below {bounds['lt']:g}" if "lt" in bounds else ""
    if low and not high:
        low = low.replace("from", "of at least")
    return " ".join(part for part in (name, low, high.replace("up to", "to") if "ge" in bounds else high) if part)
