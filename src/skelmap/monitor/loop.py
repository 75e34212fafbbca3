"""The loop: from sources through the model to whoever listens."""

import time
from collections import deque
from collections.abc import Iterable, Sequence

import numpy as np

from skelmap.monitor.alarms import AlarmRule
from skelmap.monitor.interrupts import uninterrupted
from skelmap.monitor.listener import Listener
from skelmap.monitor.scorer import Scorer
from skelmap.monitor.sight import Sight, Trouble
from skelmap.monitor.sources import Source
from skelmap.monitor.watch import Event, Watch, bridge_for

RECENT = 5000
"""Frames whose latency is remembered."""


class Monitor:
    """Watch sources, and tell listeners what is seen.

    Args:
        scorer: the model.
        rule: when scores are an alarm; None gives scores alone.
        listeners: who is told.
        realtime: play recordings at their own speed.
    """

    def __init__(
        self, scorer: Scorer, rule: AlarmRule | None, listeners: Sequence[Listener], realtime: bool = False
    ) -> None:
        self.scorer, self.rule, self.listeners, self.realtime = scorer, rule, listeners, realtime
        self._latency: deque[float] = deque(maxlen=RECENT)
        self._trouble = ""

    def run(self, sources: Iterable[Source]) -> None:
        """Watch every source to its end; an interruption goes on its way once files are complete."""
        try:
            for source in sources:
                self._watch(source)
        finally:
            with uninterrupted():
                for listener in self.listeners:
                    listener.close()

    def latency(self) -> tuple[float, float]:
        """Median and 99th percentile of the time from a frame to its verdict, ms; NaN without any frame."""
        recent = self._latency or [float("nan")]
        return float(np.median(recent)), float(np.quantile(recent, 0.99))

    def _watch(self, source: Source) -> None:
        watch = Watch(self.scorer, self.rule, source.layout, bridge_for(source.fps, self.scorer.eye))
        for listener in self.listeners:
            listener.begin(source)
        began = time.monotonic()
        try:
            for seen in source:
                if self.realtime and isinstance(seen, Sight):
                    time.sleep(max(0.0, began + seen.time - time.monotonic()))
                with uninterrupted():
                    self._take(watch, seen)
        finally:
            with uninterrupted():
                self._tell(watch.stop())
                for listener in self.listeners:
                    listener.end()

    def _take(self, watch: Watch, seen: Sight | Trouble) -> None:
        """Judge a frame and tell everybody, or tell what is wrong."""
        if isinstance(seen, Trouble):
            self._say(seen.text)
            self._tell(watch.pass_time(seen.time))
            return
        came = time.perf_counter()
        verdict = watch.see(seen)
        self._latency.append(1e3 * (time.perf_counter() - came))
        self._tell(verdict.events)
        troubles = [listener.frame(verdict, self._latency[-1]) for listener in self.listeners]
        self._say(next(filter(None, troubles), ""))

    def _tell(self, events: Sequence[Event]) -> None:
        for event in events:
            troubles = [listener.event(event) for listener in self.listeners]
            self._say(next(filter(None, troubles), ""))

    def _say(self, trouble: str) -> None:
        """Tell a trouble once, until there is another or none."""
        if trouble and trouble != self._trouble:
            for listener in self.listeners:
                listener.trouble(trouble)
        self._trouble = trouble
