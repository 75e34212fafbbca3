"""The counter of evaluations of the test recordings."""

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from skelmap.data.datamodule import SkeletonDataModule
from skelmap.training.evaluation_counter import COUNTER, count_evaluation


@pytest.fixture
def data(task: Path, tmp_path: Path) -> SkeletonDataModule:
    shutil.copytree(task.parent, tmp_path / "task", ignore=shutil.ignore_patterns(COUNTER))
    return SkeletonDataModule(tmp_path / "task" / "manifest.csv", tmp_path / "cache", seq_len=8)


def test_each_configuration_counts_once(data: SkeletonDataModule) -> None:
    assert count_evaluation(data, {"seed": 0, "train": True}, "KNN") == 1
    again = {"seed": 0, "train": False, "ckpt_path": "x/best.ckpt", "paths": {"output_dir": "other"}}
    assert count_evaluation(data, again, "KNN") == 1
    assert count_evaluation(data, {"seed": 1}, "KNN") == 2
    content = json.loads((data.manifest.path.parent / COUNTER).read_text())
    (counted,) = content.values()
    assert counted["clips"] == 3 and {entry["model"] for entry in counted["runs"].values()} == {"KNN"}


def test_other_test_recordings_have_a_count_of_their_own(data: SkeletonDataModule, tmp_path: Path) -> None:
    count_evaluation(data, {"seed": 0}, "KNN")
    text = data.manifest.path.read_text()
    data.manifest.path.write_text("".join(line for line in text.splitlines(True) if "test_normal" not in line))
    fewer = SkeletonDataModule(data.manifest.path, tmp_path / "cache", seq_len=8)
    assert count_evaluation(fewer, {"seed": 0}, "KNN") == 1


def test_concurrent_runs_are_all_counted(data: SkeletonDataModule) -> None:
    with ThreadPoolExecutor(4) as pool:
        counts = list(pool.map(lambda seed: count_evaluation(data, {"seed": seed}, "KNN"), range(8)))
    assert sorted(counts) == list(range(1, 9))


def test_a_folder_without_write_permission_is_left_alone(
    data: SkeletonDataModule, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = data.manifest.path.parent
    folder.chmod(0o555)
    try:
        assert count_evaluation(data, {"seed": 0}, "KNN") == 1
        assert not (folder / COUNTER).exists() and (tmp_path / "cache" / COUNTER).exists()
        (tmp_path / "cache" / COUNTER).write_text("{")
        assert count_evaluation(data, {"seed": 0}, "KNN") is None
        assert "is not counted (" in caplog.text and "damaged JSON" in caplog.text
    finally:
        folder.chmod(0o755)
