"""Sweeps: names, progress, launchers, failures, interruptions."""

import csv
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra

from cli_runs import train
from hydra_config import ROOT
from skelmap.comparison.sweep import cell_folders, folder_name
from skelmap.comparison.sweep_progress import NEEDS, Count, SweepProgress, progress_line

CELLS = ("data=manifest", "data.seq_len=8", "data.stride=2", "trainer=cpu", "trainer.max_epochs=12")
FOUR = (*CELLS, "model=lstm_vae", "model.hidden_size=16", "seed=0,1", "data.img_size=14,20", "hydra.sweep.dir=sweep")
COSTS = ("train_seconds", "peak_memory_mb")


def table(folder: Path) -> list[dict[str, str]]:
    """What a sweep's study says, without what depends on the machine's load."""
    with (folder / "sweep" / "study" / "table.csv").open(newline="") as file:
        return [{key: value for key, value in row.items() if key not in COSTS} for row in csv.DictReader(file)]


@pytest.mark.parametrize(
    ("name", "cells", "keys"),
    [
        ("resolution", 63, ("model", "data.img_size", "seed")),
        ("window", 36, ("model", "data.seq_len", "seed")),
        ("latent", 72, ("model", "model.latent_dim", "seed")),
        ("width", 15, ("model.hidden_size", "seed")),
        ("grid", 162, ("data.img_size", "data.seq_len", "model.latent_dim", "model.hidden_size", "seed")),
    ],
)
def test_a_sweeps_cells_are_named_after_all_that_is_swept(name: str, cells: int, keys: tuple[str, ...]) -> None:
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        cfg = compose("train", [f"sweep={name}", "data=manifest"], return_hydra_config=True)
        folders = cell_folders(cfg)
    assert len(set(folders)) == len(folders) == cells
    assert f"{cells} cells" in (ROOT / "conf" / "sweep" / f"{name}.yaml").read_text()
    for folder in folders:
        assert folder.parent == Path("outputs/sweeps") / name
        assert {part.partition("=")[0] for part in folder.name.split(",")} == {*keys, "data"}


def test_a_long_name_still_names_every_key_and_tells_values_apart() -> None:
    cells = [
        folder_name([f"data.manifest={'folder/' * 40}{name}.csv", "seed=3", "data.img_size=28", "sweep=grid"])
        for name in ("monday", "friday")
    ]
    assert cells[0] != cells[1] and all(len(name) <= 200 for name in cells)
    for name in cells:
        assert name.startswith("data.img_size=28,data.manifest=") and name.endswith(",seed=3")
    assert folder_name(["b=1", "a=2"]) == folder_name(["a=2", "b=1"]) == "a=2,b=1"
    assert len(folder_name([f"key{i}=1" for i in range(100)])) <= 200
    assert folder_name([]) == folder_name(["launcher=joblib"]) == "defaults"


def test_time_left_is_told_by_the_cells_of_this_start() -> None:
    before = Count(12, 4, 0)
    assert progress_line(before, before, 0) == "cells: 4 of 12 done, 0 failed, 8 left; 0:00:00 passed"
    line = progress_line(Count(12, 6, 1), before, 120)
    assert line == "cells: 6 of 12 done, 1 failed, 5 left; 0:02:00 passed, about 0:05:00 left"
    assert progress_line(Count(12, 11, 1), before, 120).endswith("0 left; 0:02:00 passed")


