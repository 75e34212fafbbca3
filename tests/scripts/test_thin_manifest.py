"""scripts/thin_manifest.py keeps every n-th clip of one split."""

import runpy
import sys
from pathlib import Path

import pytest

from hydra_config import ROOT
from skelmap.skeletons.archives import write_clip
from skelmap.skeletons.manifest import read_manifest
from synthetic_data import make_clip, wave, write_manifest


def thin(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    monkeypatch.setattr(sys, "argv", ["thin_manifest.py", *arguments])
    runpy.run_path(str(ROOT / "scripts" / "thin_manifest.py"), run_name="__main__")


def test_normal_and_abnormal_clips_are_thinned_separately(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [[f"train{i}", f"train{i}.npz", "train", "t"] for i in range(4)]
    marks = (("n", ""), ("x", "all"))
    lines += [[f"{kind}{i}", f"{kind}{i}.npz", "test", "u", mark] for i in range(7) for kind, mark in marks]
    for line in lines:
        write_clip(tmp_path / line[1], make_clip(wave(2)))
    source = write_manifest(tmp_path, lines)
    out = tmp_path / "deep" / "thin.csv"
    thin(monkeypatch, str(source), str(out), "--every", "3")
    kept = read_manifest(out).recordings
    assert [r.clip for r in kept if r.split == "train"] == [f"train{i}" for i in range(4)]
    assert [r.clip for r in kept if r.split == "test"] == ["n0", "x0", "n3", "x3", "n6", "x6"]
    assert all(r.path == (tmp_path / f"{r.clip}.npz").resolve() for r in kept)
    assert [r.abnormal for r in kept if r.split == "test"] == [(), None] * 3


def test_every_1_keeps_all_clips_and_a_missing_manifest_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in "ab":
        write_clip(tmp_path / f"{name}.npz", make_clip(wave(2)))
    source = write_manifest(tmp_path, [[name, f"{name}.npz", "test", "g"] for name in "ab"])
    thin(monkeypatch, str(source), str(tmp_path / "all.csv"), "--every", "1")
    assert len(read_manifest(tmp_path / "all.csv").recordings) == 2
    with pytest.raises(SystemExit, match=r"nowhere\.csv"):
        thin(monkeypatch, "nowhere.csv", str(tmp_path / "out.csv"), "--every", "2")
