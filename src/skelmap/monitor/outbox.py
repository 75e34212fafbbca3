"""Outbox: sends events to a receiver on the network, and again until it has them."""

import json
import logging
import threading
from abc import ABC, abstractmethod
from collections import deque
from contextlib import suppress
from pathlib import Path

from skelmap.monitor.event_log import EVENTS_FILE, event_record
from skelmap.monitor.sinks import Sink
from skelmap.monitor.sources import Source
from skelmap.monitor.stream import Event
from skelmap.utils.errors import UserError
from skelmap.utils.io import atomic_write

RETRY_SECONDS = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
"""Delays before each attempt after a failure; the last one repeats."""
IDLE_SECONDS = 5.0
"""Interval at which the connection is checked without events."""
CLOSE_SECONDS = 10.0
"""Longest wait for the last events at the end of the monitor."""
log = logging.getLogger(__name__)


class Outbox(Sink, ABC):
    """Sends each event in order, from a thread, so that a slow or lost receiver does not delay the monitor.

    FOLDER/.sent_NAME holds how many lines of events.jsonl were received. The others wait, also for the next monitor of
    the folder. If the monitor is killed between sending and counting, an event is sent twice; its `id` tells.

    A subclass defines `send`, and starts the thread with `start` at the end of its constructor.

    Args:
        folder: output folder; lines of its events.jsonl from before the first use of the receiver are not sent.
        name: of the receiver, in messages and in the file's name.
        threshold: of the alarms, for the record.
    """

    name: str

    def __init__(self, folder: Path, name: str, threshold: float) -> None:
        self.name, self.threshold = name, threshold
        self._counter = folder / f".sent_{name.partition('=')[0]}"
        lines = _lines(folder / EVENTS_FILE)
        self._sent = min(int(content), len(lines)) if (content := _read(self._counter)).isdecimal() else len(lines)
        self._waiting = deque(lines[self._sent :])
        self._changed = threading.Condition()
        self._closing = False
        self._source: Source | None = None
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._count(0)

    def start(self) -> None:
        """Start to send."""
        self._thread.start()

    def connect(self) -> str:
        """Open the connection if it is lost; return the cause of a failure, empty on success."""
        return ""

    @abstractmethod
    def send(self, line: str) -> str:
        """Send a line of events.jsonl; return the cause of a failure, empty when the receiver has it."""

    def on_source_start(self, source: Source) -> None:
        """Keep the source for its name."""
        self._source = source

    def on_event(self, event: Event) -> None:
        """Queue an event."""
        assert self._source is not None
        line = json.dumps(event_record(self._source, event, self.threshold), ensure_ascii=False)
        with self._changed:
            self._waiting.append(line)
            self._changed.notify()

    def close(self) -> None:
        """Wait for the last events to be sent, unless the receiver is lost."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join(CLOSE_SECONDS)
        if self._waiting:
            log.warning("%s: %d events were not sent; the next monitor of this folder sends them", *self._left())

    def _left(self) -> tuple[str, int]:
        return self.name, len(self._waiting)

    def _run(self) -> None:
        failures = 0
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closing, IDLE_SECONDS)
            if self._closing and (not self._waiting or failures):
                return
            error = self._try()
            if not error:
                failures, self.error = 0, ""
                continue
            self.error = f"{self.name}: {error}; events wait until it is back"
            delay = RETRY_SECONDS[min(failures, len(RETRY_SECONDS) - 1)]
            failures += 1
            with self._changed:
                self._changed.wait_for(lambda: self._closing, delay)

    def _try(self) -> str:
        """Connect and send one event, if there is one; return the cause of a failure."""
        try:
            error = self.connect()
            if not error and self._waiting:
                error = self.send(self._waiting[0])
                if not error:
                    self._waiting.popleft()
                    self._count(1)
        except Exception as exception:  # of a library: the next attempt may succeed
            log.debug("%s", self.name, exc_info=True)
            error = type(exception).__name__
        return error

    def _count(self, more: int) -> None:
        self._sent += more
        with suppress(UserError), atomic_write(self._counter) as file:  # on a full disk, events may be sent twice
            file.write(f"{self._sent}\n")


def _lines(path: Path) -> list[str]:
    """Lines of alarms in a file, without those of reviews; none if it is missing."""
    return [line for line in _read(path).split("\n") if line and '"state": "reviewed"' not in line]


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from error
