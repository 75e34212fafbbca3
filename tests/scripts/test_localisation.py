"""Joint localisation on synthetic data with train answers."""

import csv
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest

from hydra_config import ROOT
from localisation.evaluate import evaluate_localisation, map_settings, summarise
from localisation.methods import mean_position, nearest_map, network
from localisation.poses import Poses, read_poses
from localisation.report import error_figure, markdown
from skelmap.data.rendering import MapSettings
from skelmap.evaluation.bootstrap import unit_weights
from skelmap.simulation.dataset import simulate_dataset
from skelmap.skeletons.archives import write_clip
from skelmap.skeletons.clip import Clip
from skelmap.skeletons.layouts import BODY_25, COCO_18
from skelmap.skeletons.manifest import read_manifest
from skelmap.utils.errors import UserError
from synthetic_data import make_clip, person, wave, write_manifest, write_toy_dataset

ELBOW = BODY_25.joints.index("right_elbow")


def poses(folder: Path, split: str = "train", max_poses: int | None = None) -> Poses:
    return read_poses(read_manifest(folder / "manifest.csv"), split, max_poses)


def write_split(folder: Path, train: np.ndarray, test: np.ndarray) -> None:
    folder.mkdir(exist_ok=True)
    for name, keypoints in (("train", train), ("test", test)):
        write_clip(folder / f"{name}.npz", make_clip(keypoints))
    write_manifest(folder, [[name, f"{name}.npz", name, name] for name in ("train", "test")])


def one_joint(places: np.ndarray) -> np.ndarray:
    """Poses of neck and one elbow, the elbow at these positions relative to the neck."""
    keypoints = np.zeros((len(places), 25, 3), np.float32)
    keypoints[:, 1] = (320, 240, 1)
    keypoints[:, ELBOW, :2] = places + np.array([320, 240])
    keypoints[:, ELBOW, 2] = 1
    return keypoints


def test_nearest_map_locates_a_lone_joint_within_a_map_pixel(tmp_path: Path) -> None:
    """Training positions lie on a grid of 10 px, the nearest at most 7.1 px away; a map pixel is 12 px.

    The disc covers 3 map pixels, so that the maps of near positions have most of their pixels in common.
    """
    grid = np.stack(np.meshgrid(np.arange(-200, 201, 10), np.arange(-200, 201, 10)), axis=-1).reshape(-1, 2)
    positions = np.random.default_rng(0).uniform(-200, 200, (100, 2))
    write_split(tmp_path, one_joint(grid), one_joint(positions))
    setting = MapSettings(img_size=40, resample="area", line_width=30)
    train, test = poses(tmp_path), poses(tmp_path, "test")
    found = nearest_map(train, train.draw(setting), test.draw(setting), 0)
    joint = train.joints.index("right_elbow")
    error = np.linalg.norm(found - test.position, axis=-1)[:, joint]
    assert error.max() < 12 + 7.1 and np.median(error) < 8
    by_chance = np.linalg.norm(mean_position(train, grid, test, 0) - test.position, axis=-1)[:, joint]
    assert np.median(by_chance) > 100
    others = np.delete(np.arange(24), joint)
    assert not found[:, others].any() and not test.detected[:, others].any()


def test_nearest_map_finds_a_training_map_and_takes_missing_joints_from_the_next_one(tmp_path: Path) -> None:
    keypoints = np.stack([person(), person(), person()])
    keypoints[1, ELBOW, :2] += (-40, -20)
    keypoints[2, ELBOW, :2] += (-60, -90)
    big_toe = BODY_25.joints.index("left_big_toe")
    keypoints[0, big_toe] = 0
    write_split(tmp_path, keypoints, keypoints[:1])
    train, test = poses(tmp_path), poses(tmp_path, "test")
    setting = MapSettings(img_size=56)
    found = nearest_map(train, train.draw(setting), test.draw(setting), 0)[0]
    toe = train.joints.index("left_big_toe")
    elbow = train.joints.index("right_elbow")
    np.testing.assert_array_equal(found[elbow], train.position[0, elbow])
    np.testing.assert_array_equal(found[toe], train.position[1, toe])
    assert train.position[0, toe].tolist() == [0, 0] and not train.detected[0, toe]


