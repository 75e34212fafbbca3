"""The loop: from sources through the model to whoever listens."""

import logging
import time
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from operator import methodcaller

import numpy as np

from skelmap.evaluation.alarms import AlarmRule
from skelmap.monitor.scorers import Scorer
from skelmap.monitor.sinks import Sink
from skelmap.monitor.sources import PoseFrame, Source, SourceError
from skelmap.monitor.stream import Event, StreamDetector
from skelmap.utils.runtime import delay_signals

RECENT = 5000
"""Frames whose latency is remembered."""
log = logging.getLogger(__name__)


class Monitor:
    """Watch sources, and tell listeners what is seen.

    Args:
        scorer: the model.
        rule: when scores are an alarm; None gives scores alone.
        listeners: who is told.
        realtime: play recordings at their own speed.
    """

    def __init__(
        self, scorer: Scorer, rule: AlarmRule | None, listeners: Sequence[Sink], realtime: bool = False
    ) -> None:
        self.scorer, self.rule, self.listeners, self.realtime = scorer, rule, listeners, realtime
        self._latency: deque[float] = deque(maxlen=RECENT)
        self._troubles: dict[str, str] = {}  # of each origin: a source, a listener
        self._start: datetime | None = None  # of the stream, for cameras

    def run(self, sources: Iterable[Source]) -> None:
        """Watch every source to its end; an interruption goes on its way once files are complete."""
        try:
            for source in sources:
                self._watch(source)
        finally:
            with delay_signals():
                self._each(methodcaller("close"))

    def latency(self) -> tuple[float, float]:
        """Median and 99th percentile of the time from a picture to its verdict, ms; NaN without any frame."""
        recent = self._latency or [float("nan")]
        return float(np.median(recent)), float(np.quantile(recent, 0.99))

    def _watch(self, source: Source) -> None:
        watch = StreamDetector(self.scorer, self.rule, source.layout, source.fps)
        self._troubles.clear()
        self._start = None
        self._each(methodcaller("begin", source))
        began: float | None = None
        try:
            for seen in source:
                if self.realtime and isinstance(seen, PoseFrame):
                    began = time.monotonic() - seen.time if began is None else began
                    time.sleep(max(0.0, began + seen.time - time.monotonic()))
                    seen = replace(seen, came=time.perf_counter())
                if source.count is None:
                    self._start = datetime.now(UTC) - timedelta(seconds=seen.time)
                with delay_signals():
                    self._take(watch, seen)
        finally:
            with delay_signals():
                self._tell(watch.stop())
                self._each(methodcaller("end"))

    def _take(self, watch: StreamDetector, seen: PoseFrame | SourceError) -> None:
        """Judge a frame and tell everybody, or tell what is wrong."""
        if isinstance(seen, SourceError):
            self._say("source", seen.text)
            self._tell(watch.advance_to(seen.time))
            self._each(methodcaller("on_no_frame", seen.time))
            return
        verdict = watch.see(seen)
        self._latency.append(1e3 * (time.perf_counter() - seen.came))
        self._say("source", verdict.trouble)
        self._tell(verdict.events)
        self._each(methodcaller("frame", verdict, self._latency[-1]))

    def _tell(self, events: Sequence[Event]) -> None:
        for event in events:
            if self._start:
                event = replace(event, clock=self._start + timedelta(seconds=event.alarm.start))
            self._each(methodcaller("event", event))

    def _each(self, tell: methodcaller) -> None:
        """Tell each listener; what one of them cannot do is a trouble, and no reason to stop watching."""
        for listener in self.listeners:
            try:
                tell(listener)
                trouble = listener.trouble
            except Exception as error:
                log.debug("%s", type(listener).__name__, exc_info=True)
                trouble = f"{type(listener).__name__}: {error}"
            self._say(type(listener).__name__, trouble)

    def _say(self, origin: str, trouble: str) -> None:
        """Tell everybody what is wrong, when that changes."""
        if trouble == self._troubles.get(origin, ""):
            return
        self._troubles[origin] = trouble
        texts = [text for text in self._troubles.values() if text]
        for listener in self.listeners:
            listener.on_status(texts)
