"""The monitor checks what was declared about its source, and leaves out what is no person."""

from pathlib import Path

import numpy as np
import pytest

from monitor_events import RULE, ListSource, NoseHeightScorer, RecordingSink
from skelmap.monitor.runner import Monitor
from skelmap.monitor.source_factory import open_sources
from skelmap.monitor.sources import PoseFrame
from skelmap.skeletons.readers import PoseFormat
from skelmap.utils.errors import UserError
from synthetic_data import make_clip, person, wave, write_openpose


def frames(keypoints: np.ndarray, size: tuple[int, int] = (640, 480)) -> list[PoseFrame]:
    one = np.zeros(1, np.int64)
    return [PoseFrame(i, i / 30, size, points[None].copy(), one) for i, points in enumerate(keypoints)]


def test_a_stream_of_a_larger_image_than_declared_is_warned_about() -> None:
    sink = RecordingSink()
    Monitor(NoseHeightScorer(), RULE, [sink]).run([ListSource(frames(wave(200) * np.float32([2.4, 2.4, 1])))])
    (warning,) = sink.statuses[-1]
    assert "outside the image of 640x480" in warning and "pose_format.size=[1920,1080]" in warning
    assert sink.results[148].warning == "" and sink.results[150].warning == warning


def test_a_clean_stream_has_no_warning() -> None:
    sink = RecordingSink()
    Monitor(NoseHeightScorer(), RULE, [sink]).run([ListSource(frames(wave(200)))])
    assert sink.statuses == []


def test_recordings_of_a_larger_image_than_declared_are_refused(tmp_path: Path) -> None:
    clip = make_clip(wave(40) * np.float32([2.4, 2.4, 1]))
    write_openpose(tmp_path / "poses", clip)
    with (
        pytest.raises(UserError, match=r"poses: clip poses: .*pose_format\.size=\[1920,1080\]"),
        open_sources(str(tmp_path / "poses"), PoseFormat(), "mediapipe", None, follow=False),
    ):
        pass


def test_recordings_of_normalized_coordinates_are_read_as_declared(tmp_path: Path) -> None:
    clip = make_clip(wave(40))
    write_openpose(tmp_path / "poses", make_clip(clip.keypoints / np.float32([640, 480, 1])))
    shares = PoseFormat(coordinates="0..1")
    with open_sources(str(tmp_path / "poses"), shares, "mediapipe", None, follow=False) as (source,):
        read = np.concatenate([frame.keypoints for frame in source if isinstance(frame, PoseFrame)])
    np.testing.assert_allclose(read, clip.keypoints, atol=1e-3)


def test_three_joints_are_not_scored() -> None:
    machine = np.zeros((1, 25, 3), np.float32)
    machine[0, [0, 1, 2]] = person()[[0, 1, 2]]
    sink = RecordingSink()
    Monitor(NoseHeightScorer(), RULE, [sink]).run([ListSource(frames(machine.repeat(30, axis=0)))])
    assert [score for result in sink.results for score in result.scores] == []
    assert not any(result.frame.keypoints.any() for result in sink.results)