def test_mean_position_is_the_mean_over_detected_joints(tmp_path: Path) -> None:
    keypoints = wave(30, 1)
    keypoints[5:, 4] = 0
    keypoints[:, 7, 2] = 0.04  # too unsure to be drawn
    write_split(tmp_path, keypoints, wave(4))
    train = poses(tmp_path)
    found = mean_position(train, np.zeros((0, 1, 1), bool), np.zeros((4, 1, 1), bool), 0)
    assert "neck" not in train.joints and found.shape == (4, 24, 2)
    from_neck = keypoints[..., :2] - keypoints[:, 1:2, :2]
    for joint, frames in (("nose", 30), ("right_wrist", 5)):
        expected = from_neck[:frames, BODY_25.joints.index(joint)].mean(axis=0)
        np.testing.assert_allclose(found[2, train.joints.index(joint)], expected, atol=1e-4)
    assert not found[:, train.joints.index("left_wrist")].any()


def test_the_network_learns_and_is_deterministic_for_a_seed(tmp_path: Path) -> None:
    write_split(tmp_path, wave(300, 1), wave(60, 2))
    train, test = poses(tmp_path), poses(tmp_path, "test")
    maps = [part.draw(MapSettings(resample="area")) for part in (train, test)]
    wrist = train.joints.index("right_wrist")
    found, again, other = (network(train, *maps, seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(found, again)
    assert not np.array_equal(found, other)
    errors = [
        np.linalg.norm(f - test.position, axis=-1)[:, wrist].mean() for f in (found, mean_position(train, *maps, 0))
    ]
    assert errors[0] < 0.5 * errors[1]


def test_undetected_joints_do_not_train_the_network(tmp_path: Path) -> None:
    keypoints = wave(40, 1)
    keypoints[::2, 4] = 0
    write_split(tmp_path, keypoints, wave(4))
    train = poses(tmp_path)
    maps = train.draw(MapSettings(img_size=14))
    found = network(train, maps, maps, 0)
    train.position[~train.detected] = 1e4
    np.testing.assert_array_equal(found, network(train, maps, maps, 0))


def test_frames_are_spread_evenly_and_empty_frames_left_out(tmp_path: Path) -> None:
    keypoints = wave(100)
    keypoints[10:20] = 0
    write_split(tmp_path, keypoints, wave(4))
    assert len(poses(tmp_path)) == 90
    few = poses(tmp_path, max_poses=10)
    clip, rows = few.clips[0]
    frames = clip.frame[rows]
    assert len(few) == 10 and frames[[0, -1]].tolist() == [0, 99] and set(np.diff(frames)) <= {10, 9, 20}
    assert len(poses(tmp_path, max_poses=1000)) == 90


def test_summaries_equal_numpy_with_intervals_over_clips() -> None:
    rng = np.random.default_rng(0)
    error, clip = rng.gamma(3, 4, 3000), rng.integers(0, 10, 3000)
    error += 3 * clip
    found = summarise(error, clip, unit_weights(10, 0))
    assert found.median == np.median(error) and found.mean == error.mean()
    drawn = [rng.integers(0, 10, 10) for _ in range(400)]
    resamples = [np.concatenate([error[clip == c] for c in clips]) for clips in drawn]
    for statistic, low, high in (
        (np.median, found.median_low, found.median_high),
        (np.mean, found.mean_low, found.mean_high),
    ):
        expected = np.quantile([statistic(r) for r in resamples], [0.025, 0.975])
        np.testing.assert_allclose([low, high], expected, atol=1)
    assert summarise(error, 0 * clip, unit_weights(1, 0))[1:3] == (None, None)
    assert summarise(error[:0], clip[:0], unit_weights(10, 0)).median is None


def test_a_small_cut_loses_the_feet(task: Path) -> None:
    settings = map_settings([28], ["area"], ["source"], [480, 240])
    rows = [row for of_setting in evaluate_localisation(read_manifest(task), settings) for row in of_setting]
    at = {(r["crop_size"], r["joint"], r["method"]): r for r in rows}
    assert len(rows) == len(at) == 2 * 3 * 25
    assert at[480, "right_ankle", "network"]["in_cut"] == 1 > at[240, "right_ankle", "network"]["in_cut"]
    assert at[480, "all", "network"]["frames"] == 180 and at[480, "all", "network"]["clips"] == 3
    assert error_figure(rows).get_axes() and "| 28 |" in markdown(rows)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([13], ["area"], ["source"], [480]), r"data\.maps\.img_size=13; allowed: a whole number from 14"),
        (([28], ["cubic"], ["source"], [480]), r"data\.maps\.resample=cubic; allowed: bilinear, area"),
        (([28], ["area"], ["metre"], [480]), r"data\.maps\.line_unit=metre; allowed: source, map"),
        (([28], ["area"], ["source"], [5]), r"data\.maps\.crop_size=5; allowed: a whole number from 14"),
    ],
)
def test_wrong_map_settings_are_refused(arguments: tuple, message: str) -> None:
    with pytest.raises(UserError, match=message):
        map_settings(*arguments)


