"""The simulated detector has the noise, gaps and confidences of its parameters."""

import os
from pathlib import Path

import numpy as np
import pytest

from fit_detector import fit_jitter, jitter_spectra, jitter_spectrum
from skelmap.simulation.detector import JOINT_GROUPS, correlated_noise, detect, load_parameters
from skelmap.skeletons.clip import Clip
from skelmap.skeletons.layouts import BODY_25
from skelmap.skeletons.readers import read_clip

SIZE = (640, 480)


def person(frames: int) -> np.ndarray:
    """A still person, 215 px of trunk, in the middle of the image, facing the camera."""
    points = np.random.default_rng(3).uniform((200, 60), (440, 400), (25, 2))
    points[[1, 8]] = (320, 120), (320, 335)
    points[[2, 5]], points[[9, 12]] = ((250, 120), (390, 120)), ((270, 335), (370, 335))
    return np.tile(points, (frames, 1, 1))


def no_joints(frames: int) -> np.ndarray:
    return np.zeros((frames, 25), bool)


def test_correlated_noise_has_unit_variance_and_its_autocorrelation(rng: np.random.Generator) -> None:
    noise = correlated_noise(np.array([0.0, 0.5, 0.9]), (60_000, 3), rng)
    np.testing.assert_allclose(noise.std(axis=0), 1.0, rtol=0.05)
    for j, correlation in enumerate((0.0, 0.5, 0.9)):
        assert np.corrcoef(noise[1:, j], noise[:-1, j])[0, 1] == pytest.approx(correlation, abs=0.02)


def test_jitter_grows_with_the_person(rng: np.random.Generator) -> None:
    big = person(4000)
    small = 320 + (big - 320) / 3
    spread = []
    for points in (big, small):
        found = detect(points, no_joints(4000), no_joints(4000), SIZE, rng)
        seen = found[:, 1, 2] > 0
        spread.append((found[seen, 1, :2] - points[seen, 1]).std())
    assert 1.8 < spread[0] / spread[1] < 3.2
    assert spread[0] == pytest.approx(np.hypot(load_parameters().jitter_sigma[1] * 215, 0.35), rel=0.15)


def test_occluded_joints_have_more_gaps_and_lower_confidence(rng: np.random.Generator) -> None:
    points = person(6000)
    hidden = no_joints(6000)
    hidden[:, [4, 11]] = True
    clear, by_object = (detect(points, h, no_joints(6000), SIZE, rng) for h in (no_joints(6000), hidden))
    for joint in (4, 11):
        assert np.mean(clear[:, joint, 2] == 0) < 0.02
        assert 0.5 < np.mean(by_object[:, joint, 2] == 0) < 0.8
        confidence = [c[:, joint, 2][c[:, joint, 2] > 0].mean() for c in (clear, by_object)]
        assert confidence[1] < confidence[0] - 0.3


def test_ends_of_limbs_have_more_gaps() -> None:
    rate = load_parameters().gap_rate
    assert rate[4] > rate[3] > rate[2] and rate[22] > rate[10]


def test_a_joint_outside_the_image_is_not_detected(rng: np.random.Generator) -> None:
    points = person(50)
    points[:, 11] = (300, 500)
    points[:, 14] = np.nan
    found = detect(points, no_joints(50), no_joints(50), SIZE, rng)
    assert not found[:, [11, 14]].any()
    assert np.isfinite(found).all()


def test_output_is_rounded_to_be_the_same_on_every_machine(rng: np.random.Generator) -> None:
    found = detect(person(200), no_joints(200), no_joints(200), SIZE, rng).astype(np.float64)
    np.testing.assert_allclose(found[..., :2] * 100, np.round(found[..., :2] * 100), atol=0.01)
    np.testing.assert_allclose(found[..., 2] * 1000, np.round(found[..., 2] * 1000), atol=0.01)


def test_sides_swap_only_in_side_view(rng: np.random.Generator) -> None:
    front = person(30_000)
    side = front.copy()
    side[:, [2, 5], 0] = 315, 325

    def swaps(points: np.ndarray) -> int:
        found = detect(points, no_joints(len(points)), no_joints(len(points)), SIZE, rng)
        apart = np.linalg.norm(points[:, 3] - points[:, 6], axis=1)
        return int(
            np.sum((np.linalg.norm(found[:, 3, :2] - points[:, 6], axis=1) < 0.3 * apart) & (found[:, 3, 2] > 0))
        )

    assert swaps(front) == 0
    assert 50 < swaps(side) < 900


@pytest.mark.parametrize(
    "true_correlation", [0.3, *(pytest.param(value, marks=pytest.mark.slow) for value in (0.6, 0.75))]
)
def test_the_fit_recovers_known_jitter(rng: np.random.Generator, true_correlation: float) -> None:
    """Jitter of known standard deviation and autocorrelation, through the whole measurement."""
    keypoints = np.ones((3000, 25, 3))
    keypoints[..., :2] = person(3000) + 215 * 0.006 * correlated_noise(
        np.full(25, true_correlation), (3000, 25, 2), rng
    )
    clip = Clip.build("known", keypoints, BODY_25, SIZE, 30.0)
    frequency, spectra, _ = jitter_spectra([clip])
    for group in ("elbow", "wrist", "hip"):
        sigma, correlation = fit_jitter(frequency, spectra[group])
        assert correlation == pytest.approx(true_correlation, abs=0.12)
        level = jitter_spectrum(np.array([10.0]), sigma, correlation) / jitter_spectrum(
            np.array([10.0]), 0.006, true_correlation
        )
        assert level[0] == pytest.approx(1.0, abs=0.3)


def real_clips() -> list[Clip]:
    folder = os.environ.get("SKELMAP_DATA")
    if not folder or not (Path(folder) / "motions_body25/clips").is_dir():
        pytest.skip("needs real OpenPose output: set SKELMAP_DATA to the folder that holds motions_body25")
    return [read_clip(p, p.stem) for p in sorted((Path(folder) / "motions_body25/clips").glob("*.npz"))[::40]]


@pytest.mark.slow
def test_committed_parameters_fit_the_real_recording() -> None:
    """On a fortieth of the clips: jitter within a factor of three, confidences within two standard deviations."""
    clips = real_clips()
    frequency, spectra, _ = jitter_spectra(clips)
    parameters = load_parameters()
    band = (frequency >= 5) & (frequency < 14.5)
    for group, spectrum in spectra.items():
        joint = JOINT_GROUPS[group][0]
        if joint in (10, 11, 19):
            continue
        model = jitter_spectrum(frequency[band], parameters.jitter_sigma[joint], parameters.jitter_correlation[joint])
        assert 1 / 3 < np.exp(np.mean(np.log(spectrum[band] / model))) < 3, group
        first = np.array([c.keypoints[0, joint, 2] for c in clips])
        assert abs(first[first > 0].mean() - parameters.confidence_mean[joint]) < 2 * parameters.confidence_std[joint]
