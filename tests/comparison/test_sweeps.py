"""Sweeps: folder names, progress, launchers, failures, interruptions."""

import csv
import os
import shlex
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig

from cli_runs import TRAIN_PY, python, start_python, train
from hydra_config import ROOT
from skelmap.comparison.sweep import folder_name, parse_override, run_folders, run_overrides
from skelmap.comparison.sweep_progress import LAUNCHER_PACKAGES, RunCounts, SweepProgress, progress_line
from skelmap.utils.errors import UserError

RUN = ("data=manifest", "data.seq_len=8", "data.window_stride=2", "trainer=cpu", "trainer.max_epochs=2")
TWO = (*RUN, "model=lstm_vae", "model.hidden_size=16", "data.img_size=14", "seed=0,1", "hydra.sweep.dir=sweep")
LONGER = (*TWO[:-2], "trainer.max_epochs=1,40", "hydra.sweep.dir=sweep")
"""The first run is finished long before the second."""
COSTS = ("train_seconds", "peak_memory_mb")


@contextmanager
def hydra_config(*overrides: str) -> Iterator[DictConfig]:
    """Compose conf/train.yaml including its `hydra` part, as for a multirun."""
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        yield compose("train", list(overrides), return_hydra_config=True)


def read_table(folder: Path) -> list[dict[str, str]]:
    """Read table.csv of a sweep without the columns that depend on the machine's load."""
    with (folder / "sweep" / "comparison" / "table.csv").open(newline="") as file:
        return [{key: value for key, value in row.items() if key not in COSTS} for row in csv.DictReader(file)]


@pytest.mark.parametrize(
    ("name", "runs", "keys"),
    [
        ("resolution", 63, ("model", "data.img_size", "seed")),
        ("window", 36, ("model", "data.seq_len", "seed")),
        ("latent", 72, ("model", "model.latent_dim", "seed")),
        ("width", 15, ("model.hidden_size", "seed")),
        ("grid", 162, ("data.img_size", "data.seq_len", "model.latent_dim", "model.hidden_size", "seed")),
    ],
)
def test_the_folders_of_a_sweep_are_named_after_all_swept_keys(name: str, runs: int, keys: tuple[str, ...]) -> None:
    with hydra_config(f"sweep={name}", "data=manifest") as config:
        folders = run_folders(config)
    assert len(set(folders)) == len(folders) == runs
    assert f"{runs} runs" in (ROOT / "conf" / "sweep" / f"{name}.yaml").read_text()
    for folder in folders:
        assert folder.parent == Path("outputs/sweeps") / name
        assert {part.partition("-")[0] for part in folder.name.split("+")} == {*keys, "data"}


def test_a_long_name_has_every_key_and_is_unique() -> None:
    runs = [
        folder_name([f"data.manifest={'folder/' * 40}{name}.csv", "seed=3", "data.img_size=28", "sweep=grid"])
        for name in ("monday", "friday")
    ]
    assert runs[0] != runs[1] and all(len(name) <= 200 for name in runs)
    for name in runs:
        assert name.startswith("data.img_size-28+data.manifest-") and name.endswith("+seed-3")
    assert folder_name(["b=1", "a=2"]) == folder_name(["a=2", "b=1"]) == "a-2+b-1"
    assert len(folder_name([f"key{i}=1" for i in range(100)])) <= 200
    assert folder_name(["+a=1"]) == "a-1" and folder_name(["~a"]).startswith("a_")
    assert folder_name([]) == folder_name(["launcher=joblib"]) == "defaults"


@pytest.mark.parametrize(
    "value", ["null", "-1", "1e-3", "[8,16,32]", "/data/a b/c=d.csv", "'quoted'", "é", "${x:1,{a:2}}"]
)
def test_a_name_needs_no_quotes_in_a_shell_or_for_hydra(value: str) -> None:
    name = folder_name(["model=ae", f"key={value}", "~logger"])
    assert shlex.quote(name) == name
    argument = f"ckpt_path=outputs/{name}/checkpoints/last.ckpt"
    assert OverridesParser.create().parse_override(argument).value() == argument.partition("=")[2]


