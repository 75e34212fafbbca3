"""Secrets stay out of logs, reports and configuration dumps."""

import os
import re
from collections.abc import Iterable, Iterator
from typing import Any

HIDDEN = "***"
NAMES = r"(?:api|access|secret|private|auth)[_-]?key|passw(?:or)?d|passphrase|secret|token|credential"
"""What the names of secrets hold."""
NAME = re.compile(NAMES, re.IGNORECASE)
NAMED = re.compile(
    rf"""((?:{NAMES})\w{{0,30}}["']?\s{{0,3}}[=:]\s{{0,3}})("[^"]*"|'[^']*'|[^\s"'&,;)}}\]]+)""", re.IGNORECASE
)
ACCOUNT = re.compile(r"""(?<=://)[^\s"'<>]{1,300}@""")
"""User and password of an address such as rtsp://user:password@camera/stream; passwords may hold / and @ themselves."""
SHORTEST = 6
"""Shorter values of environment variables would be found in innocent words."""


def redacted(text: str) -> str:
    """Hide accounts in addresses, values that are named as secrets, and secrets of the environment.

    Args:
        text: for a log, a report, a file or a screen.

    Returns:
        The text with `***` in their place.
    """
    for name, value in os.environ.items():
        if NAME.search(name) and len(value) >= SHORTEST:
            text = text.replace(value, HIDDEN)
    return NAMED.sub(rf"\g<1>{HIDDEN}", ACCOUNT.sub(f"{HIDDEN}@", text))


def without_secrets(tree: Any) -> Any:
    """Copy plain nested values (dicts, lists) with their texts redacted and the values of secret keys hidden."""
    if isinstance(tree, dict):
        return {
            key: HIDDEN if NAME.search(str(key)) and isinstance(value, str) else without_secrets(value)
            for key, value in tree.items()
        }
    if isinstance(tree, list):
        return [without_secrets(value) for value in tree]
    return redacted(tree) if isinstance(tree, str) else tree


def secret_arguments(arguments: Iterable[str]) -> list[str]:
    """List the keys of KEY=VALUE arguments that are named like secrets."""
    return [key for key, given, _ in (word.partition("=") for word in arguments) if given and NAME.search(key)]


def secret_keys(tree: Any, at: str = "") -> Iterator[str]:
    """List the dotted keys of a plain tree that are named like secrets and hold something."""
    if not isinstance(tree, dict):
        return
    for key, value in tree.items():
        here = f"{at}.{key}" if at else str(key)
        if NAME.search(str(key)) and value is not None:
            yield here
        yield from secret_keys(value, here)
