"""Event log: the files events.jsonl, events.csv and scores.csv, complete at any time."""

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
from skelmap.utils.names import safe_filename

EVENT_COLUMNS = ["source", "person", "start", "end", "raised", "peak", "peak_at", "threshold", "joints", "clock"]
SCORE_COLUMNS = ["source", "started", "frame", "seconds", "person", "score", "alarm"]
EVENTS_FILE, SCORES_FILE = "events.jsonl", "scores.csv"
MAX_WAITING = 100_000
"""Lines per file that wait in memory while the disk is full; then the oldest are lost."""
log = logging.getLogger(__name__)


class LineFile:
    """Text file to which whole lines are appended. On a full disk lines wait in memory; no partial line is written.

    Args:
        path: the file; existing content is kept.
        header: first line of a new file.

    Raises:
        UserError: it cannot be opened.
    """

    def __init__(self, path: Path, header: str = "") -> None:
        self.path, self.header = path, header
        self._waiting: deque[str] = deque(maxlen=MAX_WAITING)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        except OSError as error:
            raise UserError(f"{path}: cannot be written ({error.strerror})") from error
        self.flush()

    def add(self, line: str) -> None:
        """Add a line for the next `flush`."""
        self._waiting.append(line)

    def flush(self) -> str:
        """Write the waiting lines; return the error, or an empty text. After an error the lines keep waiting."""
        try:
            end = os.fstat(self._file).st_size
            content = ((self.header if not end else "") + "".join(self._waiting)).encode()
            written = 0
            try:
                while content[written:]:
                    written += os.write(self._file, content[written:])
            except OSError:
                if written and os.fstat(self._file).st_size == end + written:  # nobody else has appended a line since
                    os.ftruncate(self._file, end)
                raise
        except OSError as error:
            lost = f"; older ones than {MAX_WAITING} are lost" if len(self._waiting) == MAX_WAITING else ""
            return f"{self.path}: {error.strerror}; lines wait to be written{lost}"
        self._waiting.clear()
        return ""

    def close(self) -> None:
        """Write the waiting lines and close the file; log an error if they cannot be written."""
        error = self.flush()
        os.close(self._file)
        if error:
            log.error("%s; %d lines are lost", error, len(self._waiting))


class EventLog(Sink):
    """Writes events and scores: events.jsonl, events.csv, scores.csv.

    events.jsonl has a line when an alarm is raised and another when it ends; events.csv has one when it ends.

    Args:
        folder: output folder; existing files are continued.
        threshold: of the alarms, for the record.

    Raises:
        UserError: a file cannot be opened.
    """

    def __init__(self, folder: Path, threshold: float) -> None:
        self.threshold = threshold
        self._jsonl = LineFile(folder / EVENTS_FILE)
        self._events = LineFile(folder / "events.csv", _csv_line(EVENT_COLUMNS))
        self._scores = LineFile(folder / SCORES_FILE, _csv_line(SCORE_COLUMNS))
        self._files = (self._jsonl, self._events, self._scores)
        self._source: Source | None = None
        self._started = ""

    def on_source_start(self, source: Source) -> None:
        """Keep the source for its name, and the start time of a live source: its seconds count from there."""
        self._source = source
        self._started = datetime.now(UTC).isoformat(timespec="seconds") if source.count is None else ""

    def on_frame(self, result: FrameResult, latency_ms: float) -> None:
        """Write the scores of a frame."""
        assert self._source is not None
        for score in result.scores:
            alarm = int(score.person in result.alarmed)
            origin = [self._source.name, self._started, result.frame.number]
            self._scores.add(_csv_line([*origin, f"{score.time:.3f}", score.person, score.score, alarm]))
        self._flush()

    def on_event(self, event: Event) -> None:
        """Write an event."""
        assert self._source is not None
        record = event_record(self._source, event, self.threshold)
        self._jsonl.add(json.dumps(record, ensure_ascii=False) + "\n")
        if event.ended:
            record["joints"] = " ".join(event.joints)
            self._events.add(_csv_line([record[column] for column in EVENT_COLUMNS]))
        self._flush()

    def close(self) -> None:
        """Write waiting lines and close the files."""
        for file in self._files:
            file.close()

    def _flush(self) -> None:
        errors = [file.flush() for file in self._files]
        self.error = next(filter(None, errors), "")


def event_record(source: Source, event: Event, threshold: float) -> dict[str, Any]:
    """Convert an event to plain values for JSON; `clock` is empty for recordings."""
    alarm = {key: round(value, 6) for key, value in asdict(event.alarm).items()}
    return {
        "id": alarm_id(source, event),
        "source": source.name,
        "person": event.person,
        "state": "ended" if event.ended else "raised",
        **alarm,
        "threshold": 1.0 if event.zone else threshold,
        "zone": event.zone,
        "joints": list(event.joints),
        "clock": event.clock.isoformat(timespec="milliseconds") if event.clock else "",
    }


def alarm_id(source: Source, event: Event) -> str:
    """Name an alarm: both of its events have this name, and no other alarm of the output folder. It fits file names."""
    began = f"{safe_filename(source.name)}_{event.alarm.start:.3f}"
    if event.clock:
        began = f"{event.clock:%Y%m%dT%H%M%S.%f}"[:-3]
    return f"{began}_p{event.person}" + (f"_{safe_filename(event.zone)}" if event.zone else "")


def _csv_line(values: Sequence[Any]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(values)
    return text.getvalue()
