"""The one exception for mistakes that a user can mend."""

import re

from skelmap.utils.redaction import redacted

LONGEST = 1000
"""Characters of a message; values of a damaged file can be megabytes."""
CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")
"""Control characters but for the end of a line: names come from data, and a terminal would obey them."""


class UserError(Exception):
    """Say what is wrong in words a user can act on: the file or key, the value, and what is allowed.

    Args:
        message: may hold values from anywhere: secrets are hidden, control characters written out, long ones cut.
    """

    def __init__(self, message: str) -> None:
        text = redacted(message).encode("utf-8", "backslashreplace").decode()  # names of files need not be UTF-8
        text = CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", text)
        super().__init__(text if len(text) <= LONGEST else f"{text[: LONGEST - 200]} … {text[-190:]}")
