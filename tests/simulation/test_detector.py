"""The simulated detector does what its numbers say."""

import os
from pathlib import Path

import numpy as np
import pytest

from detector_fit.measure import fit_jitter, jitter_spectra, model_spectrum
from skelmap.simulation.detector import GROUPS, correlated, detect, fitted
from skelmap.skeletons.clip import Clip
from skelmap.skeletons.layouts import BODY_25
from skelmap.skeletons.readers import read_clip

SIZE = (640, 480)


def person(frames: int) -> np.ndarray:
    """A still person, 215 px of trunk, in the middle of the picture, facing the camera."""
    points = np.random.default_rng(3).uniform((200, 60), (440, 400), (25, 2))
    points[[1, 8]] = (320, 120), (320, 335)
    points[[2, 5]], points[[9, 12]] = ((250, 120), (390, 120)), ((270, 335), (370, 335))
    return np.tile(points, (frames, 1, 1))


def none(frames: int) -> np.ndarray:
    return np.zeros((frames, 25), bool)


def test_correlated_noise_has_its_variance_and_memory(rng: np.random.Generator) -> None:
    noise = correlated(np.array([0.0, 0.5, 0.9]), (60_000, 3), rng)
    np.testing.assert_allclose(noise.std(axis=0), 1.0, rtol=0.05)
    for j, memory in enumerate((0.0, 0.5, 0.9)):
        assert np.corrcoef(noise[1:, j], noise[:-1, j])[0, 1] == pytest.approx(memory, abs=0.02)


def test_jitter_grows_with_the_person(rng: np.random.Generator) -> None:
    big = person(4000)
    small = 320 + (big - 320) / 3
    spread = []
    for points in (big, small):
        found = detect(points, none(4000), none(4000), SIZE, rng)
        seen = found[:, 1, 2] > 0
        spread.append((found[seen, 1, :2] - points[seen, 1]).std())
    assert 1.8 < spread[0] / spread[1] < 3.2
    assert spread[0] == pytest.approx(np.hypot(fitted().sigma[1] * 215, 0.35), rel=0.15)


def test_hidden_joints_are_lost_more_often_and_believed_less(rng: np.random.Generator) -> None:
    points = person(6000)
    hidden = none(6000)
    hidden[:, [4, 11]] = True
    clear, by_thing = (detect(points, h, none(6000), SIZE, rng) for h in (none(6000), hidden))
    for joint in (4, 11):
        assert np.mean(clear[:, joint, 2] == 0) < 0.02
        assert 0.5 < np.mean(by_thing[:, joint, 2] == 0) < 0.8
        believed = [c[:, joint, 2][c[:, joint, 2] > 0].mean() for c in (clear, by_thing)]
        assert believed[1] < believed[0] - 0.3


def test_ends_of_limbs_are_lost_more_often() -> None:
    rate = fitted().gap_rate
    assert rate[4] > rate[3] > rate[2] and rate[22] > rate[10]


def test_a_joint_out_of_the_picture_is_not_detected(rng: np.random.Generator) -> None:
    points = person(50)
    points[:, 11] = (300, 500)
    points[:, 14] = np.nan
    found = detect(points, none(50), none(50), SIZE, rng)
    assert not found[:, [11, 14]].any()
    assert np.isfinite(found).all()


def test_output_is_rounded_so_that_any_machine_gives_the_same(rng: np.random.Generator) -> None:
    found = detect(person(200), none(200), none(200), SIZE, rng).astype(np.float64)
    np.testing.assert_allclose(found[..., :2] * 100, np.round(found[..., :2] * 100), atol=0.01)
    np.testing.assert_allclose(found[..., 2] * 1000, np.round(found[..., 2] * 1000), atol=0.01)


def test_sides_swap_only_when_seen_from_the_side(rng: np.random.Generator) -> None:
    front = person(30_000)
    side = front.copy()
    side[:, [2, 5], 0] = 315, 325

    def swaps(points: np.ndarray) -> int:
        found = detect(points, none(len(points)), none(len(points)), SIZE, rng)
        apart = np.linalg.norm(points[:, 3] - points[:, 6], axis=1)
        return int(
            np.sum((np.linalg.norm(found[:, 3, :2] - points[:, 6], axis=1) < 0.3 * apart) & (found[:, 3, 2] > 0))
        )

    assert swaps(front) == 0
    assert 50 < swaps(side) < 900


@pytest.mark.parametrize("true_memory", [0.3, 0.6, 0.75])
def test_the_fit_finds_the_jitter_that_is_there(rng: np.random.Generator, true_memory: float) -> None:
    """Jitter of known size and memory, through the whole measurement."""
    keypoints = np.ones((3000, 25, 3))
    keypoints[..., :2] = person(3000) + 215 * 0.006 * correlated(np.full(25, true_memory), (3000, 25, 2), rng)
    clip = Clip.build("known", keypoints, BODY_25, SIZE, 30.0)
    frequency, spectra, _ = jitter_spectra([clip])
    for group in ("elbow", "wrist", "hip"):
        sigma, memory = fit_jitter(frequency, spectra[group])
        assert memory == pytest.approx(true_memory, abs=0.12)
        level = model_spectrum(np.array([10.0]), sigma, memory) / model_spectrum(np.array([10.0]), 0.006, true_memory)
        assert level[0] == pytest.approx(1.0, abs=0.3)


def real_clips() -> list[Clip]:
    folder = os.environ.get("SKELMAP_DATA")
    if not folder or not (Path(folder) / "motions_body25/clips").is_dir():
        pytest.skip("needs real OpenPose output: set SKELMAP_DATA to the folder that holds motions_body25")
    return [read_clip(p, p.stem) for p in sorted((Path(folder) / "motions_body25/clips").glob("*.npz"))[::40]]


@pytest.mark.slow
def test_committed_numbers_fit_the_real_recording() -> None:
    """On a fortieth of the clips: jitter's level within a factor of three, confidences within two spreads."""
    clips = real_clips()
    frequency, spectra, _ = jitter_spectra(clips)
    numbers = fitted()
    band = (frequency >= 5) & (frequency < 14.5)
    for group, spectrum in spectra.items():
        joint = GROUPS[group][0]
        if joint in (10, 11, 19):
            continue
        model = model_spectrum(frequency[band], numbers.sigma[joint], numbers.memory[joint])
        assert 1 / 3 < np.exp(np.mean(np.log(spectrum[band] / model))) < 3, group
        first = np.array([c.keypoints[0, joint, 2] for c in clips])
        assert abs(first[first > 0].mean() - numbers.confidence[joint]) < 2 * numbers.spread[joint]
