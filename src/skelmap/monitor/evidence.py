"""Evidence of alarms: a clip archive, a film and a still of each, deleted after some days or gigabytes."""

import logging
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from skelmap.evaluation.alarms import AlarmRule
from skelmap.monitor.event_log import alarm_id
from skelmap.monitor.sinks import Sink
from skelmap.monitor.sources import PoseFrame, Source
from skelmap.monitor.stream import Event, FrameResult
from skelmap.monitor.video_writer import Overlay, VideoFile
from skelmap.skeletons.archives import write_clip
from skelmap.skeletons.clip import Clip
from skelmap.utils.errors import UserError
from skelmap.utils.io import atomic_write

EVIDENCE_FOLDER = "alarms"
CLIP, FILM, STILL = ".npz", ".webm", ".jpg"
MAX_SECONDS = 60.0
"""A longer alarm is kept up to this time after its start."""
MARGIN = 0.5
"""Kept beyond what an alarm needs, for a camera whose frames come late, seconds."""
MAX_PENDING = 20
"""Largest number of alarms that wait to be written."""
CLOSE_SECONDS = 60.0
"""Longest wait for them at the end of the monitor."""
JPEG_QUALITY = 85
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Retention:
    """How long evidence is kept.

    Attributes:
        days: files are deleted when they are older.
        gigabytes: the oldest files are deleted when all together are larger.
    """

    days: float = 30.0
    gigabytes: float = 5.0

    def apply(self, folder: Path) -> None:
        """Delete files of a folder."""
        found = sorted(((path.stat(), path) for path in folder.glob("*.*")), key=lambda entry: -entry[0].st_mtime)
        size, oldest = 0, time.time() - 86400 * self.days
        for stat, path in found:
            size += stat.st_size
            if size > 1e9 * self.gigabytes or stat.st_mtime < oldest:
                path.unlink(missing_ok=True)


@dataclass
class _Open:
    """Alarm whose evidence is not written yet."""

    identity: str
    event: Event
    has_still: bool = False


