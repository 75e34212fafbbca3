"""scripts/development_manifests.py leaves the test split out and keeps the labelled examples."""

import runpy
import sys
from pathlib import Path

import pytest

from hydra_config import ROOT
from skelmap.skeletons.archives import write_clip
from skelmap.skeletons.folds import deal_fold
from skelmap.skeletons.manifest import check_unique, read_manifest
from synthetic_data import make_clip, wave, write_manifest


def develop(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    monkeypatch.setattr(sys, "argv", ["development_manifests.py", *arguments])
    runpy.run_path(str(ROOT / "scripts" / "development_manifests.py"), run_name="__main__")


def write_task(folder: Path, labelled: str = "a") -> Path:
    """Normal clips of a, b, c and d, of which d is tested; the labelled recordings show one of them."""
    splits = {"a": "train", "b": "train", "c": "val", "d": "test"}
    for name in (*splits, "whole"):
        write_clip(folder / f"{name}.npz", make_clip(wave(8)))
    lines = [["a", "whole.npz", "train", labelled, "2-5"]]
    write_manifest(folder, lines).rename(folder / "examples_saw.csv")
    lines = [[name, f"{name}.npz", split, name] for name, split in splits.items()]
    return write_manifest(folder, lines).rename(folder / "manifest_saw.csv")


def test_what_is_left_can_be_dealt_into_folds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    develop(monkeypatch, str(write_task(tmp_path)), "--out", str(tmp_path / "out"))
    kept = read_manifest(tmp_path / "out/manifest_saw.csv").recordings
    examples = read_manifest(tmp_path / "out/examples_saw.csv", is_dealt=True).recordings
    assert [(r.clip, r.path) for r in kept] == [(name, tmp_path / f"{name}.npz") for name in "abc"]
    assert [(r.clip, r.path, r.abnormal) for r in examples] == [("a_labelled", tmp_path / "whole.npz", ((2, 5),))]
    check_unique("both", (*kept, *examples))
    dealt = [{r.group for r in deal_fold(kept, 3, fold, 0, examples) if r.split == "test"} for fold in range(3)]
    assert sorted(map(sorted, dealt)) == [["a"], ["b"], ["c"]]


def test_examples_of_test_people_and_the_folder_of_the_manifest_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = write_task(tmp_path, labelled="d")
    with pytest.raises(SystemExit, match=r"examples_saw\.csv: group d is in split test of .*manifest_saw\.csv"):
        develop(monkeypatch, str(manifest), "--out", str(tmp_path / "out"))
    with pytest.raises(SystemExit, match=r"manifest_saw\.csv would be overwritten; allowed is another folder"):
        develop(monkeypatch, str(manifest), "--out", str(tmp_path))
    assert not (tmp_path / "out").exists()
