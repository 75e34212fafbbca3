"""Names that are not too long for where they go."""

from zlib import crc32


def shortened(name: str, limit: int) -> str:
    """Cut a name to a number of characters; different names stay different, equal ones equal."""
    return name if len(name) <= limit else f"{name[: limit - 9]}_{crc32(name.encode()):08x}"
