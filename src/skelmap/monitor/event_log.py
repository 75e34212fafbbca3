"""What a monitor writes down: events and scores, complete at any time."""

import csv
import io
import json
import logging
import os
from collections import deque
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from skelmap.monitor.sinks import Sink
from skelmap.monitor.sources import Source
from skelmap.monitor.stream import Event, FrameResult
from skelmap.utils.errors import UserError

EVENT_COLUMNS = ["source", "person", "start", "end", "raised", "peak", "peak_at", "threshold", "joints", "clock"]
SCORE_COLUMNS = ["source", "began", "frame", "seconds", "person", "score", "alarm"]
EVENTS, SCORES = "events.jsonl", "scores.csv"
KEPT = 100_000
"""Lines of a file that wait while the disk is full; of more the oldest are lost."""
log = logging.getLogger(__name__)


class Lines:
    """A text file to which whole lines are added; a full disk leaves no half a line and loses nothing soon.

    Args:
        path: the file; what it holds already stays.
        header: its first line, where it is new; None for none.

    Raises:
        UserError: it cannot be opened.
    """

    def __init__(self, path: Path, header: str | None = None) -> None:
        self.path, self.header = path, header
        self._waiting: deque[str] = deque(maxlen=KEPT)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        except OSError as error:
            raise UserError(f"{path}: cannot be written ({error.strerror})") from error
        self.flush()

    def add(self, line: str) -> None:
        """Add a line, to be written with the next `flush`."""
        self._waiting.append(line)

    def flush(self) -> str:
        """Write what waits; give what went wrong, empty if nothing did. What was not written waits on."""
        try:
            end = os.fstat(self._file).st_size
            new = self.header if self.header and not end else ""
            content = (new + "".join(self._waiting)).encode()
            try:
                while content:
                    content = content[os.write(self._file, content) :]
            except OSError:
                os.ftruncate(self._file, end)
                raise
        except OSError as error:
            lost = f"; older ones than {KEPT} are lost" if len(self._waiting) == KEPT else ""
            return f"{self.path}: {error.strerror}; lines wait to be written{lost}"
        self._waiting.clear()
        return ""

    def close(self) -> None:
        """Write what waits and close; what cannot be written even now is told."""
        trouble = self.flush()
        os.close(self._file)
        if trouble:
            log.error("%s; %d lines are lost", trouble, len(self._waiting))


class EventLog(Sink):
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
        self._json = Lines(folder / EVENTS)
        self._events = Lines(folder / "events.csv", _csv(EVENT_COLUMNS))
        self._scores = Lines(folder / SCORES, _csv(SCORE_COLUMNS))
        self._files = (self._json, self._events, self._scores)
        self._source: Source | None = None
        self._began = ""

    def begin(self, source: Source) -> None:
        """Name the source from now on; of a camera also when it was begun with, for seconds count from there."""
        self._source = source
        self._began = datetime.now(UTC).isoformat(timespec="seconds") if source.count is None else ""

    def frame(self, verdict: FrameResult, latency_ms: float) -> None:
        """Write the scores of a frame, and what waits."""
        assert self._source is not None
        for scored in verdict.scores:
            who = [self._source.name, self._began, verdict.sight.number, f"{scored.time:.3f}", scored.person]
            self._scores.add(_csv([*who, scored.score, int(scored.person in verdict.alarmed)]))
        self._write()

    def event(self, event: Event) -> None:
        """Write an event."""
        assert self._source is not None
        entry = describe(self._source, event, self.threshold)
        self._json.add(json.dumps(entry, ensure_ascii=False) + "\n")
        if event.ended:
            row = {**entry, "joints": " ".join(event.joints)}
            self._events.add(_csv([row[column] for column in EVENT_COLUMNS]))
        self._write()

    def close(self) -> None:
        """Write what waits and close the files."""
        for lines in self._files:
            lines.close()

    def _write(self) -> None:
        troubles = [lines.flush() for lines in self._files]
        self.trouble = next(filter(None, troubles), "")


def describe(source: Source, event: Event, threshold: float | None) -> dict[str, Any]:
    """Give an event as plain values; a camera's has the clock's time of its beginning, too."""
    numbers = {key: round(value, 6) for key, value in asdict(event.alarm).items()}
    return {
        "source": source.name,
        "person": event.person,
        "state": "ended" if event.ended else "raised",
        **numbers,
        "threshold": threshold,
        "joints": list(event.joints),
        "clock": event.clock.isoformat(timespec="milliseconds") if event.clock else "",
    }


def _csv(values: Sequence[Any]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(values)
    return text.getvalue()
