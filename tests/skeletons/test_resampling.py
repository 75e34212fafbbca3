"""Resampling to the model's clock, bridging of gaps, conversion of labelled spans."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skelmap.skeletons.clip import Clip
from skelmap.skeletons.layouts import BODY_25
from skelmap.skeletons.resampling import Resampler, clip_ticks, label_ticks, longest_gap, resample_clip
from synthetic_data import make_clip, wave

Ticks = list[tuple[int, np.ndarray]]


GAP = 0.2


def joint(x: float, detected: float = 1.0) -> np.ndarray:
    """Two joints that move alike; the second may be missing."""
    return np.array([[x, 2 * x, 1], [x + 5, 0, 1] if detected else [0, 0, 0]], np.float32)


def ticks_of(times: list[float], fps: float, speed: float = 30.0) -> Ticks:
    resampler = Resampler(fps)
    return [tick for time in times for tick in resampler.update(time, joint(speed * time), GAP)[1]]


@pytest.mark.parametrize("camera", [15, 24, 25, 30, 50, 60])
def test_every_camera_gives_the_models_ticks_and_straight_movement_stays_straight(camera: int) -> None:
    ticks = ticks_of([n / camera for n in range(3 * camera + 1)], fps=30)
    assert [tick for tick, _ in ticks] == list(range(91))
    for tick, keypoints in ticks:
        np.testing.assert_allclose(keypoints, joint(30 * tick / 30), atol=1e-4)


def test_at_the_models_own_rate_nothing_is_touched() -> None:
    rng = np.random.default_rng(0)
    frames = rng.normal(size=(200, 2, 3)).astype(np.float32)
    resampler = Resampler(30)
    for number, frame in enumerate(frames):
        _, [(tick, same)] = resampler.update(number / 30, frame, GAP)
        assert tick == number and same is frame


@given(st.lists(st.floats(0.005, 0.15), min_size=2, max_size=60))
def test_a_camera_that_stutters_gives_each_tick_once(steps: list[float]) -> None:
    times = np.cumsum(steps).tolist()
    numbers = [tick for tick, _ in ticks_of(times, fps=30)]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers))) if numbers else True
    assert not numbers or abs(numbers[-1] - times[-1] * 30) <= 1.01


def test_a_long_gap_begins_a_new_segment() -> None:
    resampler = Resampler(30)
    assert resampler.update(0.0, joint(0), GAP)[0]
    assert not resampler.update(0.2, joint(1), GAP)[0]
    restarted, ticks = resampler.update(1.0, joint(2), GAP)
    assert restarted and [tick for tick, _ in ticks] == [30]
    restarted, ticks = resampler.update(2.0, joint(3), longest_gap(0.2, 1 / 3, 30))  # a camera of three frames a second
    assert not restarted and [tick for tick, _ in ticks] == list(range(31, 61))


def test_a_joint_detected_once_is_taken_from_the_nearer_detection() -> None:
    resampler = Resampler(40)
    resampler.update(0.0, joint(0), GAP)
    _, ticks = resampler.update(0.1, joint(4, detected=0), GAP)
    np.testing.assert_allclose([k[0, 0] for _, k in ticks], [1, 2, 3, 4], atol=1e-5)
    assert [k[1].tolist() for _, k in ticks] == [[5, 0, 1], [0, 0, 0], [0, 0, 0], [0, 0, 0]]


def test_a_clip_at_the_clock_s_rate_without_bridging_is_unchanged() -> None:
    frames = np.array([*range(10), *range(12, 30), *range(50, 60)])
    clip = make_clip(wave(len(frames)), frame=frames)
    same = resample_clip(clip, 30, 0)
    np.testing.assert_array_equal(same.keypoints, clip.keypoints)
    np.testing.assert_array_equal(same.frame, clip.frame)


@settings(max_examples=30, deadline=None)
@given(st.sampled_from([(10, 30), (15, 30), (25, 30), (30, 30), (24, 10), (60, 30)]), st.integers(1, 10**6))
def test_a_clip_that_begins_whole_ticks_later_is_resampled_alike(rates: tuple[int, int], times: int) -> None:
    """To the bit: neither joints of one of two detections nor a gap of the very length that is bridged depend on it."""
    source, fps = rates
    frames = np.array([*range(20), *range(19 + source // 5, 60)])
    keypoints = wave(len(frames))
    keypoints[::3, 4] = 0
    period = source // math.gcd(source, fps)
    one, later = (
        resample_clip(Clip.build("c", keypoints, BODY_25, (640, 480), source, frame), fps, 0.2)
        for frame in (frames, frames + times * period)
    )
    np.testing.assert_array_equal(later.frame, one.frame + times * period * fps // source)
    np.testing.assert_array_equal(later.keypoints, one.keypoints)


def test_bridging_fills_short_gaps_of_each_person_alone() -> None:
    frames = np.array([*range(10), *range(14, 30), *range(50, 60)])
    two = make_clip(
        np.concatenate([wave(len(frames)), wave(60)]),
        frame=np.concatenate([frames, np.arange(60)]),
        track=np.repeat([0, 1], [len(frames), 60]),
    )
    bridged = resample_clip(two, 30, 0.2)
    assert bridged.frame[bridged.track == 0].tolist() == [*range(30), *range(50, 60)]
    np.testing.assert_array_equal(bridged.keypoints[bridged.track == 1], two.keypoints[two.track == 1])
    gap = bridged.keypoints[bridged.track == 0][9:15, 0, 0]
    np.testing.assert_allclose(gap, np.linspace(gap[0], gap[-1], 6), rtol=1e-5)


@given(st.integers(5, 60), st.integers(5, 60), st.integers(0, 40), st.integers(1, 40))
def test_a_tick_has_the_label_of_the_frame_shown_at_its_time(source: int, fps: int, first: int, length: int) -> None:
    start, stop = label_ticks((first, first + length), source, fps)
    for tick in range(0, 2 * (first + length) * fps // source + 2):
        frame = tick * source // fps
        assert (start <= tick < stop) == (first <= frame < first + length)


@given(st.integers(5, 60), st.integers(5, 60), st.integers(0, 40), st.integers(1, 40))
def test_the_ticks_of_a_clip_are_those_of_a_person_in_all_its_frames(
    source: int, fps: int, first: int, length: int
) -> None:
    keypoints = wave(length)
    clip = Clip.build("clip", keypoints, BODY_25, (640, 480), float(source), np.arange(first, first + length))
    ticks = resample_clip(clip, fps, 0).frame.tolist()
    assert ticks == list(range(*clip_ticks(clip.span, source, fps)))


def test_an_empty_clip_has_no_ticks() -> None:
    assert clip_ticks((0, 0), 30, 25) == (0, 0)
