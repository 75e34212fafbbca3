"""Keep secrets out of logs, reports and saved configurations."""

import os
import re
from collections.abc import Iterable, Iterator
from typing import Any

HIDDEN = "***"
SECRET_WORDS = r"(?:api|access|secret|private|auth)[_-]?key|passw(?:or)?d|passphrase|secret|token|credential"
"""Parts of the names of secrets."""
SECRET_WORD = re.compile(SECRET_WORDS, re.IGNORECASE)
SECRET_VALUE = re.compile(
    rf"""((?:{SECRET_WORDS})\w{{0,30}}["']?\s{{0,3}}[=:]\s{{0,3}})("[^"]*"|'[^']*'|[^\s"'&,;)}}\]]+)""", re.IGNORECASE
)
URL_ACCOUNT = re.compile(r"""(?<=://)[^\s"'<>]{1,300}@""")
"""User and password in a URL such as rtsp://user:password@camera/stream; passwords may contain / and @."""
MIN_LENGTH = 6
"""Shortest value of an environment variable that is redacted; shorter ones occur in ordinary words."""


def redact(text: str) -> str:
    """Replace user and password in URLs, values named like secrets, and secrets of the environment with `***`."""
    for name, value in os.environ.items():
        if SECRET_WORD.search(name) and len(value) >= MIN_LENGTH:
            text = text.replace(value, HIDDEN)
    return SECRET_VALUE.sub(rf"\g<1>{HIDDEN}", URL_ACCOUNT.sub(f"{HIDDEN}@", text))


def hide_secrets(tree: Any) -> Any:
    """Copy nested dicts and lists with strings redacted and the values of keys named like secrets replaced."""
    if isinstance(tree, dict):
        return {
            key: HIDDEN if SECRET_WORD.search(str(key)) and isinstance(value, str) else hide_secrets(value)
            for key, value in tree.items()
        }
    if isinstance(tree, list):
        return [hide_secrets(value) for value in tree]
    return redact(tree) if isinstance(tree, str) else tree


def secret_arguments(arguments: Iterable[str]) -> list[str]:
    """List the keys of KEY=VALUE arguments whose names suggest a secret, such as password or token."""
    return [key for key, equals, _ in (word.partition("=") for word in arguments) if equals and SECRET_WORD.search(key)]


def secret_keys(tree: Any, prefix: str = "") -> Iterator[str]:
    """Yield the dotted keys of a nested dict that are named like secrets and have a value."""
    if not isinstance(tree, dict):
        return
    for key, value in tree.items():
        dotted = f"{prefix}.{key}" if prefix else str(key)
        if SECRET_WORD.search(str(key)) and value is not None:
            yield dotted
        yield from secret_keys(value, dotted)
