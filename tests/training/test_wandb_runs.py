"""W&B without a server: each run of a sweep is a complete W&B run, and is closed even if it fails."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from omegaconf import OmegaConf

from cli_runs import train
from hydra_config import ROOT
from wandb_offline import OfflineRun
from wandb_sweep_agent import agent_command, agent_environment

pytest.importorskip("wandb")
pytestmark = pytest.mark.slow
QUICK = ("data=manifest", "data.seq_len=8", "trainer=cpu", "trainer.max_epochs=1", "logger=wandb")


def read_runs(folder: Path) -> dict[str, OfflineRun]:
    """Read the W&B runs of the only sweep below a folder, by the name of the run folder."""
    runs = {}
    for run_folder in folder.glob("outputs/sweeps/*/*/*+*"):
        (offline,) = run_folder.glob("wandb/offline-run-*")
        runs[run_folder.name] = OfflineRun(offline)
    return runs


def assert_complete(folder: Path, run: OfflineRun) -> None:
    """Check that the W&B run has the results of the run folder."""
    metrics, logged = json.loads((folder / "metrics.json").read_text()), run.last()
    assert logged["test/auroc"] == metrics["auroc"] and logged["val/best_loss"] == metrics["val_loss"]
    assert {"train/loss", "val/loss", "val/active_units"} <= set(logged)
    assert ("val/kl" in logged) == (run.job_type == "vae")
    figures = {path.stem for path in (folder / "figures").glob("*.png")}
    assert {"scores", "reconstructions", "roc"} <= figures
    assert {key.split("/")[1].split(".")[0] for key in logged if key.startswith("figures/")} == figures
    assert [kind for kind, _ in run.artifacts].count("report") == 1
    for curve, ends in (("roc", ([0, 0], [1, 1])), ("precision_recall", (None, [1, metrics["base_rate"]]))):
        table: dict[str, Any] = json.loads((run.files / logged[f"test/{curve}_table.path"]).read_text())
        assert 2 < len(table["data"]) <= 310
        assert table["data"][-1][:2] == pytest.approx(ends[1])
        assert ends[0] is None or table["data"][0][:2] == ends[0]


def leaves(node: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Flatten a configuration to keys with slashes."""
    for key, value in node.items():
        if OmegaConf.is_dict(value):
            yield from leaves(value, f"{prefix}{key}/")
        else:
            yield f"{prefix}{key}", value


def count_runs_to_sync(sweep: Path) -> int:
    """Count the runs that `wandb sync` finds."""
    folders = [str(path) for path in sweep.glob("*/wandb/offline-run-*")]
    command = [sys.executable, "-m", "wandb", "sync", "--dry-run", *folders]
    environment = {**os.environ, "HOME": str(sweep)}
    done = subprocess.run(command, capture_output=True, text=True, cwd=sweep, env=environment)
    return done.stderr.count(".wandb")


def test_a_sweep_of_four_runs_can_be_synced(task: Path, tmp_path: Path) -> None:
    done = train(tmp_path, "-m", *QUICK, "model=ae,vae", "data.img_size=20,28", f"data.manifest={task}")
    assert done.returncode == 0, done.stderr
    (sweep,) = tmp_path.glob("outputs/sweeps/*/*")
    runs = read_runs(tmp_path)
    assert len(runs) == 4
    for name, run in runs.items():
        assert run.exit_code == 0 and run.group == sweep.name and f"model-{run.job_type}" in name
        assert run.name[:100] == name[:100] and len(run.name) <= 128
        config = {key: value for key, value in run.config.items() if not key.startswith("_wandb")}
        assert not [key for key, value in config.items() if isinstance(value, dict)]
        saved = OmegaConf.load(sweep / name / "config.yaml")
        assert config == {key: OmegaConf.to_object(v) if OmegaConf.is_config(v) else v for key, v in leaves(saved)}
        assert_complete(sweep / name, run)
    assert {(run.job_type, run.config["data/img_size"]) for run in runs.values()} == {
        (model, size) for model in ("ae", "vae") for size in (20, 28)
    }
    assert len({run.name for run in runs.values()}) == 4
    assert "wandb sync" in done.stdout
    assert count_runs_to_sync(sweep) == 4


