"""Detections that are too incomplete or too small to be a person."""

import numpy as np

from skelmap.skeletons.layouts import BODY_25, COCO_17
from skelmap.skeletons.person_filter import PersonFilter

SIZE = (640, 480)


def person(joints: int, side: float, layout=BODY_25) -> np.ndarray:
    """(1, V, 3): the first joints of the body, spread over a box of this side."""
    keypoints = np.zeros((1, len(layout.joints), 3), np.float32)
    chosen = [i for i in layout.body if i < len(layout.joints)][:joints]
    keypoints[0, chosen] = [[100 + x, 100 + x, 0.9] for x in np.linspace(0, side, joints)]
    return keypoints


def test_detections_need_joints_of_the_body_and_a_size() -> None:
    least = PersonFilter(min_joints=5, min_size=0.05)  # of 480 px: 24 px
    cases = [(5, 24), (4, 24), (5, 23), (14, 300)]
    kept = [least.keep(person(*case), BODY_25, SIZE).tolist() for case in cases]
    assert kept == [[True], [False], [False], [True]]


def test_joints_of_the_face_and_feet_do_not_count() -> None:
    keypoints = np.zeros((1, 25, 3), np.float32)
    keypoints[0, 15:25] = [[200, 100 + 10 * i, 0.9] for i in range(10)]
    assert not PersonFilter(min_joints=1, min_size=0).keep(keypoints, BODY_25, SIZE)[0]
    assert PersonFilter(min_joints=0, min_size=0).keep(keypoints, BODY_25, SIZE)[0]


def test_rows_without_joints_are_never_kept_and_dropped_ones_become_such() -> None:
    keypoints = np.concatenate([np.zeros((1, 17, 3), np.float32), person(3, 90, COCO_17), person(8, 90, COCO_17)])
    assert PersonFilter(0, 0).keep(keypoints, COCO_17, SIZE).tolist() == [False, True, True]
    dropped = PersonFilter().drop(keypoints, COCO_17, SIZE)
    assert dropped[:2].any() == np.False_ and (dropped[2] == keypoints[2]).all()
