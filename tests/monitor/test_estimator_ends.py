"""An estimator whose process ends is started again before a camera; a recorded video ends with the error."""

import os
from collections.abc import Iterator
from contextlib import closing
from itertools import count
from pathlib import Path

import numpy as np
import pytest

from skelmap.monitor import camera as camera_module
from skelmap.monitor.camera import Camera
from skelmap.monitor.sources import PoseFrame, SourceError, VideoSource
from skelmap.pose_estimation.base import EstimatorEnded
from skelmap.pose_estimation.registry import open_estimator
from skelmap.pose_estimation.video import Video
from skelmap.utils.errors import UserError
from synthetic_videos import write_video


class Pictures:
    """Pictures with somebody in them, and some that end the stand-in of MediaPipe."""

    def __init__(self, ends: Iterator[bool]) -> None:
        self.ends, self.number = ends, 0

    def __call__(self, address: str) -> "Pictures":
        return self

    def read(self) -> np.ndarray:
        camera_module.time.sleep(0.005)
        self.number += 1
        return np.full((48, 64, 3), (255 if next(self.ends) else 0, self.number % 250, 200), np.uint8)

    def close(self) -> None: ...


def test_a_camera_is_watched_on_when_mediapipe_has_ended(
    mediapipe_stand_in: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(camera_module, "BACK_OFF", (0.05, 0.3))
    pictures = Pictures(n in range(20, 100) for n in count())
    with closing(open_estimator("mediapipe")) as estimator:
        seen: list[PoseFrame | SourceError] = []
        for one in Camera("0", "gate", estimator, 30.0, connect=pictures):
            seen.append(one)
            if isinstance(one, PoseFrame) and isinstance(seen[-2:][0], SourceError):
                break
    troubles = [one for one in seen if isinstance(one, SourceError)]
    assert {one.text for one in troubles} == {
        "gate: MediaPipe's process has ended: Illegal instruction; starting it again and again"
    }
    assert troubles[-1].time - troubles[0].time > 0.3  # ever more patient, and time passes meanwhile
    last = seen[-1]
    assert isinstance(last, PoseFrame) and len(last.keypoints) == 1
    assert [one.number for one in seen if isinstance(one, PoseFrame)] == list(range(len(seen) - len(troubles)))


def test_mediapipe_that_cannot_be_started_again_is_tried_again(mediapipe_stand_in: None, tmp_path: Path) -> None:
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


def test_a_recorded_video_ends_with_the_error(mediapipe_stand_in: None, tmp_path: Path) -> None:
    video = Video(write_video(tmp_path / "white.mp4", step=22))
    with closing(open_estimator("mediapipe")) as estimator, pytest.raises(UserError, match="has ended"):
        list(VideoSource(video, estimator))
