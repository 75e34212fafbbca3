"""Cameras that are lost, frozen or slow."""

import time
from collections.abc import Iterator
from itertools import chain, islice, repeat

import cv2
import numpy as np
import pytest

from skelmap.monitor.camera import Camera, CameraTiming
from skelmap.monitor.sources import PoseFrame, SourceError
from skelmap.skeletons.layouts import BODY_25
from synthetic_data import person


class EmptyEstimator:
    """Detects nobody."""

    layout = BODY_25

    def detect(self, image: np.ndarray) -> np.ndarray:
        return np.zeros((0, 25, 3), np.float32)

    def close(self) -> None: ...


class SlowEstimator(EmptyEstimator):
    """Takes 0.15 s per image, and detects a person in the first and the sixth image."""

    calls = 0

    def detect(self, image: np.ndarray) -> np.ndarray:
        time.sleep(0.15)
        self.calls += 1
        return person()[None] if self.calls in (1, 6) else np.zeros((0, 25, 3), np.float32)


@pytest.mark.parametrize(("fps", "numbers"), [(1.0, [0, 0]), (30.0, [0, 1])])
def test_frames_that_a_slow_estimator_drops_count_as_missing_for_the_tracker(fps: float, numbers: list[int]) -> None:
    camera = Camera("0", "gate", SlowEstimator(), fps, connect=ScriptedCapture(repeat("new")))
    frames = list(islice((item for item in camera if isinstance(item, PoseFrame)), 6))
    assert [int(frames[i].person_ids[0]) for i in (0, 5)] == numbers


class ScriptedCapture:
    """Camera that gives images, fails or freezes, one word of the script per image."""

    def __init__(self, script: Iterator[str]) -> None:
        self.script = script
        self.attempts: list[float] = []

    def __call__(self, address: str) -> "ScriptedCapture":
        self.attempts.append(time.monotonic())
        return self

    def read(self) -> np.ndarray | None:
        time.sleep(0.005)
        word = next(self.script, "lost")
        if word == "broken":
            raise cv2.error("no such stream")
        if word == "lost":
            return None
        return np.full((48, 64, 3), 7 if word == "same" else time.monotonic_ns() // 1000 % 251, np.uint8)

    def close(self) -> None: ...


def test_a_lost_camera_is_reconnected_with_increasing_delays_and_a_frozen_one_is_an_error() -> None:
    timing = CameraTiming(lost=0.05, frozen=0.1, report_interval=0.02, retry=(0.05, 0.2))
    script = chain(["new"] * 5, ["lost"] * 2, ["broken"], ["new"] * 5, ["same"] * 60, repeat("new"))
    capture = ScriptedCapture(script)
    items: list[PoseFrame | SourceError] = []
    frozen = False
    for item in Camera("0", "gate", EmptyEstimator(), 30.0, connect=capture, timing=timing):
        items.append(item)
        if frozen and isinstance(item, PoseFrame):
            break
        frozen = frozen or (isinstance(item, SourceError) and "frozen" in item.text)
    errors = list(dict.fromkeys(item.text for item in items if isinstance(item, SourceError)))
    assert [text[:14] for text in errors if "no such stream" not in text] == ["gate: no image", "gate: frozen, "]
    assert any("no such stream" in text for text in errors)  # exceptions of OpenCV are reported and do not end it
    delays = np.diff(capture.attempts)
    assert len(delays) == 3 and delays[0] >= 0.05 and (delays[1:] >= 0.2).all()
    frames = [item for item in items if isinstance(item, PoseFrame)]
    assert [frame.number for frame in frames] == list(range(len(frames)))
    assert [frame.time for frame in frames] == sorted(frame.time for frame in frames)
