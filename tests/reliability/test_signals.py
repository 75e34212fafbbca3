"""A training stopped by a signal keeps its epochs and exits with the signal's code; a launcher queues it again."""

import csv
import os
import random
import re
import signal
import time
from pathlib import Path

import pytest

from training_process import SEED, SMALL, TIMEOUT_S, TRIALS, check_files, read_results, run_to_end, start, wait

pytestmark = pytest.mark.slow


def wait_for(path: Path, pattern: str, timeout: float = TIMEOUT_S) -> Path:
    """Wait until a file exists."""
    end = time.monotonic() + timeout
    while not (found := list(path.glob(pattern))):
        assert time.monotonic() < end, f"{pattern} does not exist after {timeout} s"
        time.sleep(0.01)
    return found[0]


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"] if TRIALS > 1 else ["SIGTERM"])
def test_a_signal_in_the_middle_of_training(name: str, task: Path, tmp_path: Path) -> None:
    arguments = (*SMALL, "trainer.max_epochs=300", f"data.manifest={task}")
    training = start(tmp_path, *arguments)
    last = wait_for(tmp_path, "run/checkpoints/last.ckpt")
    training.send_signal(signal.Signals[name])
    output = wait(training)
    assert training.returncode == 128 + signal.Signals[name], output
    assert f"stopped by {name}; resume with ckpt_path={last}" in re.sub(r"\s*\n\s*", " ", output)
    assert "Traceback" not in output
    check_files(tmp_path)
    assert not list(tmp_path.rglob("*.partial"))


@pytest.mark.parametrize("trial", range(TRIALS if TRIALS > 1 else 0))
def test_sigterm_at_a_random_moment(trial: int, task: Path, tmp_path: Path) -> None:
    """Before the program handles signals it dies of SIGTERM as any process does."""
    training = start(tmp_path, *SMALL, f"data.manifest={task}")
    time.sleep(random.Random(SEED + trial).uniform(0, 15))
    training.terminate()
    output = wait(training)
    assert training.returncode in (143, -signal.SIGTERM, 0), output
    check_files(tmp_path)


def submitit_logs(folder: Path) -> str:
    return "".join(path.read_text() for path in folder.rglob("*_log.*"))


def child_processes(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_a_preempted_job_is_requeued_and_continues(task: Path, tmp_path: Path) -> None:
    """SLURM sends SIGTERM first, which submitit ignores; at its own signal it saves the job and queues it again."""
    pytest.importorskip("submitit", reason="launcher=submitit_local needs the extra slurm")
    single = [argument for argument in SMALL if not argument.startswith(("hydra.run.dir", "trainer.max_epochs"))]
    arguments = (*single, "trainer.max_epochs=12", f"data.manifest={task}")
    sweep = start(tmp_path, "-m", *arguments, "seed=0", "launcher=submitit_local", "hydra.sweep.dir=sweep")
    run = wait_for(tmp_path, "sweep/*/checkpoints/last.ckpt").parents[1]
    processes = child_processes(sweep.pid)
    (controller,) = (pid for pid in processes if b"submitit" in Path(f"/proc/{pid}/cmdline").read_bytes())
    (job,) = child_processes(controller)
    os.kill(job, signal.SIGTERM)
    logs = tmp_path / "sweep" / ".submitit"
    while "Bypassing signal SIGTERM" not in submitit_logs(logs):
        assert sweep.poll() is None
        time.sleep(0.01)
    os.kill(job, signal.SIGUSR2)
    output = wait(sweep)
    assert sweep.returncode == 0, output
    assert "1 of 1 done, 0 failed" in output
    assert "Requeued job" in submitit_logs(logs)
    with (run / "log" / "version_1" / "metrics.csv").open(newline="") as file:
        assert "0" not in {row.get("epoch") for row in csv.DictReader(file)}, "it continues after its last epoch"
    if TRIALS > 1:
        run_to_end(tmp_path, *arguments, "seed=0", "hydra.run.dir=whole")
        assert read_results(run) == read_results(tmp_path / "whole")
