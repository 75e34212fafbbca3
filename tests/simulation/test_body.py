"""Kinematics of the simulated body: rigid bones, joint limits, feet without sliding, published gait curves."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skelmap.simulation.body import sample_worker
from skelmap.simulation.footsteps import foot_trajectories
from skelmap.simulation.gait import RUN, WALK, GaitCycle
from skelmap.simulation.inverse_kinematics import MAX_ELBOW_FLEXION, MAX_KNEE_FLEXION, solve_joints, solve_two_bone
from skelmap.simulation.motion import minimum_jerk
from skelmap.simulation.posture import solve_trunk
from skelmap.simulation.recording import MotionRecording
from skelmap.simulation.timeline import Timeline
from skelmap.skeletons.layouts import BODY_25

RIGID = [limb for limb in BODY_25.limbs if limb != (1, 0)]  # the neck bends: neck to nose is no bone
SIDES = ((2, 3, 4, 9, 10, 11), (5, 6, 7, 12, 13, 14))  # shoulder elbow wrist hip knee ankle


def angle(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    cosine = np.sum(a * b, axis=-1) / np.linalg.norm(a, axis=-1) / np.linalg.norm(b, axis=-1)
    return np.arccos(np.clip(cosine, -1, 1))


@pytest.mark.parametrize("name", ["train", "val", "test_00", "test_05"])
def test_bone_lengths_are_constant(recordings: dict[str, MotionRecording], name: str) -> None:
    joints = recordings[name].joints
    for a, b in RIGID:
        assert np.ptp(np.linalg.norm(joints[:, a] - joints[:, b], axis=1)) < 1e-9, (a, b)


def test_all_sessions_show_the_same_worker(recordings: dict[str, MotionRecording]) -> None:
    lengths = {
        name: [np.linalg.norm(s.joints[0, a] - s.joints[0, b]) for a, b in RIGID] for name, s in recordings.items()
    }
    for values in lengths.values():
        np.testing.assert_allclose(values, lengths["train"])


def test_joint_angles_stay_within_their_limits(recordings: dict[str, MotionRecording]) -> None:
    for recording in recordings.values():
        j = recording.joints
        trunk = j[:, 1] - j[:, 8]
        for shoulder, elbow, wrist, hip, knee, ankle in SIDES:
            upper, lower, thigh, shank = (
                j[:, elbow] - j[:, shoulder],
                j[:, wrist] - j[:, elbow],
                j[:, knee] - j[:, hip],
                j[:, ankle] - j[:, knee],
            )
            assert angle(upper, lower).max() <= MAX_ELBOW_FLEXION + 1e-6
            assert angle(thigh, shank).max() <= MAX_KNEE_FLEXION + 1e-6
            # hip 122 degrees (Boone & Azen 1979) and about 40 of the lumbar spine, which the trunk's line contains
            assert np.pi - angle(thigh, trunk).min() <= np.deg2rad(162)
            # the upper arm goes back by at most 60 degrees (Boone & Azen 1979: 62)
            forward = np.cross(j[:, 5] - j[:, 2], trunk)
            back = angle(upper, forward) - np.pi / 2
            assert back.max() <= np.deg2rad(62)


def test_knees_bend_forward(recordings: dict[str, MotionRecording]) -> None:
    for recording in recordings.values():
        j = recording.joints
        for hip, knee, ankle, toe, heel in ((9, 10, 11, 22, 24), (12, 13, 14, 19, 21)):
            line = j[:, ankle] - j[:, hip]
            out = j[:, knee] - j[:, hip]
            out = out - (np.sum(out * line, axis=1) / np.sum(line**2, axis=1))[:, None] * line
            assert np.all(np.sum(out * (j[:, toe] - j[:, heel]), axis=1) > -0.12)


def test_feet_do_not_slide_in_stance(recordings: dict[str, MotionRecording]) -> None:
    """Between two stance frames the heel or the toe tip stays in place; nothing goes through the floor."""
    for recording in recordings.values():
        for side, (heel, toe) in enumerate(((24, 22), (21, 19))):
            stance = (recording.contact[1:, side] > 0) & (recording.contact[:-1, side] > 0)
            moved = np.linalg.norm(np.diff(recording.joints[:, [heel, toe], :2], axis=0), axis=2).min(axis=1)
            assert stance.any()
            assert moved[stance].max() < 1e-3
            lowest = recording.joints[:, [heel, toe], 2].min(axis=1)
            assert lowest.min() > -1e-6
            assert lowest[recording.contact[:, side] > 0].max() < 1e-6


def test_speeds_are_human(recordings: dict[str, MotionRecording]) -> None:
    for recording in recordings.values():
        speed = np.linalg.norm(np.diff(recording.joints, axis=0), axis=2) * 30
        assert speed.max() < 11.0  # m/s; a throwing hand reaches 8
        assert speed[:, 8].max() < 4.5  # the pelvis of a jogger


def test_centre_of_mass_stays_over_the_feet(recordings: dict[str, MotionRecording]) -> None:
    """In slow double stance the posture is statically balanced (segment masses: Winter 2009, table 4.1)."""
    parts = [(0.081, (17, 18)), (0.497, (1, 8)), (0.028, (2, 3)), (0.028, (5, 6)), (0.022, (3, 4)), (0.022, (6, 7)),
             (0.100, (9, 10)), (0.100, (12, 13)), (0.061, (10, 11)), (0.061, (13, 14))]  # fmt: skip
    for recording in recordings.values():
        j = recording.joints
        mass = sum(m * (j[:, a] + j[:, b]) / 2 for m, (a, b) in parts)
        slow = np.linalg.norm(np.gradient(j[:, 8], axis=0), axis=1) * 30 < 0.03
        still = slow & np.all(recording.contact > 0, axis=1)
        middle = j[:, [22, 24, 19, 21]].mean(axis=1)
        off = np.linalg.norm((mass - middle)[still, :2], axis=1)
        assert still.sum() > 20
        assert np.quantile(off, 0.99) < 0.18  # half a foot length ahead or behind, half a step aside


def mean_stride(speed: float, running: bool) -> tuple[GaitCycle, np.ndarray]:
    """Mean thigh and knee angle over the strides of a long straight path, degrees, (2, 50)."""
    worker = sample_worker(np.random.default_rng(1))
    timeline = Timeline((0.0, 0.0), 0.0)
    timeline.wait(0.3)
    timeline.follow_path([(16.0, 0.0)], 0.0, speed, running)
    body = timeline.sample()
    feet = foot_trajectories(body.pelvis_xy, body.heading, body.running, worker)
    trunk = solve_trunk(body, feet, worker)
    joints = solve_joints(trunk, feet, trunk.shoulders - [0, 0, 0.4], worker)
    thigh, shank = joints[:, 10] - joints[:, 9], joints[:, 11] - joints[:, 10]
    a, b = (np.rad2deg(np.arctan2(v[:, 0], -v[:, 2])) for v in (thigh, shank))
    heel_strikes = [s.heel_strike for s in feet.steps if s.foot == 0][3:-3]
    time, phase = np.arange(len(a)) / 30, np.arange(50) / 50
    mean = np.mean(
        [[np.interp(t0 + (t1 - t0) * phase, time, x) for x in (a, a - b)] for t0, t1 in pairwise(heel_strikes)],
        axis=0,
    )
    return (RUN if running else WALK), mean


@pytest.mark.parametrize(("speed", "running"), [(1.1, False), (1.3, False), (2.5, True)])
def test_gait_follows_the_published_curves(speed: float, running: bool) -> None:
    gait, mean = mean_stride(speed, running)
    thigh, knee, _ = gait.joint_angles(np.arange(50) / 50)
    for simulated, published in ((mean[0], thigh), (mean[1], knee)):
        assert np.corrcoef(simulated, published)[0, 1] > 0.9
        assert np.sqrt(np.mean((simulated - published) ** 2)) < 15


@given(st.integers(0, 500))
@settings(max_examples=30, deadline=None)
def test_two_bone_chain_reaches_targets_within_reach(seed: int) -> None:
    rng = np.random.default_rng(seed)
    upper, lower = rng.uniform(0.2, 0.5, 2)
    root, target, pole = rng.normal(size=(3, 40, 3))
    hinge, end = solve_two_bone(root, target, upper, lower, pole, MAX_KNEE_FLEXION, 0.99)
    np.testing.assert_allclose(np.linalg.norm(hinge - root, axis=1), upper, atol=1e-9)
    np.testing.assert_allclose(np.linalg.norm(end - hinge, axis=1), lower, atol=1e-9)
    assert angle(hinge - root, end - hinge).max() <= MAX_KNEE_FLEXION + 1e-9
    gap = np.linalg.norm(target - root, axis=1)
    shortest = np.sqrt(upper**2 + lower**2 + 2 * upper * lower * np.cos(MAX_KNEE_FLEXION))
    within = (gap <= 0.99 * (upper + lower)) & (gap >= shortest)
    np.testing.assert_allclose(end[within], target[within], atol=1e-9)


def test_minimum_jerk_is_that_of_flash_and_hogan() -> None:
    share = np.linspace(0, 1, 2001)
    path = minimum_jerk(share)
    assert path[0] == 0 and path[-1] == 1
    speed = np.gradient(path, share)
    assert speed.max() == pytest.approx(1.875, abs=1e-3)  # peak over mean speed (Flash & Hogan 1985)
    assert abs(share[speed.argmax()] - 0.5) < 1e-3


@given(st.integers(0, 10_000))
@settings(max_examples=40, deadline=None)
def test_workers_have_human_proportions(seed: int) -> None:
    worker = sample_worker(np.random.default_rng(seed))
    assert 1.5 <= worker.stature <= 1.92
    assert 0.44 <= worker.leg_length / worker.stature <= 0.54
    assert 0.29 <= worker.arm_length / worker.stature <= 0.37
    assert 0.7 < worker.tempo < 1.3
