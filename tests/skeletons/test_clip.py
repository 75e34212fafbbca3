"""`Clip.build` cleans, sorts and checks keypoints."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skelmap.skeletons.clip import Clip
from skelmap.skeletons.layouts import BODY_25
from skelmap.utils.errors import UserError
from synthetic_data import make_clip, person, wave


@given(st.permutations(range(12)))
def test_rows_are_sorted_by_track_and_frame(order: list[int]) -> None:
    keypoints, frame, track = wave(12), np.arange(12) % 6, np.arange(12) // 6
    shuffled = make_clip(keypoints[order], frame=frame[order], track=track[order])
    np.testing.assert_array_equal(shuffled.frame, frame)
    np.testing.assert_array_equal(shuffled.track, track)
    np.testing.assert_array_equal(shuffled.keypoints, keypoints)


@pytest.mark.parametrize(
    "fault",
    [
        (np.nan, 1, 1),
        (1, np.inf, 1),
        (1, 1, np.nan),
        (7000, 1, 1),
        (1, -6401, 1),
        (3, 4, 0),
        (3, 4, -0.5),
        (0, 0, 0.3),
        (-1, -1, 0.9),
    ],
)
def test_faulty_joints_become_missing(fault: tuple[float, float, float]) -> None:
    keypoints = person()[None].copy()
    keypoints[0, 4] = fault
    clip = make_clip(keypoints)
    np.testing.assert_array_equal(clip.keypoints[0, 4], 0)
    np.testing.assert_array_equal(np.delete(clip.keypoints[0], 4, axis=0), np.delete(keypoints[0], 4, axis=0))


@pytest.mark.parametrize("place", [(0, 5), (5, 0), (-1, 5), (-1, -2), (0, -1), (-30, 470)])
def test_joints_at_the_border_or_outside_the_image_are_kept(place: tuple[float, float]) -> None:
    keypoints = person()[None].copy()
    keypoints[0, 4, :2] = place
    np.testing.assert_array_equal(make_clip(keypoints).keypoints, keypoints)


@pytest.mark.parametrize(
    ("frame", "step"),
    [
        (range(0, 60, 3), 3),
        (range(1, 62, 3), 3),
        ([*range(0, 30, 3), *range(60, 90, 6)], 3),
        (range(12), 1),
        ([*range(0, 60, 3), 61], 1),
        (range(0, 27, 3), 1),  # nine frames
    ],
)
def test_the_step_of_frame_numbers_divides_the_rate(frame: Sequence[int], step: int) -> None:
    clip = make_clip(wave(len(frame)), frame=np.array(frame))
    assert (clip.step, clip.fps, clip.frame_rate) == (step, 30, 30 / step)


def test_people_are_tracked_from_frame_to_frame_whatever_the_step() -> None:
    frame = 20 * np.arange(12)  # further apart than a gap that ends a track
    assert make_clip(wave(12), frame=frame).track.tolist() == [0] * 12


def test_confidence_above_one_becomes_one() -> None:
    keypoints = person()[None].copy()
    keypoints[0, 3, 2] = 1.7
    assert make_clip(keypoints).keypoints[0, 3, 2] == 1


def test_span_includes_frames_without_people() -> None:
    keypoints = wave(4)
    keypoints[2] = 0
    clip = make_clip(keypoints, frame=np.array([5, 6, 7, 9]))
    assert clip.frame[~clip.present].tolist() == [7]
    assert clip.span == (5, 10)
    assert make_clip(wave(0)).span == (0, 0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"keypoints": np.full((4, 25, 3), 87.5)}, "confidences reach 87.5; 0 to 1 is allowed"),
        ({"keypoints": np.zeros((4, 18, 3))}, "18 joints, but the declared layout BODY_25 has 25"),
        ({"keypoints": np.zeros((4, 75))}, r"shape \(4, 75\)"),
        ({"size": (640, 5)}, "image size 640x5"),
        ({"fps": 0.0}, "fps 0"),
        ({"fps": float("nan")}, "fps nan"),
        ({"frame": np.array([0, 1, 2, -3])}, "frame -3 is negative"),
        ({"frame": np.arange(5)}, "frame is int64"),
        ({"frame": np.arange(4.0)}, "frame is float64"),
        ({"frame": np.array([0, 1, 2, 2**40])}, "beyond 32 bits"),
        ({"frame": np.array([0, 1, 1, 2]), "track": np.zeros(4, int)}, "track 0 has two rows for frame 1"),
        ({"track": np.zeros(3, int)}, r"integers of shape \(4,\)"),
    ],
)
def test_invalid_input_is_refused_with_the_reason(change: dict, message: str) -> None:
    content = {"keypoints": wave(4), "size": (640, 480), "fps": 30.0, **change}
    with pytest.raises(UserError, match=f"walk: .*{message}"):
        Clip.build("walk", layout=BODY_25, **content)
