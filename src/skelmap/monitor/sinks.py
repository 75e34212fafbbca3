"""Sinks: the base class, the console, the heartbeat file and the collector of alarms."""

import json
import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from math import isfinite
from pathlib import Path
from statistics import median
from time import monotonic
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from skelmap.evaluation.alarms import Alarm, RecordingAlarms
from skelmap.monitor.sources import Source
from skelmap.monitor.stream import Event, FrameResult
from skelmap.utils.errors import UserError
from skelmap.utils.io import atomic_write
from skelmap.utils.names import list_names

HEARTBEAT_FILE = "heartbeat.json"
HEARTBEAT_SECONDS = 5.0
"""Interval between two writes of the heartbeat file."""
log = logging.getLogger(__name__)


class Sink:
    """Stores or shows the results of a monitor, one source after the other. Subclasses override what they need.

    Attributes:
        error: why the sink does not work at the moment, in constant words while the cause lasts; empty if it works.
            The monitor reads it after each call and reports changes to all sinks.
    """

    error = ""

    def on_source_start(self, source: Source) -> None:
        """Prepare for the frames of a source."""

    def on_frame(self, result: FrameResult, latency_ms: float) -> None:
        """Store or show the result of a frame.

        Args:
            result: scores, events and the frame.
            latency_ms: from the arrival of the image, or of the keypoints, to the result.
        """

    def on_event(self, event: Event) -> None:
        """Store or show that an alarm was raised or has ended."""

    def on_status(self, errors: Sequence[str]) -> None:
        """Report a change of the errors and warnings of the source, the detector and the sinks; empty: all is well."""

    def on_no_frame(self, time: float) -> None:
        """Note that the source has no frame at a time, seconds of the stream; called repeatedly while this lasts."""

    def on_source_end(self) -> None:
        """Finish the source: it has ended, or the monitor was stopped."""

    def close(self) -> None:
        """Release all resources at the end of the monitor."""


class Heartbeat(Sink):
    """Writes FOLDER/heartbeat.json at an interval: the time, the source, people in view, errors and latency.

    The monitor's own loop writes the file, so it becomes old if the loop hangs.

    Args:
        folder: output folder.
        interval: seconds between two writes.
        clock: gives the current time in seconds.
        page: address of the monitor's web page; empty without one.
        zones: file of the camera's zones, which the web page edits.
    """

    def __init__(
        self,
        folder: Path,
        interval: float = HEARTBEAT_SECONDS,
        clock: Callable[[], float] = monotonic,
        page: str = "",
        zones: Path | None = None,
    ) -> None:
        self.path, self.interval, self.clock = folder / HEARTBEAT_FILE, interval, clock
        started = datetime.now(UTC).isoformat(timespec="seconds")
        zones_file = str(zones.absolute()) if zones else ""
        self._state: dict[str, Any] = {"state": "watching", "started": started, "page": page, "zones": zones_file}
        self._state |= {"errors": [], "last_error": "", "people": []}
        self._latencies: list[float] = []
        self._written_at = 0.0

    def on_source_start(self, source: Source) -> None:
        """Reset the frame count and write the file."""
        self._state |= {"source": source.name, "seconds": 0.0, "frames": 0, "people": []}
        self._write()

    def on_frame(self, result: FrameResult, latency_ms: float) -> None:
        """Count a frame, and write the file if it is due."""
        self._state["frames"] += 1
        self._state["people"] = people_in_view(result)
        self._latencies.append(latency_ms)
        self.on_no_frame(result.frame.time)

    def on_status(self, errors: Sequence[str]) -> None:
        """Keep the current errors, and the last one after it has passed."""
        self._state["errors"] = list(errors)
        if errors:
            self._state["last_error"] = errors[-1]

    def on_no_frame(self, time: float) -> None:
        """Write the file if it is due."""
        self._state["seconds"] = round(time, 3)
        if self.clock() - self._written_at >= self.interval:
            self._write()

    def on_source_end(self) -> None:
        """Write the last state of the source."""
        self._write()

    def close(self) -> None:
        """Write that the monitor has ended."""
        self._state |= {"state": "ended", "people": []}
        self._write()

    def _write(self) -> None:
        self._written_at = self.clock()
        latency = round(median(self._latencies), 1) if self._latencies else None
        self._latencies.clear()
        content = {"time": datetime.now(UTC).isoformat(timespec="seconds"), **self._state, "latency_ms": latency}
        try:
            with atomic_write(self.path) as file:
                file.write(json.dumps(content, ensure_ascii=False) + "\n")
            self.error = ""
        except UserError as error:
            self.error = str(error)