def test_a_failed_run_is_closed_and_the_next_is_a_new_one(task: Path, tmp_path: Path) -> None:
    shares = "+trainer.limit_train_batches=0.0001,1.0"  # Lightning refuses the first when training starts
    done = train(tmp_path, "-m", *QUICK, "model=ae", shares, f"data.manifest={task}")
    assert done.returncode == 1 and "1 of 2 runs failed" in done.stderr
    runs = read_runs(tmp_path)
    (failed,) = (run for name, run in runs.items() if "batches-0.0001" in name)
    (good,) = (run for name, run in runs.items() if "batches-1.0" in name)
    assert failed.exit_code == 1 and good.exit_code == 0
    assert failed.config["trainer/limit_train_batches"] == 0.0001
    assert good.config["trainer/limit_train_batches"] == 1.0
    assert "test/auroc" not in failed.last() and failed.artifacts == []
    assert "test/auroc" in good.last()


def test_an_interrupted_run_continues_as_the_same_wandb_run(task: Path, tmp_path: Path) -> None:
    words = (*QUICK, "model=ae", f"data.manifest={task}", "hydra.run.dir=run")
    stopping = (*words, "+callbacks.stop._target_=stop_here.Stop")
    (tmp_path / "stop_here.py").write_text(
        "import os, pytorch_lightning as pl\nclass Stop(pl.Callback):\n"
        "    def on_predict_start(self, *args):\n        assert os.path.exists('go')\n"
    )
    assert train(tmp_path, *stopping).returncode == 1
    (tmp_path / "go").touch()
    done = train(tmp_path, *stopping)
    assert done.returncode == 0, done.stderr
    first, second = sorted((tmp_path / "run" / "wandb").glob("offline-run-*"))
    assert first.name.rpartition("-")[2] == second.name.rpartition("-")[2]
    assert "test/auroc" in OfflineRun(second).last()


def test_a_run_that_fails_before_training_opens_no_wandb_run(task: Path, tmp_path: Path) -> None:
    accelerators = "trainer.accelerator=nonsense,cpu"
    done = train(tmp_path, "-m", *QUICK, "model=mean_template", accelerators, f"data.manifest={task}")
    assert done.returncode == 1 and "1 of 2 runs failed" in done.stderr
    folders = tmp_path.glob("outputs/sweeps/*/*/*+*")
    opened = {folder.name: len(list(folder.glob("wandb/offline-run-*"))) for folder in folders}
    assert {("nonsense" in name): count for name, count in opened.items()} == {True: 0, False: 1}


def test_a_run_of_an_agent_keeps_the_values_of_the_sweep(task: Path, tmp_path: Path) -> None:
    """The run is started as W&B's agent does it; only the server is missing."""
    sweep = yaml.safe_load((ROOT / "conf" / "wandb" / "resolution.yaml").read_text())
    values = {"model": "ae", "data.img_size": 14, "seed": 2}
    command = [*agent_command({**sweep, "program": str(ROOT / "train.py")}, values), *QUICK, f"data.manifest={task}"]
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith("WANDB_")},
        **agent_environment(tmp_path, "a_sweep", "a_run", values),
        **{"WANDB_MODE": "offline", "OMP_NUM_THREADS": "1", "HOME": str(tmp_path)},
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    (folder,) = tmp_path.glob("outputs/runs/*/*_ae")
    (offline,) = folder.glob("wandb/offline-run-*-a_run")
    run = OfflineRun(offline)
    assert (run.sweep, run.name, run.group, run.job_type, run.exit_code) == ("a_sweep", folder.name, "", "ae", 0)
    assert {key: run.config[key] for key in values} == values  # as set by the sweep
    assert (run.config["data/img_size"], run.config["seed"]) == (14, 2)  # as in the run's configuration
    assert_complete(folder, run)