def test_line_units_agree_in_the_paper_map() -> None:
    source, in_map = map_settings([28], ["bilinear"], ["source", "map"], [480])
    assert source == MapSettings() and in_map.source_width == 8


def test_empty_splits_and_mixed_layouts_are_refused(tmp_path: Path) -> None:
    write_split(tmp_path, wave(4), np.zeros((4, 25, 3), np.float32))
    with pytest.raises(UserError, match=r"manifest\.csv: no person in any frame of split test"):
        poses(tmp_path, "test")
    with pytest.raises(UserError, match=r"manifest\.csv: no recording of split val"):
        poses(tmp_path, "val")
    write_clip(tmp_path / "test.npz", Clip.build("test", wave(4)[:, :18], COCO_18, (640, 480), 30.0))
    with pytest.raises(UserError, match=r"manifest\.csv: train and test have different layouts"):
        next(evaluate_localisation(read_manifest(tmp_path / "manifest.csv"), [MapSettings()]))


def script(*arguments: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["locate_joints.py", *arguments])
        runpy.run_path(str(ROOT / "scripts" / "locate_joints.py"), run_name="__main__")


@pytest.mark.slow
def test_the_script_writes_table_and_figure_and_refuses_wrong_values(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = str(simulate_dataset(tmp_path / "data"))
    out = str(tmp_path / "out" / "found")
    script(manifest, "--out", out, "--img-size", "14", "28", "--frames", "300", "--resample", "area")
    with (tmp_path / "out" / "found.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 * 3 * 25 and {row["simulated"] for row in rows} == {"True"}
    whole = {(r["img_size"], r["method"]): float(r["median_px"]) for r in rows if r["joint"] == "all"}
    assert whole["28", "nearest map"] < whole["14", "nearest map"] < whole["14", "mean position"]
    assert (tmp_path / "out" / "found.md").read_text().strip() in capsys.readouterr().out
    assert (tmp_path / "out" / "found.png").read_bytes().startswith(b"\x89PNG")
    for arguments, message in (
        (("nowhere.csv",), "nowhere.csv: cannot be read"),
        ((manifest, "--img-size", "9"), "data.maps.img_size=9; allowed: a whole number from 14"),
        ((manifest, "--frames", "0"), "--frames 0; 1 or more is allowed"),
    ):
        with pytest.raises(SystemExit, match=message):
            script(*arguments, "--out", out)


def test_results_are_reproducible(tmp_path: Path) -> None:
    manifest = read_manifest(write_toy_dataset(tmp_path, frames=12))
    first, again = (
        list(evaluate_localisation(manifest, map_settings([14], ["area"], ["map"], [480]), seed=3)) for _ in range(2)
    )
    assert first == again
