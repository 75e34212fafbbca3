"""Track people from frame to frame: the same person keeps the same number."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skelmap.skeletons.archives import write_clip
from skelmap.skeletons.readers import read_clip
from skelmap.skeletons.tracking import MAX_DISTANCE, MAX_GAP, PeopleTracker, link_people
from synthetic_data import make_clip, person


def two_walkers(frames: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Two people who walk towards each other at different heights: keypoints, frame, person."""
    one = [person((100 + 8 * t, 150)) for t in range(frames)]
    other = [person((500 - 8 * t, 250)) for t in range(frames)]
    return np.array(one + other), np.tile(np.arange(frames), 2), np.repeat([0, 1], frames)


@given(st.randoms(use_true_random=False))
def test_people_who_pass_each_other_keep_their_numbers_in_any_row_order(random) -> None:
    keypoints, frame, who = two_walkers(30)
    order = np.array(random.sample(range(len(frame)), len(frame)))
    track = link_people(keypoints[order], frame[order])
    assert set(track) == {0, 1}
    assert len(set(zip(track.tolist(), who[order].tolist(), strict=True))) == 2


def test_a_track_ends_after_the_longest_gap() -> None:
    for gap, tracks in ((MAX_GAP, 1), (MAX_GAP + 1, 2)):
        keypoints = np.stack([person()] * 2)
        assert len(set(link_people(keypoints, np.array([0, gap])).tolist())) == tracks


def test_a_jump_across_the_image_starts_a_track() -> None:
    keypoints = np.stack([person((100, 200)), person((500, 200))])
    assert link_people(keypoints, np.array([0, 1])).tolist() == [0, 1]


def test_people_who_walk_through_each_other_keep_their_numbers() -> None:
    there, back = ([person((x, 200)) for x in range(*way)] for way in ((100, 500, 40), (520, 120, -40)))
    track = link_people(np.array(there + back), np.tile(np.arange(10), 2))
    assert track.tolist() == [0] * 10 + [1] * 10


def test_an_accelerating_person_keeps_the_number_at_a_low_frame_rate() -> None:
    keypoints = np.array([person((100 * t + 20 * t * t, 200)) for t in range(10)])
    assert np.ptp(keypoints[0, :, :2], axis=0).max() * MAX_DISTANCE < 280 <= np.diff(keypoints[:, 1, 0])[4]
    assert set(link_people(keypoints, np.arange(10))) == {0}


def test_a_person_is_found_again_where_the_velocity_predicts() -> None:
    keypoints = np.array([person((20 * t, 200)) for t in range(20)])
    frame = np.array([0, 1, 2, 3, 4, 19])
    assert set(link_people(keypoints[frame], frame)) == {0}
    assert set(link_people(keypoints[frame[-2:]], frame[-2:])) == {0, 1}


def test_a_new_person_far_away_does_not_change_other_matches() -> None:
    before, after = [person((100, 200)), person((200, 200))], [person((190, 200)), person((1100, 200))]
    assert link_people(np.array(before + after), np.array([0, 0, 1, 1])).tolist() == [0, 1, 1, 2]


def test_people_without_a_common_joint_are_not_linked() -> None:
    upper, lower = person(), person()
    upper[8:15], lower[:8], lower[15:] = 0, 0, 0
    upper[19:] = 0
    assert link_people(np.stack([upper, lower]), np.array([0, 1])).tolist() == [0, 1]


def test_rows_without_joints_get_negative_numbers() -> None:
    keypoints = np.stack([person(), np.zeros((25, 3), np.float32), np.zeros((25, 3), np.float32)])
    assert link_people(keypoints, np.array([0, 0, 0])).tolist() == [0, -1, -2]


def test_a_clip_tracks_people_only_without_given_tracks() -> None:
    keypoints, frame, who = two_walkers(5)
    assert sorted(set(make_clip(keypoints, frame=frame).track.tolist())) == [0, 1]
    assert make_clip(keypoints, frame=frame, track=who * 7).track.tolist() == [0] * 5 + [7] * 5


def test_one_person_at_a_time_is_tracked_as_a_live_camera_does() -> None:
    """The next person of a recording gets the next number, also if nobody else is in the image."""
    keypoints = np.stack([person(100)] * 3 + [person(500)] * 3)
    assert make_clip(keypoints).track.tolist() == [0] * 3 + [1] * 3
    assert make_clip(keypoints[:3], frame=np.array([0, 1, 2 + MAX_GAP])).track.tolist() == [0, 0, 1]


def test_live_tracking_equals_that_of_a_recording() -> None:
    keypoints, frame, _ = two_walkers(30)
    tracker = PeopleTracker()
    live = [tracker.track(keypoints[frame == now]) for now in range(30)]
    assert np.array_equal(np.concatenate(live), link_people(keypoints, frame)[np.argsort(frame, kind="stable")])


def test_live_frames_may_have_no_people_or_be_dropped() -> None:
    tracker, nobody = PeopleTracker(), np.zeros((0, 25, 3), np.float32)
    assert tracker.track(person()[None]).tolist() == [0]
    assert tracker.track(nobody).tolist() == []
    assert tracker.track(person()[None], frame=MAX_GAP).tolist() == [0]
    assert tracker.track(person()[None], frame=2 * MAX_GAP + 1).tolist() == [1]


def test_invalid_coordinates_do_not_stop_the_tracker() -> None:
    tracker = PeopleTracker()
    for value in (np.nan, np.inf, 3e38, 0):
        strange = person()
        strange[0, :2] = value
        nowhere = np.full((25, 3), value, np.float32)
        numbers = tracker.track(np.stack([strange, nowhere])).tolist()
        assert len(set(numbers)) == 2


@pytest.mark.parametrize(("gap", "people"), [(0, [0, 7]), (MAX_GAP - 1, [0, 7]), (MAX_GAP, [0, 1, 7])])
def test_the_broken_track_of_a_person_is_joined_when_it_is_read(tmp_path: Path, gap: int, people: list[int]) -> None:
    """Track 1 begins where 0 was going, 7 is somebody else; rows without joints of 0 last beyond the gap."""
    walking = np.stack([person((100 + 2 * i, 180)) for i in range(60)])
    walking[20 : 20 + gap] = 0
    track = np.where(np.arange(60) < 20 + gap, 0, 1)
    other = np.stack([person((500, 180))] * 60)
    left_over = np.zeros_like(walking[-5:])  # of track 0, in the last frames
    frame = np.concatenate([np.arange(60), np.arange(60), np.arange(55, 60)])
    keypoints = np.concatenate([walking, other, left_over])
    clip = make_clip(keypoints, frame=frame, track=np.concatenate([track, np.full(60, 7), np.zeros(5, np.int64)]))
    write_clip(tmp_path / "clip.npz", clip)
    read = read_clip(tmp_path / "clip.npz", "clip")
    assert np.unique(read.track[read.present]).tolist() == people
    assert np.count_nonzero(read.present) == 120 - gap and read.span == (0, 60)
    assert np.unique(np.stack([read.track, read.frame]), axis=1).shape[1] == len(read)


def test_a_track_that_begins_elsewhere_or_beside_a_living_one_is_not_joined(tmp_path: Path) -> None:
    near, far = np.stack([person((300, 180))] * 20), np.stack([person((500, 180))] * 20)
    frame = np.concatenate([np.arange(20), np.arange(20, 40), np.arange(10, 30)])
    track = np.repeat([0, 1, 2], 20)
    write_clip(tmp_path / "clip.npz", make_clip(np.concatenate([near, far, near]), frame=frame, track=track))
    assert np.array_equal(read_clip(tmp_path / "clip.npz", "clip").track, track)
