"""A pose estimator whose process ends is restarted for a camera; for a video file it is an error."""

import os
import time
from collections.abc import Iterator
from contextlib import closing
from itertools import count
from pathlib import Path

import numpy as np
import pytest

from skelmap.monitor.camera import Camera, CameraTiming
from skelmap.monitor.sources import PoseFrame, SourceError, VideoSource
from skelmap.pose_estimation.base import EstimatorEnded
from skelmap.pose_estimation.registry import open_estimator
from skelmap.pose_estimation.video import Video
from skelmap.utils.errors import UserError
from synthetic_videos import write_video


class CrashingCapture:
    """Camera with a person; some images crash the fake MediaPipe process."""

    def __init__(self, crashes: Iterator[bool]) -> None:
        self.crashes, self.number = crashes, 0

    def __call__(self, address: str) -> "CrashingCapture":
        return self

    def read(self) -> np.ndarray:
        time.sleep(0.005)
        self.number += 1
        return np.full((48, 64, 3), (255 if next(self.crashes) else 0, self.number % 250, 200), np.uint8)

    def close(self) -> None: ...


def test_a_camera_continues_when_mediapipe_has_ended(mediapipe_stand_in: None) -> None:
    capture = CrashingCapture(n in range(20, 100) for n in count())
    timing = CameraTiming(retry=(0.05, 0.3))
    with closing(open_estimator("mediapipe")) as estimator:
        items: list[PoseFrame | SourceError] = []
        for item in Camera("0", "gate", estimator, 30.0, connect=capture, timing=timing):
            items.append(item)
            if isinstance(item, PoseFrame) and isinstance(items[-2:][0], SourceError):
                break
    errors = [item for item in items if isinstance(item, SourceError)]
    assert {error.text for error in errors} == {
        "gate: MediaPipe's process has ended: Illegal instruction; restarting it"
    }
    assert errors[-1].time - errors[0].time > 0.3
    last = items[-1]
    assert isinstance(last, PoseFrame) and len(last.keypoints) == 1
    assert [item.number for item in items if isinstance(item, PoseFrame)] == list(range(len(items) - len(errors)))


def test_a_failed_restart_of_mediapipe_is_repeated(mediapipe_stand_in: None, tmp_path: Path) -> None:
    good, bad = np.full((48, 64, 3), (0, 0, 200), np.uint8), np.full((48, 64, 3), 255, np.uint8)
    with closing(open_estimator("mediapipe")) as estimator:
        with pytest.raises(EstimatorEnded, match="Illegal instruction"):
            estimator.detect(bad)
        (tmp_path / "python").rename(tmp_path / "away")
        for _ in range(2):
            with pytest.raises(EstimatorEnded, match="cannot run MediaPipe: No such file"):
                estimator.detect(good)
        (tmp_path / "away").rename(tmp_path / "python")
        files = len(os.listdir("/proc/self/fd"))
        assert len(estimator.detect(good)) == 1
        for _ in range(3):
            with pytest.raises(EstimatorEnded):
                estimator.detect(bad)
            assert len(estimator.detect(good)) == 1
        assert len(os.listdir("/proc/self/fd")) <= files + 3


def test_a_video_file_ends_with_the_error(mediapipe_stand_in: None, tmp_path: Path) -> None:
    video = Video(write_video(tmp_path / "white.mp4", step=22))
    with closing(open_estimator("mediapipe")) as estimator, pytest.raises(UserError, match="has ended"):
        list(VideoSource(video, estimator))
