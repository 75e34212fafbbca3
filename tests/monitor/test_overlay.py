"""What a film shows."""

from dataclasses import replace

import numpy as np
from seen import event, verdict

from skelmap.evaluation.alarms import AlarmRule
from skelmap.monitor.sources import PoseFrame
from skelmap.monitor.video_writer import AMBER, Overlay
from skelmap.skeletons.layouts import BODY_25, COCO_17


def ringed(picture: np.ndarray, sight: PoseFrame) -> set[str]:
    """Joints with amber around them."""
    found = set()
    for name, (x, y, _) in zip(BODY_25.joints, sight.keypoints[0].round().astype(int), strict=True):
        ring = picture[y - 9 : y + 10, x - 9 : x + 10].reshape(-1, 3)
        if (ring == AMBER).all(axis=1).sum() > 40:
            found.add(name)
    return found


def test_joints_that_an_alarm_names_are_ringed_as_long_as_it_lasts() -> None:
    overlay = Overlay("yard", BODY_25, AlarmRule(0.8, 0.6))
    raised = replace(verdict(0, 0.9, alarmed=True), events=(event(ended=False),))
    shown = [overlay.draw(one) for one in (raised, verdict(1, 0.9, alarmed=True), verdict(2), verdict(3, 0.9, True))]
    joints = [ringed(picture, verdict(0).sight) for picture in shown]
    assert {"left_wrist", "nose"} <= joints[0] == joints[1] and joints[2:] == [set(), set()]
    assert "right_wrist" not in joints[0]


def test_a_layout_without_a_neck_gets_one_between_the_shoulders() -> None:
    sight = verdict(0).sight
    joints = [BODY_25.joints.index(joint) for joint in COCO_17.joints]
    picture = Overlay("yard", COCO_17, None).draw(
        replace(verdict(0), sight=replace(sight, keypoints=sight.keypoints[:, joints]))
    )
    x, y = (
        sight.keypoints[0, [BODY_25.joints.index(name) for name in ("neck", "nose")], :2]
        .mean(axis=0)
        .round()
        .astype(int)
    )
    assert picture[y - 2 : y + 3, x - 2 : x + 3].max() > 200
