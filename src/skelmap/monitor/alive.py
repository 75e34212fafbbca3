"""A sign of life: a small file that is written anew every few seconds, whoever is in view."""

import json
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from skelmap.errors import UserError
from skelmap.files import replacing
from skelmap.monitor.listener import Listener
from skelmap.monitor.sources import Source
from skelmap.monitor.watch import Verdict

FILE = "alive.json"
EVERY = 5.0
"""Seconds from one writing to the next."""


class Alive(Listener):
    """Writes FOLDER/alive.json: that the monitor watches, and what is wrong.

    It is written by the loop that watches, so that it grows old where that hangs.

    Args:
        folder: where it is written.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE
        self._state: dict[str, Any] = {"troubles": [], "last_trouble": ""}
        self._latency: list[float] = []
        self._written = 0.0

    def begin(self, source: Source) -> None:
        """Count from here."""
        self._state |= {"source": source.name, "seconds": 0.0, "frames": 0}
        self._write()

    def frame(self, verdict: Verdict, latency_ms: float) -> None:
        """Count a frame, and write if it is time."""
        self._state["frames"] += 1
        self._latency.append(latency_ms)
        self.blind(verdict.sight.time)

    def hear_troubles(self, texts: Sequence[str]) -> None:
        """Remember what is wrong, and the last of it when all is well again."""
        self._state["troubles"] = list(texts)
        if texts:
            self._state["last_trouble"] = texts[-1]

    def blind(self, seconds: float) -> None:
        """Write, if it is time."""
        self._state["seconds"] = round(seconds, 3)
        if time.monotonic() - self._written >= EVERY:
            self._write()

    def end(self) -> None:
        """Write for the last time."""
        self._write()

    def _write(self) -> None:
        self._written = time.monotonic()
        latency = round(median(self._latency), 1) if self._latency else None
        now = datetime.now(UTC).isoformat(timespec="seconds")
        self._latency.clear()
        try:
            with replacing(self.path) as file:
                file.write(json.dumps({"time": now, **self._state, "latency_ms": latency}, ensure_ascii=False) + "\n")
            self.trouble = ""
        except UserError as error:
            self.trouble = str(error)
