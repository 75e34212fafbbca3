"""What runs leave for W&B without a server: one run a cell, complete, closed whatever happens."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from omegaconf import OmegaConf

from cli_runs import train
from hydra_config import ROOT
from wandb_offline import OfflineRun

pytest.importorskip("wandb")
pytestmark = pytest.mark.slow
QUICK = ("data=manifest", "data.seq_len=8", "trainer=cpu", "trainer.max_epochs=1", "logger=wandb")


def runs(folder: Path) -> dict[str, OfflineRun]:
    """Read the cells of the only sweep below a folder; each has one run."""
    found = {}
    for cell in folder.glob("outputs/sweeps/*/*/*=*"):
        (offline,) = cell.glob("wandb/offline-run-*")
        found[cell.name] = OfflineRun(offline)
    return found


def assert_complete(cell: Path, run: OfflineRun) -> None:
    """The run says what the cell's folder says."""
    numbers, logged = json.loads((cell / "metrics.json").read_text()), run.last()
    assert logged["test/auroc"] == numbers["auroc"] and logged["val/best_loss"] == numbers["val_loss"]
    assert {"train/loss", "val/loss", "val/active_units"} <= set(logged)
    assert ("val/kl" in logged) == (run.job_type == "vae")
    shown = {path.stem for path in (cell / "figures").glob("*.png")}
    assert {"scores", "reconstructions", "roc"} <= shown
    assert {key.split("/")[1].split(".")[0] for key in logged if key.startswith("figures/")} == shown
    assert [kind for kind, _ in run.artifacts].count("report") == 1
    for curve, ends in (("roc", ([0, 0], [1, 1])), ("precision_recall", (None, [1, numbers["base_rate"]]))):
        table: dict[str, Any] = json.loads((run.files / logged[f"test/{curve}_table.path"]).read_text())
        assert 2 < len(table["data"]) <= 310
        assert table["data"][-1][:2] == pytest.approx(ends[1])
        assert ends[0] is None or table["data"][0][:2] == ends[0]


def test_a_sweep_of_four_cells_leaves_four_runs_that_can_be_synced(task: Path, tmp_path: Path) -> None:
    done = train(tmp_path, "-m", *QUICK, "model=ae,vae", "data.img_size=20,28", f"data.manifest={task}")
    assert done.returncode == 0, done.stderr
    (sweep,) = tmp_path.glob("outputs/sweeps/*/*")
    cells = runs(tmp_path)
    assert len(cells) == 4
    for name, run in cells.items():
        assert run.exit_code == 0 and run.group == sweep.name and f"model={run.job_type}" in name
        assert run.name[:100] == name[:100] and len(run.name) <= 128
        config = {key: value for key, value in run.config.items() if not key.startswith("_wandb")}
        assert not [key for key, value in config.items() if isinstance(value, dict)]
        kept = OmegaConf.load(sweep / name / "config.yaml")
        assert config == {key: OmegaConf.to_object(v) if OmegaConf.is_config(v) else v for key, v in leaves(kept)}
        assert_complete(sweep / name, run)
    assert {(r.job_type, r.config["data/img_size"]) for r in cells.values()} == {
        (model, size) for model in ("ae", "vae") for size in (20, 28)
    }
    assert len({run.name for run in cells.values()}) == 4
    assert "wandb sync" in done.stdout
    assert would_sync(sweep) == 4


def leaves(node: Any, prefix: str = "") -> Any:
    for key, value in node.items():
        if OmegaConf.is_dict(value):
            yield from leaves(value, f"{prefix}{key}/")
        else:
            yield f"{prefix}{key}", value


def would_sync(sweep: Path) -> int:
    """Ask W&B's own command how many runs it finds."""
    folders = [str(p) for p in sweep.glob("*/wandb/offline-run-*")]
    command = [sys.executable, "-m", "wandb", "sync", "--dry-run", *folders]
    said = subprocess.run(command, capture_output=True, text=True, cwd=sweep, env={**os.environ, "HOME": str(sweep)})
    return said.stderr.count(".wandb")


def test_a_failing_cell_is_closed_and_the_next_has_a_run_of_its_own(task: Path, tmp_path: Path) -> None:
    monitors = "callbacks.checkpoint.monitor=nothing,val/loss"
    done = train(tmp_path, "-m", *QUICK, "model=ae", monitors, f"data.manifest={task}")
    assert done.returncode == 1 and "1 of 2 runs failed" in done.stderr
    cells = runs(tmp_path)
    (failed,) = (run for name, run in cells.items() if "monitor=nothing" in name)
    (good,) = (run for name, run in cells.items() if "monitor=val_loss" in name)
    assert failed.exit_code == 1 and good.exit_code == 0
    assert failed.config["callbacks/checkpoint/monitor"] == "nothing"
    assert good.config["callbacks/checkpoint/monitor"] == "val/loss"
    assert "test/auroc" not in failed.last() and failed.artifacts == []
    assert "test/auroc" in good.last()


def test_a_cell_that_fails_before_anything_is_logged_opens_no_run(task: Path, tmp_path: Path) -> None:
    accelerators = "trainer.accelerator=nonsense,cpu"
    done = train(tmp_path, "-m", *QUICK, "model=mean_template", accelerators, f"data.manifest={task}")
    assert done.returncode == 1 and "1 of 2 runs failed" in done.stderr
    opened = {
        cell.name: len(list(cell.glob("wandb/offline-run-*"))) for cell in tmp_path.glob("outputs/sweeps/*/*/*=*")
    }
    assert {("nonsense" in name): count for name, count in opened.items()} == {True: 0, False: 1}


def test_a_cell_of_an_agent_keeps_the_sweep_s_values_and_is_closed(
    task: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """W&B's own agent starts the cell; only the server's order to do so is invented."""
    from wandb.wandb_agent import Agent

    for key in ("WANDB_RUN_ID", "WANDB_SWEEP_PARAM_PATH"):
        monkeypatch.setenv(key, "x")  # so that monkeypatch takes back what the agent sets
    surroundings = {"WANDB_DIR": tmp_path, "WANDB_SWEEP_ID": "a_sweep", "WANDB_MODE": "offline", "OMP_NUM_THREADS": 1}
    for key, value in surroundings.items():
        monkeypatch.setenv(key, str(value))
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.chdir(tmp_path)
    sweep = yaml.safe_load((ROOT / "conf" / "wandb" / "resolution.yaml").read_text())
    agent = Agent(api=None, queue=None, sweep_id="a_sweep")
    agent._sweep_command = [*sweep["command"], *QUICK, f"data.manifest={task}"]
    values = {"model": "ae", "data.img_size": 14, "seed": 2}
    args = {key: {"value": value} for key, value in values.items()}
    agent._process_command({"type": "run", "run_id": "a_run", "program": str(ROOT / "train.py"), "args": args})
    assert agent._run_processes["a_run"].wait(timeout=300) == 0
    (cell,) = tmp_path.glob("outputs/runs/*/*_ae")
    (folder,) = cell.glob("wandb/offline-run-*-a_run")
    run = OfflineRun(folder)
    assert (run.sweep, run.name, run.group, run.job_type, run.exit_code) == ("a_sweep", cell.name, "", "ae", 0)
    assert {key: run.config[key] for key in values} == values  # as the sweep set them
    assert (run.config["data/img_size"], run.config["seed"]) == (14, 2)  # as the run saw them
    assert_complete(cell, run)
