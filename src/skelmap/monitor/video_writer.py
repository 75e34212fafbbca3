"""Videos of watched frames with skeletons, scores and alarms."""

import math
import os
import shutil
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from skelmap.evaluation.alarms import AlarmRule
from skelmap.monitor.sinks import Sink
from skelmap.monitor.sources import PoseFrame, Source
from skelmap.monitor.stream import FrameResult
from skelmap.skeletons.layouts import Layout, with_neck
from skelmap.utils.names import safe_filename

SECONDS = 10.0
"""Of scores that the curve shows."""
STRIP = 90
"""Height of the strip with the curve, px."""
WHITE, GREY, RED, AMBER = (235, 235, 235), (120, 120, 120), (60, 60, 230), (60, 190, 250)
FONT = cv2.FONT_HERSHEY_SIMPLEX
Picture = NDArray[np.uint8]


class Overlay:
    """Draws what a monitor says, frame by frame.

    Args:
        name: of the source.
        layout: of the keypoints.
        rule: of the alarms, or None.
        over_picture: draw over the camera's picture; otherwise skeletons alone, so that nobody's face is shown.
    """

    def __init__(self, name: str, layout: Layout, rule: AlarmRule | None, over_picture: bool = False) -> None:
        self.name, self.layout, self.rule, self.over_picture = name, layout, rule, over_picture
        self._curve: deque[tuple[float, float, bool]] = deque()  # seconds, score, whether an alarm lasted
        self._named: dict[int, tuple[str, ...]] = {}  # joints that each person's alarm named when it was raised
        self._top = -math.inf
        self._bottom = math.inf

    def draw(self, verdict: FrameResult) -> Picture:
        """Draw a frame with the strip below, (H + 90, W, 3) BGR."""
        sight = verdict.sight
        width, height = sight.size
        picture = np.zeros((height + STRIP, width, 3), np.uint8)
        if self.over_picture and sight.picture is not None:
            picture[:height] = sight.picture
        raised = {event.person: event.joints for event in verdict.events if not event.ended}
        self._named = {number: joints for number, joints in (self._named | raised).items() if number in verdict.alarmed}
        self._skeletons(picture, sight, verdict.alarmed)
        cv2.rectangle(picture, (0, height), (width, height + STRIP), (24, 24, 24), -1)
        self._score_curve(picture[height:], verdict)
        if verdict.alarmed:
            people = "; ".join(map(self._who, sorted(verdict.alarmed)))
            cv2.rectangle(picture, (0, 0), (width, 34), RED, -1)
            _write(picture, f"ALARM  {people}", (10, 23), WHITE, 0.6)
        _write(picture, f"{self.name}  {sight.time:7.2f} s", (10, height - 10), GREY, 0.45)
        return picture

    def _who(self, number: int) -> str:
        """Name a person and the joints for which there is an alarm."""
        joints = ", ".join(self._named.get(number, ())).replace("_", " ")
        return f"person {number}" + (f": {joints}" if joints else "")

    def _skeletons(self, picture: Picture, sight: PoseFrame, alarmed: frozenset[int]) -> None:
        for number, points in zip(sight.person.tolist(), with_neck(sight.keypoints, self.layout), strict=True):
            seen = points[:, 2] > 0
            if not seen.any():
                continue
            places = np.round(np.where(seen[:, None], points[:, :2], 0)).astype(int).tolist()
            colour = RED if number in alarmed else WHITE
            for a, b in self.layout.limbs:
                if seen[a] and seen[b]:
                    cv2.line(picture, places[a], places[b], colour, 3, cv2.LINE_AA)
            for joint in map(self.layout.joints.index, self._named.get(number, ())):
                if seen[joint]:
                    cv2.circle(picture, places[joint], 8, AMBER, 2, cv2.LINE_AA)
            x, y = points[seen, :2].min(axis=0)
            _write(picture, str(number), (int(x), max(int(y) - 8, 12)), colour, 0.5)

    def _score_curve(self, strip: Picture, verdict: FrameResult) -> None:
        """Draw the highest score of each frame over the last seconds, and the threshold."""
        now = verdict.sight.time
        scores = [scored.score for scored in verdict.scores if math.isfinite(scored.score)]
        if scores:
            self._curve.append((now, max(scores), bool(verdict.alarmed)))
        while self._curve and self._curve[0][0] < now - SECONDS:
            self._curve.popleft()
        shown = [score for _, score, _ in self._curve] + ([self.rule.on] if self.rule else [])
        if not shown:
            _write(strip, "no score yet", (10, 20), GREY, 0.45)
            return
        self._bottom, self._top = min(self._bottom, *shown), max(self._top, *shown)
        height, width = strip.shape[:2]
        span = max(self._top - self._bottom, 1e-12)

        def place(time: float, score: float) -> tuple[int, int]:
            x = (width - 1) * (1 - (now - time) / SECONDS)
            return round(x), round(8 + (height - 16) * (1 - (score - self._bottom) / span))

        if self.rule:
            left, right = place(now - SECONDS, self.rule.on), place(now, self.rule.on)
            cv2.line(strip, left, right, AMBER, 1)
            _write(strip, "threshold", (left[0] + 4, left[1] - 4 if left[1] > 16 else left[1] + 14), AMBER, 0.4)
        for (then, score, _), (after, next_score, alarmed) in pairwise(self._curve):
            if after - then < 1:  # a gap is a gap
                colour = RED if alarmed else WHITE
                cv2.line(strip, place(then, score), place(after, next_score), colour, 2, cv2.LINE_AA)
        if self._curve:
            _write(strip, f"{self._curve[-1][1]:.4g}", (width - 84, height - 8), WHITE, 0.45)