class Evidence(Sink):
    """Keeps the seconds around each alarm: FOLDER/alarms/ID.npz, ID.webm and ID.jpg.

    The clip archive has the person of the alarm alone, the film everybody. They are written in a thread.

    Args:
        folder: output folder of the monitor.
        rule: of the alarms.
        seconds: kept before and after an alarm.
        retention: when evidence is deleted.
        show_camera_image: draw over the camera's images; otherwise film and still contain skeletons only.
    """

    def __init__(
        self, folder: Path, rule: AlarmRule, seconds: float, retention: Retention, show_camera_image: bool = False
    ) -> None:
        self.folder, self.rule, self.seconds, self.retention = folder / EVIDENCE_FOLDER, rule, seconds, retention
        self.show_camera_image = show_camera_image
        self._source: Source | None = None
        self._recent: deque[FrameResult] = deque()
        self._open: list[_Open] = []
        self._pending: queue.Queue[Callable[[], str] | None] = queue.Queue(MAX_PENDING)
        self._thread = threading.Thread(target=self._write_pending, name="evidence", daemon=True)
        self._thread.start()

    def on_source_start(self, source: Source) -> None:
        """Start with nothing."""
        self._source = source
        self._recent.clear()
        self._open.clear()

    def on_event(self, event: Event) -> None:
        """Note the start or the end of an alarm."""
        assert self._source is not None
        identity = alarm_id(self._source, event)
        for alarm in self._open:
            if alarm.identity == identity:
                alarm.event = event
                return
        if not event.ended:
            self._open.append(_Open(identity, event))

    def on_frame(self, result: FrameResult, latency_ms: float) -> None:
        """Keep a frame, take the still of a new alarm, and write the alarms that are long enough ago."""
        image = result.frame.image if self.show_camera_image else None
        packed = None if image is None else cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1]
        self._recent.append(replace(result, frame=replace(result.frame, image=packed)))
        for alarm in self._open:
            if not alarm.has_still:
                alarm.has_still = True
                path = self.folder / f"{alarm.identity}{STILL}"
                self._put(partial(_write_still, path, self._overlay(), self._recent[-1]))
        self._advance(result.frame.time)

    def on_no_frame(self, time: float) -> None:
        """Write the alarms that are long enough ago."""
        self._advance(time)

    def on_source_end(self) -> None:
        """Write all alarms."""
        self._advance(np.inf)

    def close(self) -> None:
        """Wait for what is being written."""
        try:
            self._pending.put(None, timeout=CLOSE_SECONDS)
            self._thread.join(CLOSE_SECONDS)
        except queue.Full:
            pass
        if self._thread.is_alive():
            log.error("evidence of some alarms is lost: it was not written within %g s", CLOSE_SECONDS)

    def _advance(self, now: float) -> None:
        """Write alarms that ended long enough ago, and forget the frames that no alarm needs."""
        for alarm in list(self._open):
            first, last = self._span(alarm.event)
            if now > last:
                self._open.remove(alarm)
                self._put_films(alarm, [result for result in self._recent if first <= result.frame.time <= last])
        before = self.seconds + self.rule.min_seconds + MARGIN  # an alarm is raised after its start
        oldest = min([now - before, *(self._span(alarm.event)[0] for alarm in self._open)])
        while self._recent and self._recent[0].frame.time < oldest:
            self._recent.popleft()

    def _span(self, event: Event) -> tuple[float, float]:
        """First and last second that are kept of an alarm."""
        longest = event.alarm.start + MAX_SECONDS
        end = min(event.alarm.end, longest) if event.ended else longest
        return event.alarm.start - self.seconds, end + self.seconds

    def _overlay(self) -> Overlay:
        assert self._source is not None
        return Overlay(self._source.name, self._source.layout, self.rule, self.show_camera_image)

    def _put_films(self, alarm: _Open, results: Sequence[FrameResult]) -> None:
        assert self._source is not None
        if not results:
            return
        source, overlay = self._source, self._overlay()

        def write() -> str:
            clip = _person_clip(alarm.identity, source, results, alarm.event.person)
            write_clip(self.folder / f"{alarm.identity}{CLIP}", clip)
            error = _write_film(self.folder / f"{alarm.identity}{FILM}", overlay, results, source.fps)
            self.retention.apply(self.folder)
            return error

        self._put(write)

    def _put(self, write: Callable[[], str]) -> None:
        try:
            self._pending.put_nowait(write)
        except queue.Full:
            self.error = f"{self.folder}: {MAX_PENDING} alarms are already waiting; the evidence of others is lost"

    def _write_pending(self) -> None:
        while (write := self._pending.get()) is not None:
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
                self.error = write()
            except (OSError, UserError, cv2.error) as error:
                self.error = f"{self.folder}: evidence cannot be written ({error})"


def _person_clip(name: str, source: Source, results: Sequence[FrameResult], person: int) -> Clip:
    """Make a clip of one person; frame numbers are the recording's, or seconds of the stream times its frame rate."""
    keypoints: dict[int, NDArray[np.float32]] = {}
    fps = source.fps * source.step
    for result in results:
        frame = result.frame
        number = frame.number if source.count is not None else round(frame.time * fps)
        mine = frame.keypoints[frame.person_ids == person]
        keypoints[number] = mine[0] if len(mine) else np.zeros((len(source.layout.joints), 3), np.float32)
    numbers = np.array(list(keypoints), np.int64)
    track = np.full(len(numbers), person, np.int64)
    return Clip.build(
        name, np.stack(list(keypoints.values())), source.layout, results[0].frame.size, fps, numbers, track
    )


def _unpacked(frame: PoseFrame) -> PoseFrame:
    if frame.image is None:
        return frame
    return replace(frame, image=np.asarray(cv2.imdecode(frame.image, cv2.IMREAD_COLOR), np.uint8))


def _write_still(path: Path, overlay: Overlay, result: FrameResult) -> str:
    image = overlay.draw(replace(result, frame=_unpacked(result.frame)))
    with atomic_write(path, "wb") as file:
        file.write(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1].tobytes())
    return ""


def _write_film(path: Path, overlay: Overlay, results: Sequence[FrameResult], fps: float) -> str:
    film, error = VideoFile(path, fps), ""
    try:
        for result in results:
            image = overlay.draw(replace(result, frame=_unpacked(result.frame)))
            error = film.add(image, result.frame.time - results[0].frame.time)
    finally:
        film.close()
    return error
