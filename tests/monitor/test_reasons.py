"""The joints that an alarm names."""

import numpy as np
import pytest

from invented import person
from skelmap.maps import KeypointSettings, MapSettings
from skelmap.monitor.reasons import worst_joints
from skelmap.poses import BODY_25

WRIST, KNEE = (BODY_25.joints.index(name) for name in ("left_wrist", "right_knee"))


@pytest.mark.parametrize("img_size", [14, 28, 112])
def test_an_error_on_the_map_is_blamed_on_the_joint_that_is_there(img_size: int) -> None:
    settings, points = MapSettings(img_size=img_size), person()
    neck = points[BODY_25.joints.index("neck"), :2]
    x, y = ((points[WRIST, :2] - neck) / settings.crop_size + 0.5) * img_size
    errors = np.zeros((4, 1, img_size, img_size), np.float32)
    errors[:, 0, int(y), int(x)] = 1
    assert worst_joints(errors, [points] * 4, BODY_25, settings)[0] == "left_wrist"


def test_an_error_of_a_coordinate_is_blamed_on_its_joint_but_not_on_one_that_nobody_saw() -> None:
    points = person()
    errors = np.zeros((4, 1, 25, 2), np.float32)
    errors[:, 0, KNEE] = 1
    errors[:, 0, WRIST, 0] = 1
    settings = KeypointSettings(25)
    assert worst_joints(errors, [points] * 4, BODY_25, settings) == ("right_knee", "left_wrist")
    points[KNEE] = 0
    assert worst_joints(errors, [points] * 4, BODY_25, settings) == ("left_wrist",)