def test_the_time_left_is_estimated_from_the_runs_since_the_start() -> None:
    before = RunCounts(12, 4, 0)
    assert progress_line(before, before, 0) == "runs: 4 of 12 done, 0 failed, 8 left; 0:00:00 elapsed"
    line = progress_line(RunCounts(12, 6, 1), before, 120)
    assert line == "runs: 6 of 12 done, 1 failed, 5 left; 0:02:00 elapsed, about 0:05:00 left"
    assert progress_line(RunCounts(12, 11, 1), before, 120).endswith("0 left; 0:02:00 elapsed")


@pytest.mark.parametrize("launcher", LAUNCHER_PACKAGES)
def test_a_missing_plugin_names_its_extra(launcher: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module, extra = LAUNCHER_PACKAGES[launcher]
    monkeypatch.setitem(sys.modules, module, None)  # as if it were not installed
    with (
        hydra_config(f"launcher={launcher}") as config,
        pytest.raises(SystemExit, match=rf"launcher={launcher}: .* 'skelmap\[{extra}\]'"),
    ):
        SweepProgress().on_multirun_start(config)


def test_every_launcher_names_an_extra() -> None:
    assert {path.stem for path in (ROOT / "conf" / "launcher").glob("*.yaml")} == set(LAUNCHER_PACKAGES)
    text = (ROOT / "pyproject.toml").read_text()
    assert all(f"\n{extra} = [" in text for _, extra in LAUNCHER_PACKAGES.values())


@pytest.mark.slow
def test_the_command_line_has_priority_over_the_sweep_file(task: Path, tmp_path: Path) -> None:
    manifest = (f"data.manifest={task}", "data=manifest")
    done = train(tmp_path, "sweep=width", *manifest, "seed=7", "model.hidden_size=8,9", "data.img_size=13")
    failed = sorted(path.parent.name for path in (tmp_path / "outputs/sweeps/width").glob("*/failed.txt"))
    assert len(failed) == 2 and not any("sweep" in name for name in failed)
    assert "model.hidden_size-8+seed-7" in failed[0] and "model.hidden_size-9+seed-7" in failed[1]
    assert done.returncode == 1
    assert "2 of 2 runs failed, in outputs/sweeps/width:" in done.stderr
    assert f"{failed[0]}: data.img_size=13; allowed: a whole number from 14 to 256" in done.stderr


def test_no_run_starts_if_a_manifest_is_missing(task: Path, tmp_path: Path) -> None:
    manifests = f"data.manifest={task},{tmp_path}/b.csv,{tmp_path}/c.csv"
    done = python(tmp_path, TRAIN_PY, "-m", "data=manifest", manifests, "model=ae")
    assert done.returncode == 1 and not list(tmp_path.glob("outputs/sweeps/*/*/*/*"))
    assert (
        done.stderr == f"data.manifest={tmp_path}/b.csv: there is no such file, nor 1 more of 3; no run was started\n"
    )


def test_quotes_and_escapes_of_hydra_are_undone() -> None:
    with hydra_config("data=manifest", "data.manifest=my data/x.csv", "hydra.sweep.dir=sweep") as config:
        ((_, manifest),) = run_overrides(config)
    assert parse_override(manifest) == ("data.manifest", "my data/x.csv") != manifest.split("=")


@pytest.mark.slow
def test_a_manifest_may_have_any_path(task: Path, tmp_path: Path) -> None:
    folder = tmp_path / "my data, (two)"
    shutil.copytree(task.parent, folder)
    words = ("data=manifest", "data.seq_len=8", "trainer=cpu", "hydra.sweep.dir=sweep")
    done = train(tmp_path, "-m", *words, "model=mean_template,pca", f"data.manifest='{folder}/manifest.csv'")
    assert done.returncode == 0, done.stderr


@contextmanager
def sweep_over_seeds(seeds: str, *overrides: str) -> Iterator[DictConfig]:
    with hydra_config(*overrides, "hydra.sweep.dir=sweep") as config:
        config.hydra.sweeper.params = {"seed": seeds}
        yield config


def test_folders_may_have_other_names() -> None:
    with sweep_over_seeds("3,4", "hydra.sweep.subdir='${hydra.job.num}'") as config:
        assert run_folders(config) == [Path("sweep/0"), Path("sweep/1")]
    with sweep_over_seeds("3,4", "model=ae", "hydra.sweep.subdir='${hydra.runtime.choices.model}/${seed}'") as config:
        assert run_folders(config) == [Path("sweep/ae/3"), Path("sweep/ae/4")]


@pytest.mark.parametrize(
    ("seeds", "subdir", "message"),
    [
        ("3,4", "all", "2 runs of the sweep would write to the folder all"),
        ("3,3", "", "2 runs of the sweep would write to the folder seed-3"),
        ("3,4", "'${now:%H}'", r"\$\{now:...\} is not known before the sweep starts"),
    ],
)
def test_folders_that_collide_or_are_not_known_are_refused(seeds: str, subdir: str, message: str) -> None:
    words = [f"hydra.sweep.subdir={subdir}"] if subdir else []
    with sweep_over_seeds(seeds, *words) as config, pytest.raises(UserError, match=message):
        run_folders(config)


@pytest.mark.slow
def test_a_sweep_into_numbered_folders_counts_its_runs(task: Path, tmp_path: Path) -> None:
    words = ("data=manifest", f"data.manifest={task}", "data.seq_len=8", "trainer=cpu", "hydra.sweep.dir=sweep")
    done = train(tmp_path, "-m", *words, "model=mean_template", "seed=0,1", "hydra.sweep.subdir='${hydra.job.num}'")
    assert done.returncode == 0, done.stderr
    assert "runs: 2 of 2 done, 0 failed, 0 left" in done.stdout
    assert (tmp_path / "sweep/1/metrics.json").exists()


@pytest.mark.slow
def test_one_slurm_job_is_submitted_for_each_run(task: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _needs("slurm")
    (tmp_path / "bin").mkdir()
    for name, script in (("sbatch", f"cp $1 {tmp_path}/submitted; exit 1"), ("srun", "exit 1")):
        (tmp_path / "bin" / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / "bin" / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    done = python(
        tmp_path, TRAIN_PY, "-m", *TWO, f"data.manifest={task}", "launcher=slurm", "hydra.launcher.partition=short"
    )
    assert done.returncode == 1, "this sbatch accepts no job"
    submitted = (tmp_path / "submitted").read_text()
    for line in ("--array=0-1%2", "--cpus-per-task=1", "--mem=8GB", "--partition=short", "--time=240", "--requeue"):
        assert f"#SBATCH {line}\n" in submitted


@pytest.mark.slow
def test_ray_does_not_wait_for_a_gpu_that_does_not_exist(task: Path, tmp_path: Path) -> None:
    _needs("ray")
    gpus = ("+hydra.launcher.init.num_gpus=1", "hydra.launcher.remote.num_gpus=1.5")
    done = python(tmp_path, TRAIN_PY, "-m", *TWO, f"data.manifest={task}", "launcher=ray", *gpus)
    assert done.returncode == 1
    assert "hydra.launcher.remote.num_gpus=1.5; allowed here: up to 1" in done.stderr
    assert "Traceback" not in done.stderr


def _needs(launcher: str) -> None:
    module, extra = LAUNCHER_PACKAGES[launcher]
    pytest.importorskip(module, reason=f"launcher={launcher} needs the extra {extra}")


@pytest.mark.slow
def test_every_launcher_gives_the_same_table_and_builds_a_cache_once(task: Path, tmp_path: Path) -> None:
    shares = {"ray": ("+hydra.launcher.init.num_gpus=1", "hydra.launcher.remote.num_gpus=0.5")}  # Ray only counts GPUs
    tables = {}
    for launcher in ("", "joblib", "submitit_local", "ray"):
        folder = tmp_path / f"by_{launcher}"
        folder.mkdir()
        sweep = ("-m", *TWO, f"data.manifest={task}")
        chosen = (f"launcher={launcher}", *shares.get(launcher, ()))
        done = python(folder, TRAIN_PY, *sweep, *chosen) if launcher else train(folder, *sweep)
        assert done.returncode == 0, done.stderr
        assert "runs: 2 of 2 done, 0 failed, 0 left" in done.stdout
        tables[launcher] = read_table(folder)
        logs = "".join(path.read_text() for path in folder.glob("sweep/*/train.log"))
        assert logs.count("cached 360 rows") == 1
    assert all(table == tables[""] for table in tables.values()) and len(tables[""]) == 3  # scores
    assert tables[""][0]["auroc"] != tables[""][1]["auroc"]


@pytest.mark.slow
@pytest.mark.parametrize("launcher", [None, "joblib"])
def test_a_killed_sweep_continues_to_the_same_table(launcher: str | None, task: Path, tmp_path: Path) -> None:
    one_by_one = ("-m", *LONGER, f"data.manifest={task}")
    sweep = (*one_by_one, *([f"launcher={launcher}"] if launcher else []))
    _start_and_kill(tmp_path, *sweep)
    (finished,) = tmp_path.glob("sweep/*/metrics.json")
    (started,) = (path for path in tmp_path.glob("sweep/*/checkpoints/last.ckpt") if not _finished(path))
    then = finished.stat().st_mtime_ns
    assert not (tmp_path / "sweep" / "comparison").exists()
    done = python(tmp_path, TRAIN_PY, *sweep)
    assert done.returncode == 0, done.stderr
    assert "runs: 1 of 2 done, 0 failed, 1 left; 0:00:00 elapsed" in done.stdout
    assert finished.stat().st_mtime_ns == then, "a finished run is not touched"
    with (started.parents[1] / "log" / "version_1" / "metrics.csv").open(newline="") as file:
        epochs = [int(row["epoch"]) for row in csv.DictReader(file) if row.get("epoch")]
    assert 0 not in epochs, "a run continues from its last epoch"
    (tmp_path / "whole").mkdir()
    assert train(tmp_path / "whole", *one_by_one).returncode == 0
    assert read_table(tmp_path) == read_table(tmp_path / "whole")


def _finished(checkpoint: Path) -> bool:
    return (checkpoint.parents[1] / "metrics.json").exists()


def _start_and_kill(folder: Path, *arguments: str) -> None:
    """Kill a sweep with all its processes when one run is finished and another has trained an epoch."""
    sweep = start_python(folder, TRAIN_PY, *arguments)
    states: set[bool] = set()
    while states != {True, False}:
        assert sweep.poll() is None, "the sweep has ended before"
        time.sleep(0.01)
        states = {_finished(path) for path in folder.glob("sweep/*/checkpoints/last.ckpt")}
    os.killpg(sweep.pid, signal.SIGKILL)
    sweep.communicate()


@pytest.mark.slow
def test_a_failed_parallel_run_is_listed_at_the_end(task: Path, tmp_path: Path) -> None:
    _needs("joblib")
    runs = ("data.img_size=20,13,28", "model=mean_template", "trainer.max_epochs=1", "hydra.sweep.dir=sweep")
    sweep = ("-m", *RUN[:-1], *runs, f"data.manifest={task}")
    for parallel in (True, False):  # started again, the failed run is repeated
        done = python(tmp_path, TRAIN_PY, *sweep, "launcher=joblib") if parallel else train(tmp_path, *sweep)
        assert done.returncode == 1
        assert len(list(tmp_path.glob("sweep/*/metrics.json"))) == 2
        assert "runs: 2 of 3 done, 1 failed, 0 left" in done.stdout
        title, run = done.stderr.splitlines()[-2:]
        assert title == "1 of 3 runs failed, in sweep:"
        assert "data.img_size-13" in run and run.endswith("data.img_size=13; allowed: a whole number from 14 to 256")
