"""Sinks: what stores or shows the results of a monitor."""

import json
import logging
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from skelmap.evaluation.alarms import Alarm, RecordingAlarms
from skelmap.monitor.sources import Source
from skelmap.monitor.stream import Event, FrameResult
from skelmap.utils.errors import UserError
from skelmap.utils.io import atomic_write


class Sink:
    """Hears of one source after the other; what it does not care for it leaves out.

    Attributes:
        trouble: what keeps it from its work at the moment, in the same words as long as it lasts; empty where nothing
            does. The monitor looks after each call, and tells all listeners.
    """

    trouble = ""

    def begin(self, source: Source) -> None:
        """A source is watched from now on."""

    def frame(self, verdict: FrameResult, latency_ms: float) -> None:
        """A frame was judged, so many milliseconds after its picture came."""

    def event(self, event: Event) -> None:
        """An alarm was raised or has ended."""

    def on_status(self, texts: Sequence[str]) -> None:
        """What is wrong has changed: with the source or with a listener; nothing where all is well."""

    def on_no_frame(self, seconds: float) -> None:
        """There is no frame when the stream is so many seconds old; said again and again, for time passes."""

    def end(self) -> None:
        """The source has ended, or the monitor was stopped."""

    def close(self) -> None:
        """The monitor has ended."""


FILE = "alive.json"
EVERY = 5.0
"""Seconds from one writing to the next."""


class Heartbeat(Sink):
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

    def frame(self, verdict: FrameResult, latency_ms: float) -> None:
        """Count a frame, and write if it is time."""
        self._state["frames"] += 1
        self._latency.append(latency_ms)
        self.on_no_frame(verdict.sight.time)

    def on_status(self, texts: Sequence[str]) -> None:
        """Remember what is wrong, and the last of it when all is well again."""
        self._state["troubles"] = list(texts)
        if texts:
            self._state["last_trouble"] = texts[-1]

    def on_no_frame(self, seconds: float) -> None:
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
            with atomic_write(self.path) as file:
                file.write(json.dumps({"time": now, **self._state, "latency_ms": latency}, ensure_ascii=False) + "\n")
            self.trouble = ""
        except UserError as error:
            self.trouble = str(error)


class AlarmCollector(Sink):
    """Collects the alarms of recordings with labels, for event metrics.

    Attributes:
        recordings: the recordings with their alarms.
    """

    def __init__(self) -> None:
        self.recordings: list[RecordingAlarms] = []
        self._source: Source | None = None
        self._alarms: list[Alarm] = []
        self._stop = 0  # one past the last frame

    def begin(self, source: Source) -> None:
        """Start an empty list."""
        self._source, self._alarms, self._stop = source, [], 0

    def frame(self, verdict: FrameResult, latency_ms: float) -> None:
        """Record the number of the frame."""
        self._stop = verdict.sight.number + 1

    def event(self, event: Event) -> None:
        """Add an alarm that has ended."""
        if event.ended:
            self._alarms.append(event.alarm)

    def end(self) -> None:
        """Keep the alarms, with the monitored span of the recording, if the recording has labels."""
        assert self._source is not None
        if self._source.truth is not None and self._stop:
            span = (self._source.first, self._stop)
            self.recordings.append(RecordingAlarms(self._source.truth, span, self._source.fps, self._alarms))


log = logging.getLogger(__name__)


class Console(Sink):
    """A progress bar over the frames of recordings, and a line for each alarm and trouble."""

    def __init__(self) -> None:
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("left"),
            transient=True,
        )
        self._task = TaskID(0)
        self._name = ""
        self._said: list[str] = []

    def begin(self, source: Source) -> None:
        """Start a bar; a camera has no end to progress to."""
        self._name = source.name
        self._task = self._bar.add_task(source.name, total=source.count)
        if self._bar.console.is_terminal:
            self._bar.start()

    def frame(self, verdict: FrameResult, latency_ms: float) -> None:
        """Advance."""
        self._bar.advance(self._task)

    def event(self, event: Event) -> None:
        """Say that an alarm was raised, or how long it lasted."""
        alarm, who = event.alarm, f"{self._name}, person {event.person}"
        if event.ended:
            log.info("over   %s: %.1f to %.1f s, highest score %.4g", who, alarm.start, alarm.end, alarm.peak)
        else:
            why = f", worst at {', '.join(event.joints).replace('_', ' ')}" if event.joints else ""
            log.warning("ALARM  %s at %.1f s: score %.4g%s", who, alarm.start, alarm.peak, why)

    def on_status(self, texts: Sequence[str]) -> None:
        """Say what is wrong since the last time."""
        for text in texts:
            if text not in self._said:
                log.warning("%s", text)
        self._said = list(texts)

    def end(self) -> None:
        """Put the bar away."""
        self._bar.remove_task(self._task)

    def close(self) -> None:
        """Give the terminal back."""
        if self._bar.console.is_terminal:
            self._bar.stop()
