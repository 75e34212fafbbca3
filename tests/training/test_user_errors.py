"""Wrong input is refused without a traceback: exit code 1, the key or file, and what is allowed."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from cli_runs import TRAIN_PY, python
from hydra_config import Compose
from skelmap.skeletons.archives import write_clip
from skelmap.training.run import run
from skelmap.utils.errors import UserError
from synthetic_data import make_clip, person, wave, write_manifest, write_openpose, write_toy_dataset


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        pytest.param(
            "data.img_size=abc", "data.img_size=abc; allowed: a whole number from 14 to 256", marks=pytest.mark.slow
        ),
        ("model=lstm", "Could not find 'model/lstm'"),
        ("img_size=30", "There is no key img_size; did you mean data.img_size"),
    ],
    ids=["value", "group", "key"],
)
def test_the_command_line_refuses_without_a_traceback(argument: str, message: str, tmp_path: Path) -> None:
    done = python(tmp_path, TRAIN_PY, argument)
    assert done.returncode == 1
    assert message in done.stderr
    assert "Traceback" not in done.stderr + done.stdout
    assert argument != "model=lstm" or all(name in done.stderr for name in ("lstm_vae", "vae", "ae", "pca", "gmm"))


def missing_manifest(folder: Path) -> Path:
    return folder / "nowhere.csv"


def unknown_column(folder: Path) -> Path:
    return write_manifest(folder, [], "clip,path,split,group,abnormal,label")


def missing_recording(folder: Path) -> Path:
    return write_manifest(folder, [["one", "gone", "train", "g"]])


def two_normal_clips(folder: Path) -> list[list[str]]:
    for name in "ab":
        write_clip(folder / f"{name}.npz", make_clip(wave(20)))
    return [["a", "a.npz", "train", "a"], ["b", "b.npz", "test", "b"]]


def abnormal_training(folder: Path) -> Path:
    return write_manifest(folder, [*two_normal_clips(folder), ["c", "a.npz", "train", "c", "3-9"]])


def truncated_json(folder: Path) -> Path:
    write_openpose(folder / "json", make_clip(wave(12)))
    frame = folder / "json" / "clip_000000000007_keypoints.json"
    frame.write_text(frame.read_text()[:300])
    return write_manifest(folder, [*two_normal_clips(folder), ["c", "json", "test", "b"]])


def eighteen_joints(folder: Path) -> Path:
    (folder / "json").mkdir()
    content = json.dumps({"people": [{"pose_keypoints_2d": person()[:18].flatten().tolist()}]})
    (folder / "json" / "c_000000000000_keypoints.json").write_text(content)
    return write_manifest(folder, [*two_normal_clips(folder), ["c", "json", "test", "b"]])


def short_clips(folder: Path) -> Path:
    return write_manifest(folder, two_normal_clips(folder))


def no_people_to_evaluate(folder: Path) -> Path:
    write_clip(folder / "n.npz", make_clip(np.zeros((40, 25, 3), np.float32)))
    write_clip(folder / "a.npz", make_clip(wave(40)))
    return write_manifest(folder, [["a", "a.npz", "train", "a"], ["n", "n.npz", "test", "n"]])


@pytest.mark.parametrize(
    ("manifest", "message"),
    [
        (missing_manifest, r"nowhere\.csv: cannot be read \(No such file or directory\)"),
        (
            unknown_column,
            r"manifest\.csv: unknown column 'label'; allowed are clip, path, split, group, abnormal, action",
        ),
        (missing_recording, r"manifest\.csv, line 2: clip one: .*gone does not exist"),
        (abnormal_training, r"line 4: clip c of split train has abnormal frames \(3-9\)"),
        (truncated_json, r"clip_000000000007_keypoints\.json: damaged JSON"),
        (eighteen_joints, r"18 joints where the declared layout BODY_25 has 25; set data\.pose_format\.layout=COCO_18"),
        (short_clips, r"no window of data\.seq_len=30 frames in split train.* has 20; allowed are 1 to 20"),
        (no_people_to_evaluate, "no frame of split test shows a person"),
    ],
)
def test_the_fault_in_the_data_is_named(
    manifest: Callable[[Path], Path], message: str, tmp_path: Path, compose: Compose
) -> None:
    with pytest.raises(UserError, match=message):
        run(compose("data=manifest", f"data.manifest={manifest(tmp_path)}", "model=ae", "trainer=cpu"))


def test_too_few_windows_for_a_subspace_are_named(tmp_path: Path, compose: Compose) -> None:
    manifest = write_toy_dataset(tmp_path / "task", frames=10)
    sizes = ("data.seq_len=5", "model=pca", "model.latent_dim=100")
    with pytest.raises(UserError, match=r"model\.latent_dim=100; 20 windows of 784 values allow fewer"):
        run(compose("data=manifest", f"data.manifest={manifest}", *sizes))