def people_in_view(result: FrameResult) -> list[dict[str, Any]]:
    """List the people of a frame for JSON: number, how full the window is (0 to 1), newest score, whether alarmed."""
    scores = {score.person: score.score for score in result.scores if isfinite(score.score)}
    return [
        {
            "person": number,
            "window": round(window, 2),
            "score": scores.get(number),
            "alarm": number in result.alarmed,
        }
        for number, window in result.windows.items()
    ]


class AlarmCollector(Sink):
    """Collects the alarms of recordings with labels, for event metrics.

    Attributes:
        recordings: the recordings with their alarms.
        unjudged: abnormal events in which nobody has a score, because nobody has been seen for a whole window.
    """

    def __init__(self) -> None:
        self.recordings: list[RecordingAlarms] = []
        self.unjudged = 0
        self._source: Source | None = None
        self._alarms: list[Alarm] = []
        self._stop = 0  # one past the last frame
        self._scored: list[float] = []  # times of scores, of recordings with labels

    def on_source_start(self, source: Source) -> None:
        """Start empty lists."""
        self._source, self._alarms, self._stop, self._scored = source, [], 0, []

    def on_frame(self, result: FrameResult, latency_ms: float) -> None:
        """Record the number of the frame, and when somebody had a score."""
        self._stop = result.frame.number + 1
        if self._source is not None and self._source.truth is not None:
            self._scored += [score.time for score in result.scores]

    def on_event(self, event: Event) -> None:
        """Add an alarm of the model that has ended."""
        if event.ended and not event.zone:
            self._alarms.append(event.alarm)

    def on_source_end(self) -> None:
        """Keep the alarms, with the monitored span of the recording, if the recording has labels."""
        assert self._source is not None
        if self._source.truth is not None and self._stop:
            span, fps = (self._source.first, self._stop), self._source.fps * self._source.step
            found = RecordingAlarms(self._source.truth, span, fps, self._alarms)
            self.recordings.append(found)
            for start, stop in found.abnormal_seconds():
                self.unjudged += not any(start <= time < stop for time in self._scored)


class Console(Sink):
    """Logs alarms and errors, and shows a progress bar over the frames of recordings in a terminal."""

    def __init__(self) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("left"),
            TextColumn("{task.fields[windows]}"),
            transient=True,
        )
        self._task = TaskID(0)
        self._source_name = ""
        self._logged: list[str] = []

    def on_source_start(self, source: Source) -> None:
        """Start the progress bar; a camera's bar has no total."""
        self._source_name = source.name
        self._task = self._progress.add_task(source.name, total=source.count, windows="")
        if self._progress.console.is_terminal:
            self._progress.start()

    def on_frame(self, result: FrameResult, latency_ms: float) -> None:
        """Advance the progress bar, and show whose window is not full yet."""
        filling = [f"person {number}: window {window:.0%}" for number, window in result.windows.items() if window < 1]
        self._progress.update(self._task, advance=1, windows=list_names(filling, 2))

    def on_event(self, event: Event) -> None:
        """Log that an alarm was raised, or how long it lasted."""
        alarm, who = event.alarm, f"{self._source_name}, person {event.person}"
        if event.ended:
            score = f"zone {event.zone}" if event.zone else f"highest score {alarm.peak:.4g}"
            log.info("over   %s: %.1f to %.1f s, %s", who, alarm.start, alarm.end, score)
        elif event.zone:
            log.warning("ALARM  %s at %.1f s: zone %s", who, alarm.start, event.zone)
        else:
            joints = f", most unusual: {', '.join(event.joints).replace('_', ' ')}" if event.joints else ""
            log.warning("ALARM  %s at %.1f s: score %.4g%s", who, alarm.start, alarm.peak, joints)

    def on_status(self, errors: Sequence[str]) -> None:
        """Log the errors that are new since the last call."""
        for error in errors:
            if error not in self._logged:
                log.warning("%s", error)
        self._logged = list(errors)

    def on_source_end(self) -> None:
        """Remove the source's progress bar."""
        self._progress.remove_task(self._task)

    def close(self) -> None:
        """Stop the progress display."""
        if self._progress.console.is_terminal:
            self._progress.stop()
