"""File names and configuration keys."""

import re
from collections.abc import Mapping, Sequence
from typing import Any
from zlib import crc32

MAX_STEM = 50
"""Longest file name without its suffix, characters; every file system takes that many in any alphabet."""
KEYS_WITHOUT_EFFECT = ("paths.", "hydra.", "logger.", "data.cache_dir", "callbacks.progress.", "autotune")
"""Prefixes of configuration keys that do not change a run's numbers: where files are, what is shown, and `autotune`,
which like the number of threads changes the last digits."""


def shorten(name: str, limit: int) -> str:
    """Cut a name to at most `limit` characters; different names stay different, equal ones equal."""
    return name if len(name) <= limit else f"{name[: limit - 9]}_{crc32(name.encode()):08x}"


def safe_filename(name: str) -> str:
    """Turn any text into a file name for every file system; different texts stay different, equal ones equal."""
    plain = re.sub(r"[^\w.-]+", "_", name)
    if plain != name:
        plain += f"_{crc32(name.encode(errors='surrogateescape')):08x}"
    return shorten(plain, MAX_STEM)


def list_names(names: Sequence[str], limit: int = 5) -> str:
    """Join names for a message: "a, b"; of more than `limit` the first ones, "a, b and 3 more"."""
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + more


def flatten(config: Mapping[str, Any], separator: str = ".") -> dict[str, Any]:
    """Flatten a nested configuration: {"a": {"b": 1}} becomes {"a.b": 1}.

    Args:
        config: nested; keys become strings.
        separator: between the parts of a key; "/" for W&B, which reads a dot in a panel's key as nesting.
    """
    flat: dict[str, Any] = {}
    for key, value in config.items():
        if isinstance(value, dict):
            flat |= {f"{key}{separator}{inner}": leaf for inner, leaf in flatten(value, separator).items()}
        else:
            flat[str(key)] = value
    return flat
