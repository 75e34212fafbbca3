"""Keypoints by time, whatever the camera's frame rate."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skelmap.skeletons.resampling import Resampler, bridge_for

Ticks = list[tuple[int, np.ndarray]]


def joint(x: float, seen: float = 1.0) -> np.ndarray:
    """Two joints that move alike; the second may be missing."""
    return np.array([[x, 2 * x, 1], [x + 5, 0, 1] if seen else [0, 0, 0]], np.float32)


def watched(times: list[float], fps: float, speed: float = 30.0) -> Ticks:
    resampler = Resampler(fps)
    return [tick for time in times for tick in resampler.see(time, joint(speed * time))[1]]


@pytest.mark.parametrize("camera", [15, 24, 25, 30, 50, 60])
def test_every_camera_gives_the_models_ticks_and_straight_movement_stays_straight(camera: int) -> None:
    ticks = watched([n / camera for n in range(3 * camera + 1)], fps=30)
    assert [tick for tick, _ in ticks] == list(range(91))
    for tick, keypoints in ticks:
        np.testing.assert_allclose(keypoints, joint(30 * tick / 30), atol=1e-4)


def test_at_the_models_own_rate_nothing_is_touched() -> None:
    rng = np.random.default_rng(0)
    frames = rng.normal(size=(200, 2, 3)).astype(np.float32)
    resampler = Resampler(30)
    for number, frame in enumerate(frames):
        _, [(tick, same)] = resampler.see(number / 30, frame)
        assert tick == number and same is frame


@given(st.lists(st.floats(0.005, 0.15), min_size=2, max_size=60))
def test_a_camera_that_stutters_gives_each_tick_once(steps: list[float]) -> None:
    times = np.cumsum(steps).tolist()
    numbers = [tick for tick, _ in watched(times, fps=30)]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers))) if numbers else True
    assert not numbers or abs(numbers[-1] - times[-1] * 30) <= 1.01


def test_who_was_gone_for_long_is_there_anew() -> None:
    resampler = Resampler(30)
    assert resampler.see(0.0, joint(0))[0]
    assert not resampler.see(0.2, joint(1))[0]
    anew, ticks = resampler.see(1.0, joint(2))
    assert anew and [tick for tick, _ in ticks] == [30]
    anew, ticks = resampler.see(2.0, joint(3), bridge=bridge_for(1 / 3, 30))  # a camera of three pictures a second
    assert not anew and [tick for tick, _ in ticks] == list(range(31, 61))


def test_a_joint_seen_once_stays_where_the_nearer_sighting_has_it() -> None:
    resampler = Resampler(40)
    resampler.see(0.0, joint(0))
    _, ticks = resampler.see(0.1, joint(4, seen=0))
    np.testing.assert_allclose([k[0, 0] for _, k in ticks], [1, 2, 3, 4], atol=1e-5)
    assert [k[1].tolist() for _, k in ticks] == [[5, 0, 1], [0, 0, 0], [0, 0, 0], [0, 0, 0]]
