"""A run's folder says what the run was made from."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import OmegaConf

from hydra_config import ROOT, Compose
from skelmap.training import run_dir
from skelmap.utils.errors import UserError


def test_the_configuration_is_written_resolved(compose: Compose, tmp_path: Path) -> None:
    cfg = compose("data=manifest", "data.manifest=x.csv", "data.seq_len=12")
    run_dir.write(tmp_path / "run", cfg)
    text = (tmp_path / "run" / "config.yaml").read_text()
    assert "${" not in text
    saved = OmegaConf.create(text)
    assert (saved.model.seq_len, saved.data.window, saved.data.manifest) == (12, 12, "x.csv")
    assert OmegaConf.to_container(saved) == run_dir.plain(cfg)


def test_versions_name_what_numbers_depend_on(tmp_path: Path, compose: Compose) -> None:
    run_dir.write(tmp_path / "run", compose("data=manifest", "data.manifest=x.csv"))
    versions = json.loads((tmp_path / "run" / "versions.json").read_text())
    assert versions["torch"] == torch.__version__.split("+")[0] or versions["torch"] == torch.__version__
    assert {"skelmap", "python", "machine", "git", "numpy", "opencv-python-headless"} <= versions.keys()


def test_the_git_revision_is_that_of_the_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    head = subprocess.run(["git", "-C", str(ROOT), "rev-parse", "HEAD"], capture_output=True, text=True)
    if head.returncode:
        pytest.skip("the tests do not run in a git checkout")
    monkeypatch.chdir(tmp_path)
    assert run_dir.git_revision().removesuffix("-dirty") in head.stdout


def test_outside_a_git_checkout_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_dir, "__file__", str(tmp_path / "provenance.py"))
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert run_dir.git_revision() == "not a git checkout"


def test_finished_means_the_same_configuration_and_metrics(compose: Compose, tmp_path: Path) -> None:
    cfg, folder = compose("data=manifest", "data.manifest=x.csv"), tmp_path / "run"
    assert run_dir.finished(folder, cfg) is None
    run_dir.write(folder, cfg)
    assert run_dir.finished(folder, cfg) is None
    (folder / "metrics.json").write_text('{"auroc": 0.5}')
    assert run_dir.finished(folder, cfg) == {"auroc": 0.5}
    with pytest.raises(UserError, match=r"holds the results of another configuration, data\.manifest=x\.csv and not y"):
        run_dir.finished(folder, compose("data=manifest", "data.manifest=y.csv"))
    (folder / "metrics.json").write_text('{"auroc": 0.')
    assert run_dir.finished(folder, cfg) is None


@pytest.mark.parametrize("other", ["logger=tensorboard", "~callbacks.progress", "paths.cache_dir=elsewhere"])
def test_a_folder_may_be_moved_and_its_results_told_elsewhere(compose: Compose, tmp_path: Path, other: str) -> None:
    words = ("data=manifest", "data.manifest=x.csv")
    run_dir.write(tmp_path / "run", compose(*words))
    (tmp_path / "run" / "metrics.json").write_text('{"auroc": 0.5}')
    (tmp_path / "run").rename(tmp_path / "moved")
    assert run_dir.finished(tmp_path / "moved", compose(*words, other, run=tmp_path / "moved")) == {"auroc": 0.5}
    with pytest.raises(UserError, match=r"another configuration, model.beta=1.0 and not 2"):
        run_dir.finished(tmp_path / "moved", compose(*words, other, "model.beta=2", run=tmp_path / "moved"))


def test_a_folder_s_name_within_a_value_hides_no_change(compose: Compose, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    words = ("data=manifest", "data.manifest=x.csv", "model=lstm_vae")
    run_dir.write(Path("e"), compose(*words, run=Path("e")))
    (tmp_path / "e" / "metrics.json").write_text('{"auroc": 0.5}')
    with pytest.raises(UserError, match=r"another configuration, model.score=recon_error and not bce"):
        run_dir.finished(Path("e"), compose(*words, "model.score=bce", run=Path("e")))


def test_a_failure_leaves_its_cause_and_the_next_start_takes_it_away(compose: Compose, tmp_path: Path) -> None:
    run_dir.record_failure(tmp_path / "run", UserError("data.img_size=13"))
    assert (tmp_path / "run" / "failed.txt").read_text() == "data.img_size=13"
    run_dir.record_failure(tmp_path / "run", ValueError("a bug"))
    assert "ValueError: a bug" in (tmp_path / "run" / "failed.txt").read_text()
    run_dir.write(tmp_path / "run", compose("data=manifest", "data.manifest=x.csv"))
    assert not (tmp_path / "run" / "failed.txt").exists()
