"""What a monitor says in the terminal: progress, alarms, troubles."""

import logging
from collections.abc import Sequence

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from skelmap.monitor.listener import Listener
from skelmap.monitor.sources import Source
from skelmap.monitor.watch import Event, Verdict

log = logging.getLogger(__name__)


class Console(Listener):
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

    def frame(self, verdict: Verdict, latency_ms: float) -> None:
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

    def hear_troubles(self, texts: Sequence[str]) -> None:
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
