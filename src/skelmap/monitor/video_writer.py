"""Writes a video of each source: skeletons, score curve and alarms."""

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

CURVE_SECONDS = 10.0
"""Time span of the score curve."""
CURVE_HEIGHT = 90
"""Height of the strip with the score curve, px."""
TEXT_HEIGHT = 22
"""Height of the line of text at the bottom of the strip, px: name of the source, time and score."""
WHITE, GREY, RED, AMBER = (235, 235, 235), (120, 120, 120), (60, 60, 230), (60, 190, 250)
FONT = cv2.FONT_HERSHEY_SIMPLEX
LONGEST_STILL = 5.0
"""Longest time that a frame is repeated; longer gaps of the stream are left out of the video, seconds."""
MIN_FREE_BYTES = 200_000_000
"""The video pauses if the disk has less free space, which is reserved for events and scores."""
Image = NDArray[np.uint8]


class VideoSink(Sink):
    """Writes a video (WebM, VP8) of each source.

    Args:
        folder: output folder.
        rule: of the alarms.
        show_camera_image: draw over the camera's images; otherwise the video contains skeletons only, and no faces.
    """

    def __init__(self, folder: Path, rule: AlarmRule, show_camera_image: bool = False) -> None:
        self.folder, self.rule, self.show_camera_image = folder, rule, show_camera_image
        self._video: VideoFile | None = None
        self._overlay: Overlay | None = None

    def on_source_start(self, source: Source) -> None:
        """Start a video; the name of a live source's video contains the time, since its folder may be reused."""
        name = safe_filename(source.name)
        if source.count is None:
            name += time.strftime("_%Y-%m-%d_%H-%M-%S")
        self._video = VideoFile(self.folder / f"{name}.webm", source.fps)
        self._overlay = Overlay(source.name, source.layout, self.rule, self.show_camera_image)

    def on_frame(self, result: FrameResult, latency_ms: float) -> None:
        """Add a frame."""
        assert self._video is not None and self._overlay is not None
        self.error = self._video.add(self._overlay.draw(result), result.frame.time)

    def on_source_end(self) -> None:
        """Finish the video."""
        if self._video is not None:
            self._video.close()


class Overlay:
    """Draws the results of a source, frame by frame.

    Args:
        name: of the source.
        layout: of the keypoints.
        rule: of the alarms.
        show_camera_image: draw over the camera's images instead of a black background.
    """

    def __init__(self, name: str, layout: Layout, rule: AlarmRule, show_camera_image: bool = False) -> None:
        self.name, self.layout, self.rule, self.show_camera_image = name, layout, rule, show_camera_image
        self._curve: deque[tuple[float, float, bool]] = deque()  # time, score, whether an alarm was active
        self._unusual: dict[int, tuple[str, ...]] = {}  # most unusual joints of each active alarm, by person
        self._top = -math.inf
        self._bottom = math.inf

    def draw(self, result: FrameResult) -> Image:
        """Draw a frame with the score curve below, (H + 90, W, 3) BGR."""
        frame = result.frame
        width, height = frame.size
        image = np.zeros((height + CURVE_HEIGHT, width, 3), np.uint8)
        if self.show_camera_image and frame.image is not None:
            image[:height] = frame.image
        raised = {event.person: event.joints for event in result.events if not event.ended}
        self._unusual = {
            number: joints for number, joints in (self._unusual | raised).items() if number in result.alarmed
        }
        self._draw_skeletons(image, frame, result.alarmed)
        cv2.rectangle(image, (0, height), (width, height + CURVE_HEIGHT), (24, 24, 24), -1)
        self._draw_curve(image[height:-TEXT_HEIGHT], result)
        if result.alarmed:
            people = "; ".join(map(self._describe, sorted(result.alarmed)))
            cv2.rectangle(image, (0, 0), (width, 34), RED, -1)
            _put_text(image, f"ALARM  {people}", (10, 23), WHITE, 0.6)
        bottom = height + CURVE_HEIGHT - 7
        _put_text(image, f"{self.name}  {frame.time:.2f} s", (10, bottom), GREY, 0.45)
        if self._curve:
            _put_text(image, f"score {self._curve[-1][1]:.4g}", (width - 110, bottom), WHITE, 0.45)
        return image

    def _describe(self, number: int) -> str:
        """Name a person and the joints of the alarm."""
        joints = ", ".join(self._unusual.get(number, ())).replace("_", " ")
        return f"person {number}" + (f": {joints}" if joints else "")

    def _draw_skeletons(self, image: Image, frame: PoseFrame, alarmed: frozenset[int]) -> None:
        for number, points in zip(frame.person_ids.tolist(), with_neck(frame.keypoints, self.layout), strict=True):
            detected = points[:, 2] > 0
            if not detected.any():
                continue
            pixels = np.round(np.where(detected[:, None], points[:, :2], 0)).astype(int).tolist()
            colour = RED if number in alarmed else WHITE
            for a, b in self.layout.limbs:
                if detected[a] and detected[b]:
                    cv2.line(image, pixels[a], pixels[b], colour, 3, cv2.LINE_AA)
            for joint in map(self.layout.joints.index, self._unusual.get(number, ())):
                if detected[joint]:
                    cv2.circle(image, pixels[joint], 8, AMBER, 2, cv2.LINE_AA)
            x, y = points[detected, :2].min(axis=0)
            _put_text(image, str(number), (int(x), max(int(y) - 8, 12)), colour, 0.5)

    def _draw_curve(self, strip: Image, result: FrameResult) -> None:
        """Draw the highest score of each recent frame, and the threshold."""
        now = result.frame.time
        scores = [score.score for score in result.scores if math.isfinite(score.score)]
        if scores:
            self._curve.append((now, max(scores), bool(result.alarmed)))
        while self._curve and self._curve[0][0] < now - CURVE_SECONDS:
            self._curve.popleft()
        values = [self.rule.on, *(score for _, score, _ in self._curve)]
        self._bottom, self._top = min(self._bottom, *values), max(self._top, *values)
        height, width = strip.shape[:2]
        span = max(self._top - self._bottom, 1e-12)

        def pixel(time: float, score: float) -> tuple[int, int]:
            x = (width - 1) * (1 - (now - time) / CURVE_SECONDS)
            return round(x), round(8 + (height - 16) * (1 - (score - self._bottom) / span))

        left, right = pixel(now - CURVE_SECONDS, self.rule.on), pixel(now, self.rule.on)
        cv2.line(strip, left, right, AMBER, 1)
        text_y = left[1] - 4 if left[1] > 16 else left[1] + 14
        _put_text(strip, "threshold", (left[0] + 4, text_y), AMBER, 0.4)
        for (start, score, _), (end, next_score, alarmed) in pairwise(self._curve):
            if end - start < 1:  # longer gaps stay empty
                colour = RED if alarmed else WHITE
                cv2.line(strip, pixel(start, score), pixel(end, next_score), colour, 2, cv2.LINE_AA)


