"""The monitor's loop: passes pose frames of sources to the detector, and its results to sinks."""

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
from skelmap.monitor.stream import Event, FrameResult, StreamDetector
from skelmap.monitor.zones import ZoneFile, ZoneTracker
from skelmap.utils.runtime import delay_signals

RECENT_FRAMES = 5000
"""Number of frames in the latency statistics."""
log = logging.getLogger(__name__)


class Monitor:
    """Scores the frames of sources and passes the results to sinks.

    A failing source or sink does not stop the monitor: its error is reported to all sinks when it changes.

    Args:
        scorer: the model.
        rule: of the alarms.
        sinks: receive the results.
        realtime: play recordings at their own speed.
        zones: of the camera; None without any.
    """

    def __init__(
        self,
        scorer: Scorer,
        rule: AlarmRule,
        sinks: Sequence[Sink],
        realtime: bool = False,
        zones: ZoneFile | None = None,
    ) -> None:
        self.scorer, self.rule, self.sinks, self.realtime = scorer, rule, sinks, realtime
        self._latencies: deque[float] = deque(maxlen=RECENT_FRAMES)
        self._errors: dict[str, str] = {}  # by origin: the source or the class of a sink
        self._start: datetime | None = None  # of the stream; None for recordings
        self._raised_at: dict[tuple[int, str], datetime] = {}  # start of the active alarms by person and zone
        self.zones = zones
        self._tracker: ZoneTracker | None = None  # of the current source

    def run(self, sources: Iterable[Source]) -> None:
        """Process each source to its end. On an interruption, finish all files before the exception propagates."""
        try:
            for source in sources:
                self._run_source(source)
        finally:
            with delay_signals():
                self._call_sinks(methodcaller("close"))

    def latency(self) -> tuple[float, float]:
        """Median and 99th percentile of the time from an image to its result, ms; NaN without frames."""
        recent = self._latencies or [float("nan")]
        return float(np.median(recent)), float(np.quantile(recent, 0.99))

    def _run_source(self, source: Source) -> None:
        detector = StreamDetector(self.scorer, self.rule, source.layout, source.fps)
        self._report("source", "")
        self._report("input", "")
        self._report("windows", "")
        self._start = None
        self._tracker = ZoneTracker(self.zones.zones, source.layout) if self.zones else None
        self._call_sinks(methodcaller("on_source_start", source))
        started: float | None = None
        try:
            for item in source:
                if self.realtime and isinstance(item, PoseFrame):
                    started = time.monotonic() - item.time if started is None else started
                    time.sleep(max(0.0, started + item.time - time.monotonic()))
                    item = replace(item, arrived_at=time.perf_counter())
                if source.count is None:
                    self._start = datetime.now(UTC) - timedelta(seconds=item.time)
                with delay_signals():
                    self._report("input", source.warning)
                    self._process(detector, item)
        finally:
            with delay_signals():
                self._send((*detector.finish(), *(self._tracker.finish() if self._tracker else ())))
                self._report("windows", detector.no_score_reason)
                self._call_sinks(methodcaller("on_source_end"))

    def _process(self, detector: StreamDetector, item: PoseFrame | SourceError) -> None:
        if isinstance(item, SourceError):
            self._report("source", item.text)
            self._send(
                (*detector.advance_to(item.time), *(self._tracker.advance_to(item.time) if self._tracker else ()))
            )
            self._call_sinks(methodcaller("on_no_frame", item.time))
            return
        result = self._detect(detector, item)
        self._latencies.append(1e3 * (time.perf_counter() - item.arrived_at))
        self._report("source", result.warning)
        self._send(result.events)
        self._call_sinks(methodcaller("on_frame", result, self._latencies[-1]))

    def _detect(self, detector: StreamDetector, frame: PoseFrame) -> FrameResult:
        """Score a frame, and add the alarms of zones; zones that have changed hold from this frame on."""
        if self._tracker is None or self.zones is None:
            return detector.update(frame)
        if self.zones.has_changed():
            self._send(self._tracker.finish())
            self._tracker = ZoneTracker(self.zones.zones, self._tracker.layout)
        self._report("zones", self.zones.error)
        events = self._tracker.update(frame)
        result = detector.update(self._tracker.watched(frame))
        return replace(result, events=(*result.events, *events), alarmed=result.alarmed | self._tracker.alarmed)

    def _send(self, events: Sequence[Event]) -> None:
        """Pass events to the sinks; both events of a camera's alarm get the wall-clock time of its start."""
        for event in events:
            if self._start:
                key, began = (event.person, event.zone), self._start + timedelta(seconds=event.alarm.start)
                clock = self._raised_at.pop(key, began)
                if not event.ended:
                    self._raised_at[key] = clock
                event = replace(event, clock=clock)
            self._call_sinks(methodcaller("on_event", event))

    def _call_sinks(self, call: methodcaller) -> None:
        """Call a method of each sink; report what fails, and continue."""
        for sink in self.sinks:
            try:
                call(sink)
                error = sink.error
            except Exception as exception:
                log.debug("%s", type(sink).__name__, exc_info=True)
                error = f"{type(sink).__name__}: {exception}"
            self._report(type(sink).__name__, error)

    def _report(self, origin: str, error: str) -> None:
        """Report the current errors to all sinks if this one has changed."""
        if error == self._errors.get(origin, ""):
            return
        self._errors[origin] = error
        errors = [text for text in self._errors.values() if text]
        for sink in self.sinks:
            sink.on_status(errors)