@pytest.mark.parametrize("launcher", NEEDS)
def test_a_missing_plugin_names_its_extra(launcher: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("skelmap.comparison.sweep_progress.find_spec", lambda module: None)
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        cfg = compose("train", [f"launcher={launcher}"], return_hydra_config=True)
    with pytest.raises(SystemExit, match=rf"launcher={launcher}: .* '\.\[{NEEDS[launcher][1]}\]'"):
        SweepProgress().on_multirun_start(cfg)


def test_every_launcher_says_what_it_needs() -> None:
    assert {path.stem for path in (ROOT / "conf" / "launcher").glob("*.yaml")} == set(NEEDS)
    text = (ROOT / "pyproject.toml").read_text()
    assert all(f"\n{extra} = [" in text for _, extra in NEEDS.values())


@pytest.mark.slow
def test_the_command_line_wins_over_the_sweeps_file(task: Path, tmp_path: Path) -> None:
    manifest = (f"data.manifest={task}", "data=manifest")
    done = train(tmp_path, "sweep=width", *manifest, "seed=7", "model.hidden_size=8,9", "data.img_size=13")
    failed = sorted(path.parent.name for path in (tmp_path / "outputs/sweeps/width").glob("*/failed.txt"))
    assert ["model.hidden_size=8,seed=7" in failed[0], "model.hidden_size=9,seed=7" in failed[1]] == [True, True]
    assert len(failed) == 2 and not any("sweep" in name for name in failed)
    assert done.returncode == 1
    assert "2 of 2 cells failed, in outputs/sweeps/width:" in done.stderr
    assert f"{failed[0]}: data.img_size=13; allowed: a whole number from 14 to 256" in done.stderr


def test_no_cell_begins_where_a_manifest_is_missing(task: Path, tmp_path: Path) -> None:
    done = train(tmp_path, "-m", "data=manifest", f"data.manifest={task},{tmp_path}/b.csv,{tmp_path}/c.csv", "model=ae")
    assert done.returncode == 1 and not list(tmp_path.glob("outputs/sweeps/*/*/*/*"))
    assert done.stderr == f"data.manifest={tmp_path}/b.csv: there is no such file, nor 1 more of 3; nothing was begun\n"


def test_slurm_is_asked_for_one_job_a_cell(task: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _needs("slurm")
    (tmp_path / "bin").mkdir()
    for name, script in (("sbatch", f"cp $1 {tmp_path}/asked; exit 1"), ("srun", "exit 1")):
        (tmp_path / "bin" / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / "bin" / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    done = train(tmp_path, "-m", *FOUR, f"data.manifest={task}", "launcher=slurm", "hydra.launcher.partition=short")
    assert done.returncode == 1, "this sbatch takes no job"
    asked = (tmp_path / "asked").read_text()
    for line in ("--array=0-3%4", "--cpus-per-task=1", "--mem=8GB", "--partition=short", "--time=240", "--requeue"):
        assert f"#SBATCH {line}\n" in asked


@pytest.mark.slow
def test_ray_does_not_wait_for_a_gpu_that_is_not_there(task: Path, tmp_path: Path) -> None:
    _needs("ray")
    gpus = ("+hydra.launcher.init.num_gpus=1", "hydra.launcher.remote.num_gpus=1.5")
    done = train(tmp_path, "-m", *FOUR, f"data.manifest={task}", "launcher=ray", *gpus)
    assert done.returncode == 1
    assert "hydra.launcher.remote.num_gpus=1.5; allowed here: up to 1" in done.stderr
    assert "Traceback" not in done.stderr


def _needs(launcher: str) -> None:
    module, extra = NEEDS[launcher]
    pytest.importorskip(module, reason=f"launcher={launcher} needs the extra {extra}")


@pytest.fixture(scope="module")
def undisturbed(task: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which four cells have run one after the other."""
    folder = tmp_path_factory.mktemp("undisturbed")
    done = train(folder, "-m", *FOUR, f"data.manifest={task}")
    assert done.returncode == 0, done.stderr
    assert "cells: 4 of 4 done, 0 failed, 0 left" in done.stdout
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["joblib", "submitit_local", "ray"])
def test_a_launcher_gives_the_same_table_and_builds_each_cache_once(
    launcher: str, undisturbed: Path, task: Path, tmp_path: Path
) -> None:
    _needs(launcher)
    shares = {"ray": ("+hydra.launcher.init.num_gpus=1", "hydra.launcher.remote.num_gpus=0.5")}  # Ray only counts them
    done = train(tmp_path, "-m", *FOUR, f"data.manifest={task}", f"launcher={launcher}", *shares.get(launcher, ()))
    assert done.returncode == 0, done.stderr
    assert "cells: 4 of 4 done, 0 failed, 0 left" in done.stdout
    assert table(tmp_path) == table(undisturbed) and len(table(tmp_path)) == 4
    logs = "".join(path.read_text() for path in tmp_path.glob("sweep/*/train.log"))
    assert logs.count("cached 360 rows") == 2, "one cache a map size"


@pytest.mark.slow
@pytest.mark.parametrize("launcher", [None, "joblib"])
def test_a_killed_sweep_goes_on_to_the_same_table(
    launcher: str | None, undisturbed: Path, task: Path, tmp_path: Path
) -> None:
    if launcher:
        _needs(launcher)
    sweep = ("-m", *FOUR, f"data.manifest={task}", *([f"launcher={launcher}"] if launcher else []))
    _kill_in_the_middle(tmp_path, *sweep)
    finished = {path: path.stat().st_mtime_ns for path in tmp_path.glob("sweep/*/metrics.json")}
    begun = [path for path in tmp_path.glob("sweep/*/checkpoints/last.ckpt") if not _finished(path)]
    assert finished and begun and not (tmp_path / "sweep" / "study").exists()
    done = train(tmp_path, *sweep)
    assert done.returncode == 0, done.stderr
    assert f"cells: {len(finished)} of 4 done, 0 failed, {4 - len(finished)} left; 0:00:00 passed" in done.stdout
    assert all(path.stat().st_mtime_ns == then for path, then in finished.items()), "finished cells are left alone"
    for path in begun:
        with (path.parents[1] / "log" / "version_1" / "metrics.csv").open(newline="") as file:
            epochs = [int(row["epoch"]) for row in csv.DictReader(file) if row.get("epoch")]
        assert 0 not in epochs, "a cell goes on from its last epoch, if it had not trained them all"
    assert table(tmp_path) == table(undisturbed)


def _finished(checkpoint: Path) -> bool:
    return (checkpoint.parents[1] / "metrics.json").exists()


def _kill_in_the_middle(folder: Path, *arguments: str) -> None:
    """Kill a sweep with all its processes when one cell is over and another one has an epoch behind it."""
    sweep = subprocess.Popen(
        [sys.executable, str(ROOT / "train.py"), *arguments],
        cwd=folder,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "OMP_NUM_THREADS": "1", "HOME": str(folder)},
    )
    limit = time.monotonic() + 300
    states: set[bool] = set()
    while states != {True, False}:
        assert sweep.poll() is None and time.monotonic() < limit, "never in its middle"
        time.sleep(0.01)
        states = {_finished(path) for path in folder.glob("sweep/*/checkpoints/last.ckpt")}
    os.killpg(sweep.pid, signal.SIGKILL)
    sweep.wait()


@pytest.mark.slow
def test_a_failed_cell_among_parallel_ones_is_told_at_the_end(task: Path, tmp_path: Path) -> None:
    _needs("joblib")
    cells = ("data.img_size=20,13,28", "model=mean_map", "trainer.max_epochs=1", "hydra.sweep.dir=sweep")
    sweep = ("-m", *CELLS[:-1], *cells, f"data.manifest={task}", "launcher=joblib")
    for _ in range(2):  # started again, the failed one is tried again and told again
        done = train(tmp_path, *sweep)
        assert done.returncode == 1
        assert len(list(tmp_path.glob("sweep/*/metrics.json"))) == 2
        assert "cells: 2 of 3 done, 1 failed, 0 left" in done.stdout
        title, cell = done.stderr.splitlines()[-2:]
        assert title == "1 of 3 cells failed, in sweep:"
        assert "data.img_size=13" in cell and cell.endswith("data.img_size=13; allowed: a whole number from 14 to 256")
