"""The exception for errors that a user can fix."""

import re

from skelmap.utils.redaction import redact

MAX_LENGTH = 1000
"""Longest message, characters; values of a damaged file can be megabytes."""
CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")
"""Control characters except the line feed: messages contain names from data, and terminals act on them."""


class UserError(Exception):
    """An error that a user can fix; the message names the file or key, the value, and what is allowed.

    Args:
        message: may contain any values: secrets are redacted, control characters escaped, long messages cut.
    """

    def __init__(self, message: str) -> None:
        text = redact(message).encode("utf-8", "backslashreplace").decode()  # file names need not be UTF-8
        text = CONTROL.sub(lambda match: f"\\x{ord(match[0]):02x}", text)
        super().__init__(text if len(text) <= MAX_LENGTH else f"{text[: MAX_LENGTH - 200]} … {text[-190:]}")
