"""Runs on recordings that contradict what was declared about them."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hydra_config import Compose
from skelmap.skeletons.archives import write_clip
from skelmap.skeletons.clip import Clip
from skelmap.training.run import run
from skelmap.utils.errors import UserError
from synthetic_data import add_recordings, make_clip, wave, write_manifest, write_openpose

SMALL = ("data=manifest", "data.img_size=14", "data.seq_len=8", "model=pca_windows", "trainer=cpu")
LINES = [["a", "a", "train", "a"], ["v", "v", "val", "v"], ["t", "t", "test", "t", "40-80"]]


def clips() -> dict[str, Clip]:
    test = np.concatenate([wave(40, 3), wave(40, 3, abnormal=True)])
    return {
        "a": make_clip(wave(80, 1), "a"),
        "v": make_clip(wave(80, 2), "v"),
        "t": make_clip(test, "t", track=np.zeros(80, np.int64)),
    }


def scaled(clip: Clip, factor: float) -> Clip:
    return replace(clip, keypoints=clip.keypoints * np.float32([factor, factor, 1]))


def test_openpose_files_of_a_larger_video_are_refused_until_the_size_is_declared(
    compose: Compose, tmp_path: Path
) -> None:
    for name, clip in clips().items():
        write_openpose(tmp_path / name, scaled(clip, 2.4))
    manifest = write_manifest(tmp_path, LINES)
    message = r"clip a: \d+% of the joints lie outside .* 640x480 .* data\.pose_format\.size=\[1920,1080\]"
    with pytest.raises(UserError, match=message):
        run(compose(*SMALL, f"data.manifest={manifest}"))
    large = ("data.pose_format.size=[1920,1080]", "data.maps.crop_size=1152", "data.maps.line_width=19.2")
    metrics = run(compose(*SMALL, *large, f"data.manifest={manifest}", run=tmp_path / "declared"))
    assert metrics["auroc_window"] > 0.96 and metrics["warnings"] == []


@pytest.mark.parametrize("unit", ["0..1", "-1..1"])
def test_normalized_coordinates_are_refused_until_they_are_declared(
    unit: str, compose: Compose, tmp_path: Path
) -> None:
    for name, clip in clips().items():
        shares = clip.keypoints / np.float32([*clip.size, 1])
        if unit == "-1..1":
            shares[..., :2] = np.where(shares[..., 2:] > 0, 2 * shares[..., :2] - 1, 0)
        write_openpose(tmp_path / name, replace(clip, keypoints=shares))
    manifest = write_manifest(tmp_path, LINES)
    with pytest.raises(UserError, match=rf"clip a: .* not pixels .*set data\.pose_format\.coordinates={unit}"):
        run(compose(*SMALL, f"data.manifest={manifest}"))
    declared = compose(*SMALL, f"data.manifest={manifest}", f"data.pose_format.coordinates={unit}", run=tmp_path / "b")
    assert run(declared)["auroc_window"] > 0.96


def archives(folder: Path, **changed: Clip) -> Path:
    for name, clip in {**clips(), **changed}.items():
        write_clip(folder / f"{name}.npz", clip)
    return write_manifest(folder, [[clip, f"{path}.npz", *rest] for clip, path, *rest in LINES])


def test_empty_maps_are_warned_about_with_their_share_and_clips(compose: Compose, tmp_path: Path) -> None:
    faint = clips()["t"]
    faint.keypoints[:60, :, 2] = 0.01  # below the confidence at which joints are drawn
    metrics = run(compose(*SMALL, f"data.manifest={archives(tmp_path, t=faint)}"))
    warning, equal = metrics["warnings"]
    assert "have the same score, in clip t" in equal
    assert warning.startswith("t: 75% of the maps of split test are empty")
    assert warning in (tmp_path / "run" / "report.html").read_text()
    assert json.loads((tmp_path / "run" / "metrics.json").read_text())["warnings"] == [warning, equal]


def test_few_joints_in_a_machine_do_not_change_the_scores_and_are_counted(compose: Compose, tmp_path: Path) -> None:
    machine = np.zeros((80, 25, 3), np.float32)
    machine[:, [1, 2, 5]] = [[500, 100, 0.6], [560, 160, 0.6], [520, 90, 0.6]]
    machine[:, 1, 0] += np.random.default_rng(0).normal(0, 30, 80)
    clean = clips()["t"]
    frame, track = np.tile(np.arange(80), 2), np.repeat([0, 1], 80)
    both = make_clip(np.concatenate([clean.keypoints, machine]), "t", frame=frame, track=track)
    (tmp_path / "clean").mkdir()
    expected = run(compose(*SMALL, f"data.manifest={archives(tmp_path / 'clean')}", run=tmp_path / "run_clean"))
    metrics = run(compose(*SMALL, f"data.manifest={archives(tmp_path, t=both)}"))
    assert metrics["auroc"] == expected["auroc"] > 0.96 and expected["warnings"] == []
    assert scores(tmp_path / "run") == scores(tmp_path / "run_clean")
    (warning,) = metrics["warnings"]
    assert warning.startswith("t: 80 detections were left out") and "data.min_joints" in warning
    kept = run(compose(*SMALL, f"data.manifest={tmp_path}/manifest.csv", "data.min_joints=0", run=tmp_path / "kept"))
    assert kept["warnings"] == [] and scores(tmp_path / "kept") != scores(tmp_path / "run")


def test_training_recordings_that_are_all_left_out_name_the_limits(compose: Compose, tmp_path: Path) -> None:
    few = clips()["a"]
    few.keypoints[:, 3:] = 0
    manifest = archives(tmp_path, a=few)
    message = r"no frame of split train shows a person; 80 detections have less than data\.min_joints=5"
    with pytest.raises(UserError, match=message):
        run(compose(*SMALL, f"data.manifest={manifest}"))


def scores(folder: Path) -> str:
    return (folder / "scores.csv").read_text()


def test_a_warning_of_the_checks_is_in_the_results(compose: Compose, tmp_path: Path) -> None:
    manifest = archives(tmp_path, t=replace(clips()["a"], name="t"))
    metrics = run(compose(*SMALL, f"data.manifest={manifest}"))
    leak = "t: 100% of its frames are also in split train (clip a), so test is not new"
    assert leak in metrics["warnings"]
    text = manifest.read_text().replace("a,a.npz,train", "a,a.npz,val").replace("v,v.npz,val", "v,v.npz,train")
    manifest.write_text(text)
    metrics = run(compose(*SMALL, f"data.manifest={manifest}", run=tmp_path / "other_splits"))
    assert leak.replace("train", "val") in metrics["warnings"]  # of the same cache


def test_another_scale_in_the_test_split_is_warned_about(compose: Compose, tmp_path: Path) -> None:
    far = replace(clips()["t"], keypoints=clips()["t"].keypoints * np.float32([0.4, 0.4, 1]))
    manifest = archives(tmp_path, t=far)
    (warning,) = run(compose(*SMALL, f"data.manifest={manifest}"))["warnings"]
    assert warning.startswith("people of split test are 0.4 times as large as in training")
    features = compose(*SMALL, "model=feature_knn", f"data.manifest={manifest}", run=tmp_path / "features")
    assert not any("times as large" in warning for warning in run(features)["warnings"])  # it does not see the size


def test_short_recordings_and_a_fast_clock_are_warned_about(compose: Compose, tmp_path: Path) -> None:
    manifest = archives(tmp_path)
    add_recordings(manifest, "train", make_clip(wave(3, 7), "short"))
    short, clock = run(compose(*SMALL, f"data.manifest={manifest}", "data.fps=100"))["warnings"]
    assert short.startswith("short: 1 of 2 recordings of split train are not used") and "data.seq_len=8" in short
    assert clock.startswith("data.fps=100: the training recordings have 30 frames per second")