def _write(picture: Picture, text: str, place: tuple[int, int], colour: tuple[int, int, int], size: float) -> None:
    cv2.putText(picture, text, place, FONT, size, colour, 1, cv2.LINE_AA)


LONGEST_STILL = 5.0
"""Seconds that one picture stands at most; of a longer gap the film shows nothing."""
ROOM = 200_000_000
"""Bytes that a disk must have left, or the film pauses: events matter more."""


class VideoSink(Sink):
    """A film (WebM, VP8) of each source: its skeletons, its score, its alarms.

    Args:
        folder: where they are written.
        rule: of the alarms, or None.
        over_picture: show the camera's pictures, too; otherwise nobody's face is stored.
    """

    def __init__(self, folder: Path, rule: AlarmRule | None, over_picture: bool = False) -> None:
        self.folder, self.rule, self.over_picture = folder, rule, over_picture
        self._film: _Film | None = None
        self._overlay: Overlay | None = None

    def begin(self, source: Source) -> None:
        """Begin a film; a camera's is named after the moment, for there will be more of them."""
        name = safe_filename(source.name)
        if source.count is None:
            name += time.strftime("_%Y-%m-%d_%H-%M-%S")
        self._film = _Film(self.folder / f"{name}.webm", source.fps)
        self._overlay = Overlay(source.name, source.layout, self.rule, self.over_picture)

    def frame(self, verdict: FrameResult, latency_ms: float) -> None:
        """Add a frame."""
        assert self._film is not None and self._overlay is not None
        self.trouble = self._film.add(self._overlay.draw(verdict), verdict.sight.time)

    def end(self) -> None:
        """Finish the film."""
        if self._film is not None:
            self._film.close()


class _Film:
    """One film, which takes the size of its first frame; a frame is shown until the next one comes."""

    def __init__(self, path: Path, fps: float) -> None:
        self.path, self.fps = path, fps
        self._writer: cv2.VideoWriter | None = None
        self._size = (0, 0)
        self._count = 0
        self._paused = False
        self._shift = 0.0  # seconds of the stream that the film leaves out

    def add(self, picture: NDArray[np.uint8], time: float) -> str:
        """Add a frame, (H, W, 3) BGR, of that time in seconds; give why not, if not."""
        if self._writer is None:
            self._size = (picture.shape[1], picture.shape[0])
            with _without_stderr():  # OpenCV's FFmpeg finds VP8 in WebM unusual, and says so at each file
                self._writer = cv2.VideoWriter(str(self.path), cv2.VideoWriter.fourcc(*"VP80"), self.fps, self._size)
        if not self._writer.isOpened():
            return f"{self.path}: a film cannot be written there"
        shown = self._count / self.fps
        if self._count == 0 or not 0 <= time - self._shift - shown <= LONGEST_STILL:
            self._shift = time - shown
        due = max(0, round((time - self._shift) * self.fps) + 1 - self._count)
        if self._count // 100 != (self._count + due) // 100 or self._count == 0:
            self._paused = shutil.disk_usage(self.path.parent).free < ROOM
        self._count += due
        if self._paused:
            return f"{self.path}: the film pauses, for the disk is nearly full"
        if (picture.shape[1], picture.shape[0]) != self._size:
            picture = cv2.resize(picture, self._size).astype(np.uint8)
        for _ in range(due):
            self._writer.write(picture)
        return ""

    def close(self) -> None:
        """Finish the file."""
        if self._writer is not None:
            self._writer.release()


@contextmanager
def _without_stderr() -> Iterator[None]:
    """Let nothing through that a library writes to file 2 itself."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