def _put_text(image: Image, text: str, origin: tuple[int, int], colour: tuple[int, int, int], size: float) -> None:
    cv2.putText(image, text, origin, FONT, size, colour, 1, cv2.LINE_AA)


class VideoFile:
    """Video of constant frame rate with the size of its first frame; each frame is repeated until the next one."""

    def __init__(self, path: Path, fps: float) -> None:
        self.path, self.fps = path, fps
        self._writer: cv2.VideoWriter | None = None
        self._size = (0, 0)
        self._count = 0
        self._paused = False
        self._left_out = 0.0  # seconds of the stream that are not in the video

    def add(self, image: Image, time: float) -> str:
        """Add a frame.

        Args:
            image: (H, W, 3) BGR.
            time: seconds of the stream.

        Returns:
            Why it cannot be written; empty on success.
        """
        if self._writer is None:
            self._size = (image.shape[1], image.shape[0])
            with _silent_stderr():  # FFmpeg warns about VP8 in WebM for each file
                self._writer = cv2.VideoWriter(str(self.path), cv2.VideoWriter.fourcc(*"VP80"), self.fps, self._size)
        if not self._writer.isOpened():
            return f"{self.path}: the video cannot be written"
        written = self._count / self.fps
        if self._count == 0 or not 0 <= time - self._left_out - written <= LONGEST_STILL:
            self._left_out = time - written
        repeats = max(0, round((time - self._left_out) * self.fps) + 1 - self._count)
        if self._count // 100 != (self._count + repeats) // 100 or self._count == 0:
            self._paused = shutil.disk_usage(self.path.parent).free < MIN_FREE_BYTES
        self._count += repeats
        if self._paused:
            return f"{self.path}: the video pauses, since the disk is nearly full"
        if (image.shape[1], image.shape[0]) != self._size:
            image = cv2.resize(image, self._size).astype(np.uint8)
        for _ in range(repeats):
            self._writer.write(image)
        return ""

    def close(self) -> None:
        """Finish the file."""
        if self._writer is not None:
            self._writer.release()


@contextmanager
def _silent_stderr() -> Iterator[None]:
    """Discard what a C library writes to file descriptor 2."""
    original, devnull = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(devnull, 2)
        yield
    finally:
        os.dup2(original, 2)
        os.close(original)
        os.close(devnull)
