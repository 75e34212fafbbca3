"""Simulated data sets: counts, labels, reproducibility, concurrency, interruption, wrong arguments, export."""

import csv
import json
import multiprocessing
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from skelmap.data.rendering import MapSettings
from skelmap.simulation.actions import ABNORMAL_ACTIONS
from skelmap.simulation.camera import Camera
from skelmap.simulation.dataset import assign_splits, large_clips, simulate_dataset
from skelmap.simulation.render import export_openpose_json, render_frames, write_video
from skelmap.skeletons.clip import Clip
from skelmap.skeletons.manifest import read_manifest
from skelmap.skeletons.readers import read_clip
from skelmap.utils.errors import UserError

TINY = {"preset": "large", "workers": 3, "minutes": 0.2}


def tree(folder: Path) -> dict[str, bytes]:
    return {
        p.relative_to(folder).as_posix(): p.read_bytes()
        for p in sorted(folder.rglob("*"))
        if p.suffix != ".lock" and p.is_file()
    }


def test_paper_has_the_papers_frame_counts(paper: Path) -> None:
    manifest = read_manifest(paper)
    frames = {s: [len(read_clip(r.path, r.clip)) for r in manifest.split(s)] for s in ("train", "val", "test")}
    assert frames["train"] == [4618]
    assert frames["val"] == [1500]
    assert len(frames["test"]) == 12 and sum(frames["test"]) == 4898


def test_paper_labels(paper: Path) -> None:
    manifest = read_manifest(paper)  # refuses abnormal frames in train and val, and groups in two splits
    labels = [r.labels(read_clip(r.path, r.clip).frame) for r in manifest.split("test")]
    assert 0.40 <= np.concatenate(labels).mean() <= 0.50
    assert all(0.1 <= label.mean() <= 0.9 for label in labels)
    assert len({r.group for r in manifest.recordings}) == 3


def test_every_action_occurs_and_every_interval_is_inside_its_clip(paper: Path) -> None:
    manifest = read_manifest(paper)
    found: dict[str, set[int]] = {action: set() for action in ABNORMAL_ACTIONS}
    for r in manifest.recordings:
        clip = read_clip(r.path, r.clip)
        for name, (first, stop) in r.actions:
            assert 0 <= first < stop <= len(clip)
            found[name] |= set(r.labels(clip.frame)[first:stop].tolist())
    assert all(1 in kinds for kinds in found.values())
    assert all(0 in found[action] for action in ABNORMAL_ACTIONS[:4])


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 4))
def test_other_seeds_have_the_same_counts_and_balance(seed: int, tmp_path: Path) -> None:
    manifest = read_manifest(simulate_dataset(tmp_path, seed=seed))
    labels = [r.labels(np.arange(len(read_clip(r.path, r.clip)))) for r in manifest.split("test")]
    assert sum(map(len, labels)) == 4898
    assert 0.35 <= np.concatenate(labels).mean() <= 0.52
    assert all(0 < label.mean() < 1 for label in labels)


def test_the_person_is_rarely_lost(paper: Path) -> None:
    clip = read_clip(read_manifest(paper).split("train")[0].path, "train")
    assert clip.present.mean() > 0.99


@pytest.mark.slow
def test_same_seed_same_bytes_in_another_process(tmp_path: Path) -> None:
    simulate_dataset(tmp_path / "a", **TINY)
    call = f"simulate_dataset(Path({str(tmp_path / 'b')!r}), **{TINY!r})"
    code = f"from pathlib import Path; from skelmap.simulation.dataset import simulate_dataset; {call}"
    subprocess.run([sys.executable, "-c", code], check=True)
    assert tree(tmp_path / "a") == tree(tmp_path / "b")


def test_another_seed_gives_other_data(tmp_path: Path) -> None:
    simulate_dataset(tmp_path / "a", **TINY)
    simulate_dataset(tmp_path / "b", seed=1, **TINY)
    assert tree(tmp_path / "a") != tree(tmp_path / "b")


