"""The run directory: resolved configuration, versions, finished or failed."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from hydra_config import ROOT, Compose
from skelmap.training import run_dir
from skelmap.training.config_check import resolve
from skelmap.utils.errors import UserError

MANIFEST = ("data=manifest", "data.manifest=x.csv")


@pytest.fixture
def config(compose: Compose) -> dict[str, Any]:
    """Resolved configuration of a run in tmp_path/run."""
    return resolve(compose(*MANIFEST))


def test_the_configuration_is_written_resolved(compose: Compose, tmp_path: Path) -> None:
    config = resolve(compose(*MANIFEST, "data.seq_len=12", "seed=3"))
    run_dir.prepare_folder(tmp_path / "run", config)
    text = (tmp_path / "run" / "config.yaml").read_text()
    assert "${" not in text
    written = yaml.safe_load(text)
    assert (written["data"]["seq_len"], written["data"]["seed"], written["data"]["manifest"]) == (12, 3, "x.csv")
    assert written == config and text == run_dir.config_yaml(config)


def test_secrets_are_not_written(config: dict[str, Any]) -> None:
    assert "hunter2" not in run_dir.config_yaml({**config, "note": "rtsp://me:hunter2@camera/"})


def test_versions_are_written(config: dict[str, Any], tmp_path: Path) -> None:
    run_dir.prepare_folder(tmp_path / "run", config)
    versions = json.loads((tmp_path / "run" / "versions.json").read_text())
    assert versions["torch"] == torch.__version__.split("+")[0] or versions["torch"] == torch.__version__
    assert {"skelmap", "python", "machine", "git", "numpy", "opencv-python-headless"} <= versions.keys()


def test_the_git_revision_is_that_of_the_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    head = subprocess.run(["git", "-C", str(ROOT), "rev-parse", "HEAD"], capture_output=True, text=True)
    if head.returncode:
        pytest.skip("the tests do not run in a git checkout")
    monkeypatch.chdir(tmp_path)
    assert run_dir.git_revision().removesuffix("-dirty") in head.stdout


def test_without_git_there_is_no_revision(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert run_dir.git_revision() == "not a git checkout"


def test_finished_means_the_same_configuration_and_whole_metrics(
    config: dict[str, Any], compose: Compose, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    assert run_dir.finished_metrics(folder, config) is None
    run_dir.prepare_folder(folder, config)
    assert run_dir.finished_metrics(folder, config) is None
    (folder / "metrics.json").write_text('{"auroc": 0.5}')
    assert run_dir.finished_metrics(folder, config) == {"auroc": 0.5}
    with pytest.raises(UserError, match=r"holds the results of another configuration, data\.manifest=x\.csv and not y"):
        run_dir.finished_metrics(folder, resolve(compose(*MANIFEST, "data.manifest=y.csv")))
    (folder / "metrics.json").write_text('{"auroc": 0.')
    assert run_dir.finished_metrics(folder, config) is None


@pytest.mark.parametrize("other", ["logger=tensorboard", "~callbacks.progress", "paths.cache_dir=elsewhere"])
def test_a_moved_folder_is_finished_with_other_loggers_and_paths(
    config: dict[str, Any], compose: Compose, tmp_path: Path, other: str
) -> None:
    run_dir.prepare_folder(tmp_path / "run", config)
    (tmp_path / "run" / "metrics.json").write_text('{"auroc": 0.5}')
    moved = (tmp_path / "run").rename(tmp_path / "moved")
    assert run_dir.finished_metrics(moved, resolve(compose(*MANIFEST, other, run=moved))) == {"auroc": 0.5}
    with pytest.raises(UserError, match=r"another configuration, model.beta=1.0 and not 2"):
        run_dir.finished_metrics(moved, resolve(compose(*MANIFEST, other, "model.beta=2", run=moved)))


def test_a_folder_whose_name_occurs_in_a_value_hides_no_change(
    compose: Compose, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run_dir.prepare_folder(Path("e"), resolve(compose(*MANIFEST, run=Path("e"))))
    (tmp_path / "e" / "metrics.json").write_text('{"auroc": 0.5}')
    with pytest.raises(UserError, match=r"another configuration, model.score=recon_error and not bce"):
        run_dir.finished_metrics(Path("e"), resolve(compose(*MANIFEST, "model.score=bce", run=Path("e"))))


def test_a_failure_is_recorded_until_the_next_start(config: dict[str, Any], tmp_path: Path) -> None:
    run_dir.record_failure(tmp_path / "run", UserError("data.img_size=13"))
    assert (tmp_path / "run" / "failed.txt").read_text() == "data.img_size=13"
    run_dir.record_failure(tmp_path / "run", ValueError("a bug"))
    assert "ValueError: a bug" in (tmp_path / "run" / "failed.txt").read_text()
    run_dir.prepare_folder(tmp_path / "run", config)
    assert not (tmp_path / "run" / "failed.txt").exists()


def test_a_folder_that_cannot_be_written_is_named(config: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(UserError, match=r"file/run: the run directory cannot be written"):
        run_dir.prepare_folder(tmp_path / "file" / "run", config)
