"""scripts/fold_manifests.py assigns people to folds and leaves the test split out."""

import runpy
import sys
from pathlib import Path

import pytest

from hydra_config import ROOT
from skelmap.skeletons.archives import write_clip
from skelmap.skeletons.manifest import Manifest, read_manifest
from synthetic_data import make_clip, wave, write_manifest

TASKS = ("saw", "dig")
SPLITS = {"a": "train", "b": "train", "c": "val", "d": "train", "e": "train", "f": "train", "g": "test"}


def fold(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    monkeypatch.setattr(sys, "argv", ["fold_manifests.py", *arguments])
    runpy.run_path(str(ROOT / "scripts" / "fold_manifests.py"), run_name="__main__")


@pytest.fixture
def manifests(tmp_path: Path) -> list[str]:
    """Two tasks of the same seven people; g is in the test split."""
    for task in TASKS:
        for person in SPLITS:
            write_clip(tmp_path / f"{task}_{person}.npz", make_clip(wave(2)))
    written = []
    for task in TASKS:
        lines = [[f"{task}_{p}", f"{task}_{p}.npz", split, p] for p, split in SPLITS.items()]
        lines += [[f"{other}_g", f"{other}_g.npz", "test", "g", "all"] for other in TASKS if other != task]
        written.append(str(write_manifest(tmp_path, lines).rename(tmp_path / f"{task}.csv")))
    return written


def folds_of(folder: Path, task: str) -> list[Manifest]:
    return [read_manifest(path) for path in sorted(folder.glob(f"fold*/{task}.csv"))]


def test_every_development_person_is_tested_once_with_all_tasks(
    manifests: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fold(monkeypatch, *manifests, "--out", str(tmp_path / "out"))
    for task in TASKS:
        folds = folds_of(tmp_path / "out", task)
        assert len(folds) == 3
        tested = [sorted({r.group for r in one.split("test")}) for one in folds]
        assert sorted(person for people in tested for person in people) == list("abcdef")
        for one, people in zip(folds, tested, strict=True):
            assert {r.clip for r in one.split("test")} == {f"{other}_{p}" for other in TASKS for p in people}
            assert all((r.abnormal == ()) == r.clip.startswith(task) for r in one.recordings)
            assert {r.group for r in one.recordings} == set("abcdef")
            assert len({r.group for r in one.split("val")}) == 1 and len(one.split("train")) == 3
            assert all(r.path == (tmp_path / f"{r.clip}.npz").resolve() for r in one.recordings)


def test_the_seed_determines_the_folds(manifests: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for out, seed in (("one", "1"), ("again", "1"), ("other", "2")):
        fold(monkeypatch, *manifests, "--out", str(tmp_path / out), "--seed", seed)
    one, again, other = (
        [path.read_text() for path in sorted((tmp_path / out).glob("fold*/*.csv"))] for out in ("one", "again", "other")
    )
    assert one == again != other


def test_wrong_arguments_are_refused(manifests: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = ("--out", str(tmp_path / "out"))
    with pytest.raises(SystemExit, match=r"--folds 4; allowed with 6 people: 2 to 3"):
        fold(monkeypatch, *manifests, *out, "--folds", "4")
    with pytest.raises(SystemExit, match=r"add those of other tasks"):
        fold(monkeypatch, manifests[0], *out)
    mixed = tmp_path / "mixed.csv"
    mixed.write_text(Path(manifests[0]).read_text().replace(",test,", ",TEST,").replace(",train,", ",test,"))
    mixed.write_text(mixed.read_text().replace(",TEST,", ",train,").replace(",all", ","))
    with pytest.raises(SystemExit, match=r"test group g is a training group of .*mixed.csv"):
        fold(monkeypatch, manifests[1], str(mixed), *out)
    assert not (tmp_path / "out").exists()