def test_a_complete_data_set_is_left_as_it_is(tmp_path: Path) -> None:
    manifest = simulate_dataset(tmp_path, **TINY)
    before = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*.npz")}
    assert simulate_dataset(tmp_path, **TINY) == manifest
    assert before == {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*.npz")}


@pytest.mark.parametrize("damage", ["description", pytest.param("clip", marks=pytest.mark.slow), "manifest"])
def test_an_incomplete_or_changed_data_set_is_written_again(tmp_path: Path, damage: str) -> None:
    manifest = simulate_dataset(tmp_path, **TINY)
    whole = tree(tmp_path)
    clip = next(tmp_path.rglob("*.npz"))
    if damage == "description":  # as if interrupted: simulation.json is written last
        (tmp_path / "simulation.json").unlink()
        clip.unlink()
    elif damage == "clip":
        clip.write_bytes(clip.read_bytes()[:-20])
    else:
        manifest.write_text(manifest.read_text().replace("val", "test"))
    simulate_dataset(tmp_path, **TINY)
    assert tree(tmp_path) == whole


def test_other_arguments_replace_a_data_set(tmp_path: Path) -> None:
    simulate_dataset(tmp_path, **TINY)
    simulate_dataset(tmp_path, **TINY, camera=Camera(pitch=30.0))
    assert json.loads((tmp_path / "simulation.json").read_text())["camera"]["pitch"] == 30.0


@pytest.mark.slow
def test_two_processes_at_once(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    both = [context.Process(target=simulate_dataset, args=(tmp_path / "both",), kwargs=TINY) for _ in range(2)]
    for process in both:
        process.start()
    for process in both:
        process.join(60)
        assert process.exitcode == 0
    simulate_dataset(tmp_path / "alone", **TINY)
    assert tree(tmp_path / "both") == tree(tmp_path / "alone")


def test_large_is_split_by_worker(tmp_path: Path) -> None:
    manifest = simulate_dataset(tmp_path, preset="large", workers=4, minutes=0.2)
    rows = list(csv.DictReader(manifest.open()))
    assert {r["group"] for r in rows} == {f"worker_{i:03d}" for i in range(4)}
    read_manifest(manifest)


def test_large_is_simulated_one_clip_at_a_time() -> None:
    """Memory is that of one clip, however long the data set."""
    first = next(large_clips(0, workers=999, minutes=6000))
    assert len(first.motion.joints) == 3000


@pytest.mark.parametrize("workers", [3, 4, 7, 20, 100])
def test_every_split_has_a_worker(workers: int) -> None:
    splits = assign_splits(workers)
    assert len(splits) == workers and set(splits) == {"train", "val", "test"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"preset": "huge"}, "preset=huge; allowed are paper, large"),
        ({"seed": -1}, "seed=-1; 0 or more"),
        ({"preset": "large", "workers": 2}, "workers=2; 3 to 999"),
        ({"preset": "large", "minutes": 0}, "minutes=0; 0.1 to 6000"),
    ],
)
def test_wrong_arguments_are_refused(tmp_path: Path, arguments: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        simulate_dataset(tmp_path, **arguments)  # type: ignore[arg-type]


def test_exported_json_comes_back_the_same(paper: Path, tmp_path: Path) -> None:
    recording = read_manifest(paper).split("test")[3]
    clip = read_clip(recording.path, recording.clip)
    assert export_openpose_json(clip, tmp_path / "json") == len(clip)
    back = read_clip(tmp_path / "json", recording.clip)
    np.testing.assert_allclose(back.keypoints, clip.keypoints, atol=1e-3)
    np.testing.assert_array_equal(back.frame, clip.frame)
    with pytest.raises(UserError, match="already holds"):
        export_openpose_json(clip, tmp_path / "json")


@pytest.mark.parametrize("suffix", [".gif", ".mp4"])
def test_videos_are_written(paper: Path, tmp_path: Path, suffix: str) -> None:
    clip = read_clip(read_manifest(paper).split("test")[0].path, "test_00")
    images = list(render_frames(clip, np.arange(20), np.ones(20, np.int8), MapSettings(), 120))
    assert len(images) == 20 and images[0].shape == (120, 280, 3)
    assert (images[0][:, 160:] > 200).any(), "the skeleton map is drawn"
    both = clip.keypoints[:2] + np.float32((50, 0, 0))  # a second person, in two frames
    two = Clip.build("two", np.concatenate([clip.keypoints[:20], both]), clip.layout, clip.size, clip.fps,
                     np.concatenate([np.arange(20), np.arange(2)]))  # fmt: skip
    crowd = list(render_frames(two, np.arange(25), np.zeros(25, np.int8), MapSettings(), 120))
    assert len(crowd) == 25 and not (crowd[24][:, 160:] > 200).any(), "frames without people are empty"
    assert (crowd[0] > 90).sum() > 1.3 * (crowd[5] > 90).sum()
    write_video(tmp_path / f"video{suffix}", iter(images), 15.0)
    assert (tmp_path / f"video{suffix}").stat().st_size > 500
    with pytest.raises(UserError, match=r"\.avi; allowed are"):
        write_video(tmp_path / "video.avi", iter(images), 15.0)
