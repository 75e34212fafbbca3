"""What the video of a monitor shows."""

from dataclasses import replace

import numpy as np

from monitor_events import alarm_event, frame_result, pose_frame
from skelmap.evaluation.alarms import AlarmRule
from skelmap.monitor.sources import PoseFrame
from skelmap.monitor.video_writer import AMBER, Overlay
from skelmap.skeletons.layouts import BODY_25, COCO_17


def marked_joints(image: np.ndarray, frame: PoseFrame) -> set[str]:
    """Joints with an amber circle."""
    marked = set()
    for name, (x, y, _) in zip(BODY_25.joints, frame.keypoints[0].round().astype(int), strict=True):
        patch = image[y - 9 : y + 10, x - 9 : x + 10].reshape(-1, 3)
        if (patch == AMBER).all(axis=1).sum() > 40:
            marked.add(name)
    return marked


def test_the_joints_of_an_alarm_are_marked_while_it_is_active() -> None:
    overlay = Overlay("yard", BODY_25, AlarmRule(0.8, 0.6))
    raised = replace(frame_result(0, 0.9, alarmed=True), events=(alarm_event(ended=False),))
    later = [frame_result(1, 0.9, alarmed=True), frame_result(2), frame_result(3, 0.9, alarmed=True)]
    images = [overlay.draw(result) for result in (raised, *later)]
    marked = [marked_joints(image, pose_frame(0)) for image in images]
    assert {"left_wrist", "nose"} <= marked[0] == marked[1] and marked[2:] == [set(), set()]
    assert "right_wrist" not in marked[0]


def test_a_layout_without_a_neck_gets_the_midpoint_of_the_shoulders() -> None:
    frame = pose_frame(0)
    coco = [BODY_25.joints.index(joint) for joint in COCO_17.joints]
    result = replace(frame_result(0), frame=replace(frame, keypoints=frame.keypoints[:, coco]))
    image = Overlay("yard", COCO_17, AlarmRule(0.8, 0.6)).draw(result)
    ends = [BODY_25.joints.index(name) for name in ("neck", "nose")]
    x, y = frame.keypoints[0, ends, :2].mean(axis=0).round().astype(int)
    assert image[y - 2 : y + 3, x - 2 : x + 3].max() > 200
