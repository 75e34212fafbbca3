"""Camera projection against OpenCV and trigonometry; occlusion of joints."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skelmap.simulation.camera import Camera
from skelmap.simulation.occlusion import Occluder, occluded_joints
from skelmap.simulation.recording import MotionRecording
from skelmap.utils.errors import UserError


@given(st.floats(1, 6), st.floats(0, 60), st.floats(200, 1200), st.floats(-0.1, 0.1), st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_projection_equals_opencv(height: float, pitch: float, focal: float, k1: float, seed: int) -> None:
    camera = Camera(height=height, pitch=pitch, focal=focal, distortion=k1)
    points = np.random.default_rng(seed).uniform((-1, 3, 0), (1, 6, 2), (30, 3))
    matrix = np.array([[focal, 0, 320], [0, focal, 240], [0, 0, 1.0]])
    turn, _ = cv2.Rodrigues(camera.axes)
    shift = -camera.axes @ camera.position
    expected, _ = cv2.projectPoints(points, turn, shift, matrix, np.array([k1, 0, 0, 0]))
    found, depth = camera.project(points)
    seen = depth > 0.2
    np.testing.assert_allclose(found[seen], expected[seen, 0], atol=1e-6)


def test_the_optical_axis_meets_the_floor_at_the_expected_distance() -> None:
    camera = Camera()
    point = np.array([0.0, camera.height / np.tan(np.deg2rad(camera.pitch)), 0.0])
    found, depth = camera.project(point)
    np.testing.assert_allclose(found, [320, 240], atol=1e-9)
    assert depth == pytest.approx(camera.height / np.sin(np.deg2rad(camera.pitch)))


def test_points_behind_the_camera_are_nan() -> None:
    found, _ = Camera().project(np.array([0.0, -3.0, 1.0]))
    assert np.isnan(found).all()


def test_a_camera_on_the_floor_is_refused() -> None:
    with pytest.raises(UserError, match=r"camera.height=0.1; 1.0 to 10.0"):
        Camera(height=0.1)


def test_the_worker_stays_in_the_image(recordings: dict[str, MotionRecording]) -> None:
    for recording in recordings.values():
        points, _ = Camera().project(recording.joints)
        inside = np.all((points >= 0) & (points < [640, 480]), axis=2)
        assert inside.mean() > 0.99


def standing(heading: float) -> np.ndarray:
    """A person of 1.7 m in front of the camera, in BODY_25 order; heading -pi/2 looks at the camera."""
    offsets = {0: (0.12, 0, 1.55), 1: (0, 0, 1.4), 2: (0, -0.17, 1.4), 3: (0, -0.22, 1.1), 4: (0.05, -0.22, 0.85),
             5: (0, 0.17, 1.4), 6: (0, 0.22, 1.1), 7: (0.05, 0.22, 0.85), 8: (0, 0, 0.9), 9: (0, -0.1, 0.9),
             10: (0.02, -0.1, 0.48), 11: (0, -0.1, 0.07), 12: (0, 0.1, 0.9), 13: (0.02, 0.1, 0.48), 14: (0, 0.1, 0.07),
             15: (0.1, -0.03, 1.6), 16: (0.1, 0.03, 1.6), 17: (0, -0.076, 1.57), 18: (0, 0.076, 1.57),
             19: (0.18, 0.11, 0.02), 20: (0.15, 0.16, 0.02), 21: (-0.06, 0.1, 0.02), 22: (0.18, -0.11, 0.02),
             23: (0.15, -0.16, 0.02), 24: (-0.06, -0.1, 0.02)}  # fmt: skip
    local = np.array([offsets[j] for j in range(25)])
    c, s = np.cos(heading), np.sin(heading)
    x, y = c * local[:, 0] - s * local[:, 1], s * local[:, 0] + c * local[:, 1]
    return np.stack([x, y + 4.0, local[:, 2]], axis=1)[None]


def test_a_frontal_view_occludes_nothing() -> None:
    by_objects, by_body = occluded_joints(standing(-np.pi / 2), (), Camera())
    assert not by_objects.any() and not by_body.any()


def test_a_back_view_occludes_the_face() -> None:
    _, by_body = occluded_joints(standing(np.pi / 2), (), Camera())
    assert by_body[0, [0, 15, 16]].all() and not by_body[0, [17, 18, 1, 2, 5]].any()


def test_in_side_view_the_trunk_occludes_the_far_arm() -> None:
    _, by_body = occluded_joints(standing(0.0), (), Camera())  # the left side is away from the camera
    assert by_body[0, [6, 18]].all() and not by_body[0, [2, 3, 4, 17]].any()


def test_a_bench_in_front_occludes_the_legs_only() -> None:
    bench = Occluder(np.array([[0.0, 3.5, 0.45]]), np.zeros(1), (1.2, 0.5, 0.9))
    by_objects, _ = occluded_joints(standing(-np.pi / 2), (bench,), Camera())
    assert by_objects[0, [10, 11, 13, 14, 19, 22]].all() and not by_objects[0, :8].any()
    behind = Occluder(np.array([[0.0, 4.6, 0.45]]), np.zeros(1), (1.2, 0.5, 0.9))
    assert not occluded_joints(standing(-np.pi / 2), (behind,), Camera())[0].any()


def test_a_hand_beside_a_box_is_visible_and_one_behind_it_is_not() -> None:
    joints = standing(-np.pi / 2)
    joints[0, 4], joints[0, 7] = (-0.21, 3.7, 1.0), (0.0, 3.9, 1.0)
    box = Occluder(np.array([[0.0, 3.7, 1.0]]), np.zeros(1), (0.42, 0.3, 0.28))
    by_objects, _ = occluded_joints(joints, (box,), Camera())
    assert not by_objects[0, 4] and by_objects[0, 7]
