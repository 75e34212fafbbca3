"""Names that fit where they go: not too long, not nested; and keys that name nothing but places."""

import re
from collections.abc import Mapping
from typing import Any
from zlib import crc32

WITHOUT_BEARING = ("paths.", "hydra.", "logger.", "data.cache_dir", "callbacks.progress.")
"""Keys of a configuration that say where files lie and what is told: they have no bearing on a run's numbers."""
LONGEST = 50
"""Characters of a file's name without its ending; every system takes so many, whatever their alphabet."""


def shortened(name: str, limit: int) -> str:
    """Cut a name to a number of characters; different names stay different, equal ones equal."""
    return name if len(name) <= limit else f"{name[: limit - 9]}_{crc32(name.encode()):08x}"


def filename(name: str) -> str:
    """Make a name that every file system takes; different names stay different, equal ones equal."""
    plain = re.sub(r"[^\w.-]+", "_", name)
    if plain != name:
        plain += f"_{crc32(name.encode(errors='surrogateescape')):08x}"
    return shortened(plain, LONGEST)


def flat(config: Mapping[str, Any], separator: str = ".") -> dict[str, Any]:
    """Flatten nested configuration, as tables and sweep dashboards want it.

    Args:
        config: nested; keys become strings.
        separator: between the parts of a key. Dashboards get "/": W&B reads a dot in a panel's key as nesting.
    """
    out: dict[str, Any] = {}
    for key, value in config.items():
        if isinstance(value, dict):
            out |= {f"{key}{separator}{inner}": leaf for inner, leaf in flat(value, separator).items()}
        else:
            out[str(key)] = value
    return out
