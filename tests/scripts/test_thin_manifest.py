"""scripts/thin_manifest.py keeps every n-th clip of one split."""

import runpy
import sys
from pathlib import Path

import pytest

from composing import ROOT
from invented import clip_of, wave, write_manifest
from skelmap.poses import read_manifest, write_clip


def thin(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    monkeypatch.setattr(sys, "argv", ["thin_manifest.py", *arguments])
    runpy.run_path(str(ROOT / "scripts" / "thin_manifest.py"), run_name="__main__")


def test_normal_and_abnormal_clips_are_thinned_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in "ab":
        write_clip(tmp_path / f"{name}.npz", clip_of(wave(20)))
    lines = [[f"train{i}", "a.npz", "train", "t"] for i in range(4)]
    lines += [[f"{kind}{i}", "b.npz", "test", "u", mark] for i in range(7) for kind, mark in (("n", ""), ("x", "all"))]
    source = write_manifest(tmp_path, lines)
    out = tmp_path / "deep" / "thin.csv"
    thin(monkeypatch, str(source), str(out), "--every", "3")
    kept = read_manifest(out).recordings
    assert [r.clip for r in kept if r.split == "train"] == [f"train{i}" for i in range(4)]
    assert [r.clip for r in kept if r.split == "test"] == ["n0", "x0", "n3", "x3", "n6", "x6"]
    assert {r.path for r in kept if r.split == "test"} == {(tmp_path / "b.npz").resolve()}
    assert [r.abnormal for r in kept if r.split == "test"] == [(), None] * 3


def test_every_clip_may_be_kept_and_a_missing_manifest_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_clip(tmp_path / "a.npz", clip_of(wave(20)))
    source = write_manifest(tmp_path, [["a", "a.npz", "test", "g"], ["b", "a.npz", "test", "g"]])
    thin(monkeypatch, str(source), str(tmp_path / "all.csv"), "--every", "1")
    assert len(read_manifest(tmp_path / "all.csv").recordings) == 2
    with pytest.raises(SystemExit, match=r"nowhere\.csv"):
        thin(monkeypatch, "nowhere.csv", str(tmp_path / "out.csv"), "--every", "2")
