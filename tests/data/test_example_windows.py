"""Windows of labelled examples beside those of a data set."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from hydra_config import Compose
from model_cases import built
from skelmap.data.datamodule import SkeletonDataModule
from skelmap.skeletons.archives import write_clip
from skelmap.utils.errors import UserError
from synthetic_data import make_clip, wave, write_toy_dataset

T = 8
LINES = ["spans,spans.npz,test,x,10-20;30-31", "whole,whole.npz,train,y,all", "normal,normal.npz,train,z,"]


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    """Recordings of 40 frames: two abnormal spans, wholly abnormal, confirmed normal."""
    for name in ("spans", "whole", "normal"):
        write_clip(tmp_path / f"{name}.npz", make_clip(wave(40, 1), name))
    path = tmp_path / "examples.csv"
    path.write_text("\n".join(["clip,path,split,group,abnormal", *LINES]) + "\n")
    return path


def data(compose: Compose, task: Path, labelled: Path, *overrides: str) -> SkeletonDataModule:
    return built(compose, task, "feature_knn", f"data.examples={labelled}", *overrides)[1]


def frames_of(data: SkeletonDataModule, starts: np.ndarray, clip: str) -> list[int]:
    """First frame of each of these windows that is in a recording."""
    names = [data.manifest.recordings[index].clip for index in data.cache.clip[starts]]
    return [int(frame) for frame, name in zip(data.cache.frame[starts], names, strict=True) if name == clip]


def test_the_middle_frame_makes_a_window_abnormal_and_no_abnormal_frame_normal(
    compose: Compose, task: Path, labelled: Path
) -> None:
    ours, plain = data(compose, task, labelled), built(compose, task, "feature_knn")[1]
    found = ours.example_windows
    assert found.number == 3
    assert frames_of(ours, found.abnormal, "spans") == [*range(6, 16), 26]
    assert frames_of(ours, found.abnormal, "whole") == list(range(33))
    assert frames_of(ours, found.normal, "spans") == [0, 1, 2, 20, 21, 22, 31, 32]
    assert frames_of(ours, found.normal, "normal") == list(range(33))
    assert len(ours.starts("train")) == len(plain.starts("train")) + 41
    assert len(ours.starts("val")) == len(plain.starts("val"))
    assert len(ours.splits.eval_index("test").starts) == len(plain.splits.eval_index("test").starts)


def test_smaller_choices_of_examples_are_part_of_larger_ones(compose: Compose, task: Path, labelled: Path) -> None:
    found = data(compose, task, labelled).example_windows
    chosen = [[set(found.choose(n, seed).example.tolist()) for n in range(4)] for seed in (0, 1, 2)]
    for choices in chosen:
        assert [len(numbers) for numbers in choices] == [0, 1, 2, 3]
        assert all(small < large for small, large in pairwise(choices))
    assert len({tuple(choices[1]) for choices in chosen}) > 1
    assert data(compose, task, labelled, "data.n_examples=1", "seed=2").example_windows.number == 1


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["data.n_examples=4"], r"examples.csv: data.n_examples=4; 3 abnormal examples have windows"),
        (["data.seq_len=50"], r"examples.csv: no labelled recording is as long as a window \(data.seq_len=50\)"),
    ],
)
def test_too_few_examples_are_refused(
    overrides: list[str], message: str, compose: Compose, task: Path, labelled: Path
) -> None:
    with pytest.raises(UserError, match=message):
        _ = data(compose, task, labelled, *overrides).example_windows


def test_a_number_without_examples_is_refused(compose: Compose, task: Path) -> None:
    with pytest.raises(UserError, match=r"data.n_examples=2 without data.examples"):
        _ = built(compose, task, "feature_knn", "data.n_examples=2")[1].example_windows


@pytest.mark.parametrize("split", ["test", "val"])
def test_judged_recordings_are_refused_as_examples(split: str, compose: Compose, tmp_path: Path) -> None:
    task, path = write_toy_dataset(tmp_path), tmp_path / "examples.csv"
    name = {"test": "test_abnormal", "val": "val"}[split]
    path.write_text(f"clip,path,split,group,abnormal\nmine,{name}.npz,train,x,all\n")
    with pytest.raises(UserError, match=rf"examples.csv: clip mine: .*{name}.npz is also clip {name} of split {split}"):
        data(compose, task, path)


def test_examples_of_the_people_of_a_fold_are_tested_and_those_of_others_are_examples(
    compose: Compose, task: Path, labelled: Path
) -> None:
    tested = []
    for fold in range(3):
        dealt = data(compose, task, labelled, "data.folds=3", f"data.fold={fold}")
        clips = {split: {r.clip for r in dealt.manifest.split(split)} for split in ("test", "example")}
        assert clips["example"] == {"spans", "whole", "normal"} - clips["test"]
        assert dealt.example_windows.number == sum({"spans": 2, "whole": 1}.get(clip, 0) for clip in clips["example"])
        tested += clips["test"]
    assert len(tested) == len(set(tested)) == 9
    labelled.write_text(labelled.read_text() + f"twice,{task.parent}/train_a.npz,train,a,\n")
    with pytest.raises(UserError, match=rf"{task} and {labelled}: .*train_a.npz appears twice"):
        data(compose, task, labelled, "data.folds=3")
