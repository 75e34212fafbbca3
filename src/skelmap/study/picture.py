"""A figure of the study's page."""

import base64
from dataclasses import dataclass


@dataclass(frozen=True)
class Picture:
    """A figure of the page.

    Attributes:
        name: of its PNG file.
        title: heading.
        caption: what is drawn.
        png: the file.
    """

    name: str
    title: str
    caption: str
    png: bytes

    @property
    def width(self) -> int:
        """On the page, px: half of the file's, which is drawn for screens of double density."""
        return int.from_bytes(self.png[16:20], "big") // 2  # from the PNG's header

    @property
    def base64(self) -> str:
        """The file as text for a data URL."""
        return base64.b64encode(self.png).decode()
