"""The joints of an alarm."""

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
def test_an_attribution_on_the_map_belongs_to_the_joint_at_its_position(img_size: int) -> None:
    settings, points = MapSettings(img_size=img_size), person()
    neck = points[BODY_25.joints.index("neck"), :2]
    x, y = ((points[WRIST, :2] - neck) / settings.crop_size + 0.5) * img_size
    attribution = np.zeros((4, 1, img_size, img_size), np.float32)
    attribution[:, 0, int(y), int(x)] = 1
    assert most_unusual_joints(attribution, [points] * 4, BODY_25, settings)[0] == "left_wrist"


def test_attributions_of_all_channels_are_added_up() -> None:
    settings, points = MapSettings(channels=("left", "right")), person()
    attribution = np.zeros((4, 2, 28, 28), np.float32)
    for channel, joint, value in ((0, WRIST, 1.0), (1, WRIST, 1.0), (1, KNEE, 1.5)):
        x, y = ((points[joint, :2] - points[BODY_25.joints.index("neck"), :2]) / settings.crop_size + 0.5) * 28
        attribution[:, channel, int(y), int(x)] = value
    assert most_unusual_joints(attribution, [points] * 4, BODY_25, settings)[0] == "left_wrist"
    attribution[:, 0] = 0
    assert most_unusual_joints(attribution, [points] * 4, BODY_25, settings)[0] == "right_knee"


def test_an_attribution_of_a_coordinate_belongs_to_its_joint_if_that_was_detected() -> None:
    points = person()
    attribution = np.zeros((4, 1, 25, 2), np.float32)
    attribution[:, 0, KNEE] = 1
    attribution[:, 0, WRIST, 0] = 1
    settings = KeypointSettings(BODY_25)
    assert most_unusual_joints(attribution, [points] * 4, BODY_25, settings) == ("right_knee", "left_wrist")
    points[KNEE] = 0
    assert most_unusual_joints(attribution, [points] * 4, BODY_25, settings) == ("left_wrist",)


def test_alarms_of_a_feature_distance_name_the_joint_that_moves_irregularly(compose: Compose, tmp_path: Path) -> None:
    task = write_toy_dataset(tmp_path / "task", frames=120)
    run(compose("trainer=cpu", "data=manifest", f"data.manifest={task}", "model=feature_knn", "data.seq_len=30"))
    scorer = TorchScorer.open(tmp_path / "run")
    for name in ("left_wrist", "right_knee", "nose"):
        keypoints = wave(90, 9)
        keypoints[45:, BODY_25.joints.index(name), :2] += 20 * np.random.default_rng(0).normal(size=(45, 2))
        source = ClipSource(make_clip(keypoints))
        detector = StreamDetector(scorer, AlarmRule(on=2.0, off=1.5), source.layout, source.fps)
        events = [event for frame in source for event in detector.update(frame).events]
        assert [event.joints[0] for event in events] == [name] and 1.5 < events[0].alarm.start < 2.0
