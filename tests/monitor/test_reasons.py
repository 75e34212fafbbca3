"""The joints that an alarm names."""

from pathlib import Path

import numpy as np
import pytest

from hydra_config import Compose
from skelmap.data.keypoints import KeypointSettings
from skelmap.data.rendering import MapSettings
from skelmap.evaluation.alarms import AlarmRule
from skelmap.monitor.attribution import most_unusual_joints
from skelmap.monitor.scorers import TorchScorer
from skelmap.monitor.sources import ClipSource
from skelmap.monitor.stream import StreamDetector
from skelmap.skeletons.layouts import BODY_25
from skelmap.training.run import run
from synthetic_data import make_clip, person, wave, write_toy_dataset

WRIST, KNEE = (BODY_25.joints.index(name) for name in ("left_wrist", "right_knee"))


@pytest.mark.parametrize("img_size", [14, 28, 112])
def test_an_error_on_the_map_is_blamed_on_the_joint_that_is_there(img_size: int) -> None:
    settings, points = MapSettings(img_size=img_size), person()
    neck = points[BODY_25.joints.index("neck"), :2]
    x, y = ((points[WRIST, :2] - neck) / settings.crop_size + 0.5) * img_size
    errors = np.zeros((4, 1, img_size, img_size), np.float32)
    errors[:, 0, int(y), int(x)] = 1
    assert most_unusual_joints(errors, [points] * 4, BODY_25, settings)[0] == "left_wrist"


def test_errors_of_all_channels_count() -> None:
    settings, points = MapSettings(channels=("left", "right")), person()
    errors = np.zeros((4, 2, 28, 28), np.float32)
    for channel, joint, error in ((0, WRIST, 1.0), (1, WRIST, 1.0), (1, KNEE, 1.5)):
        x, y = ((points[joint, :2] - points[BODY_25.joints.index("neck"), :2]) / settings.crop_size + 0.5) * 28
        errors[:, channel, int(y), int(x)] = error
    assert most_unusual_joints(errors, [points] * 4, BODY_25, settings)[0] == "left_wrist"
    errors[:, 0] = 0
    assert most_unusual_joints(errors, [points] * 4, BODY_25, settings)[0] == "right_knee"


def test_an_error_of_a_coordinate_is_blamed_on_its_joint_but_not_on_one_that_nobody_saw() -> None:
    points = person()
    errors = np.zeros((4, 1, 25, 2), np.float32)
    errors[:, 0, KNEE] = 1
    errors[:, 0, WRIST, 0] = 1
    settings = KeypointSettings(BODY_25)
    assert most_unusual_joints(errors, [points] * 4, BODY_25, settings) == ("right_knee", "left_wrist")
    points[KNEE] = 0
    assert most_unusual_joints(errors, [points] * 4, BODY_25, settings) == ("left_wrist",)


def test_alarms_of_neighbours_name_the_joint_that_moves_oddly(compose: Compose, tmp_path: Path) -> None:
    task = write_toy_dataset(tmp_path / "task", frames=120)
    run(compose("trainer=cpu", "data=manifest", f"data.manifest={task}", "model=neighbours", "data.seq_len=30"))
    scorer = TorchScorer(tmp_path / "run")
    for name in ("left_wrist", "right_knee", "nose"):
        keypoints = wave(90, 9)
        keypoints[45:, BODY_25.joints.index(name), :2] += 20 * np.random.default_rng(0).normal(size=(45, 2))
        source = ClipSource(make_clip(keypoints))
        watch = StreamDetector(scorer, AlarmRule(on=2.0, off=1.5), source.layout, source.fps)
        events = [event for sight in source for event in watch.see(sight).events]
        assert [event.joints[0] for event in events] == [name] and 1.5 < events[0].alarm.start < 2.0
