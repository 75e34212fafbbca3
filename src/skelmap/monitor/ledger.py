"""What a monitor writes down: events and scores, complete at any time."""

import csv
import io
import json
import logging
import os
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from skelmap.errors import UserError
from skelmap.monitor.listener import Listener
from skelmap.monitor.sources import Source
from skelmap.monitor.watch import Event, Verdict

EVENT_COLUMNS = ["source", "person", "start", "end", "raised", "peak", "peak_at", "threshold", "joints", "clock"]
SCORE_COLUMNS = ["source", "frame", "seconds", "person", "score", "alarm"]
KEPT = 100_000
"""Lines that are kept while the disk is full; of more the oldest are lost, and counted."""
log = logging.getLogger(__name__)


class Lines:
    """A text file to which whole lines are added; a full disk leaves no half a line and loses nothing soon.

    Args:
        path: the file; what it holds already stays.

    Raises:
        UserError: it cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._waiting: list[bytes] = []
        self.lost = 0
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        except OSError as error:
            raise UserError(f"{path}: cannot be written ({error.strerror})") from error
        self.empty = os.fstat(self._file).st_size == 0

    def add(self, line: str) -> None:
        """Add a line, to be written with the next `flush`."""
        self._waiting.append(line.encode())
        if len(self._waiting) > KEPT:
            del self._waiting[0]
            self.lost += 1

    def flush(self) -> str:
        """Write what waits; give what went wrong, empty if nothing did. What was not written waits on."""
        if not self._waiting:
            return ""
        end = os.fstat(self._file).st_size
        try:
            content = b"".join(self._waiting)
            while content:
                content = content[os.write(self._file, content) :]
        except OSError as error:
            os.ftruncate(self._file, end)
            return f"{self.path}: {error.strerror}; {len(self._waiting)} lines wait to be written"
        self._waiting.clear()
        return ""

    def close(self) -> None:
        """Write what waits and close; what cannot be written even now is told."""
        trouble = self.flush()
        os.close(self._file)
        if trouble:
            log.error("%s; they are lost", trouble)


class Ledger(Listener):
    """The events and scores of a monitor: events.jsonl, events.csv, scores.csv.

    An event stands in events.jsonl when it is raised and again when it has ended, in events.csv when it has ended.

    Args:
        folder: where they are written; files that are there are gone on with.
        threshold: of the alarms, for the record; None without alarms.

    Raises:
        UserError: they cannot be opened.
    """

    def __init__(self, folder: Path, threshold: float | None) -> None:
        self.threshold = threshold
        self._json = Lines(folder / "events.jsonl")
        self._events = Lines(folder / "events.csv")
        self._scores = Lines(folder / "scores.csv")
        self._source: Source | None = None
        for lines, columns in ((self._events, EVENT_COLUMNS), (self._scores, SCORE_COLUMNS)):
            if lines.empty:
                lines.add(_csv(columns))

    def begin(self, source: Source) -> None:
        """Name the source from now on."""
        self._source = source

    def frame(self, verdict: Verdict, latency_ms: float) -> str:
        """Write the scores of a frame."""
        assert self._source is not None
        frame, seconds = verdict.sight.number, f"{verdict.sight.time:.3f}"
        for scored in verdict.scores:
            alarm = int(scored.person in verdict.alarmed)
            self._scores.add(_csv([self._source.name, frame, seconds, scored.person, scored.score, alarm]))
        return self._scores.flush()

    def event(self, event: Event) -> str:
        """Write an event."""
        assert self._source is not None
        entry = describe(self._source, event, self.threshold)
        self._json.add(json.dumps(entry, ensure_ascii=False) + "\n")
        if event.ended:
            row = {**entry, "joints": " ".join(event.joints)}
            self._events.add(_csv([row[column] for column in EVENT_COLUMNS]))
        return self._json.flush() or self._events.flush()

    def close(self) -> None:
        """Write what waits and close the files."""
        for lines in (self._json, self._events, self._scores):
            lines.close()


def describe(source: Source, event: Event, threshold: float | None) -> dict[str, Any]:
    """Give an event as plain values; a camera's has the clock's time, too."""
    numbers = {key: round(value, 6) for key, value in asdict(event.alarm).items()}
    return {
        "source": source.name,
        "person": event.person,
        "state": "ended" if event.ended else "raised",
        **numbers,
        "threshold": threshold,
        "joints": list(event.joints),
        "clock": datetime.now(UTC).isoformat(timespec="milliseconds") if source.count is None else "",
    }


def _csv(values: Sequence[Any]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(values)
    return text.getvalue()
