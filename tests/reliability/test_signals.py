"""A training that is told to stop keeps its epochs and says so by its exit code; a launcher queues it again."""

import csv
import os
import random
import re
import signal
import time
from pathlib import Path

import pytest

from training_process import LIMIT_S, SEED, SMALL, TRIALS, check_whole, finish, result, run_whole, start

pytestmark = pytest.mark.slow


def wait_for(path: Path, pattern: str, limit: float = LIMIT_S) -> Path:
    """Wait until a file is there."""
    end = time.monotonic() + limit
    while not (found := list(path.glob(pattern))):
        assert time.monotonic() < end, f"{pattern} never came"
        time.sleep(0.01)
    return found[0]


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"] if TRIALS > 1 else ["SIGTERM"])
def test_a_signal_in_the_middle_of_training(name: str, task: Path, tmp_path: Path) -> None:
    arguments = (*SMALL, "trainer.max_epochs=300", f"data.manifest={task}")
    training = start(tmp_path, *arguments)
    last = wait_for(tmp_path, "run/checkpoints/last.ckpt")
    training.send_signal(signal.Signals[name])
    said = finish(training)
    assert training.returncode == 128 + signal.Signals[name], said
    assert (
        f"stopped by {name}; resume with ckpt_path={last}" in re.sub(r"\s*\n\s*", " ", said) and "Traceback" not in said
    )
    check_whole(tmp_path)
    assert not list(tmp_path.rglob("*.partial"))


@pytest.mark.parametrize("trial", range(TRIALS if TRIALS > 1 else 0))
def test_sigterm_at_a_random_moment(trial: int, task: Path, tmp_path: Path) -> None:
    """Before the program has got hold of its signals it dies of SIGTERM as any process does."""
    training = start(tmp_path, *SMALL, f"data.manifest={task}")
    time.sleep(random.Random(SEED + trial).uniform(0, 15))
    training.terminate()
    said = finish(training)
    assert training.returncode in (143, -signal.SIGTERM, 0), said
    check_whole(tmp_path)


def children(pid: int) -> list[int]:
    """Processes that a process has started."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_a_preempted_job_is_queued_again_and_goes_on(task: Path, tmp_path: Path) -> None:
    """SIGTERM, which SLURM sends first, is left to submitit; its own signal saves the job and queues it again."""
    pytest.importorskip("submitit", reason="launcher=submitit_local needs the extra slurm")
    single = [argument for argument in SMALL if not argument.startswith(("hydra.run.dir", "trainer.max_epochs"))]
    cell = (*single, "trainer.max_epochs=12", f"data.manifest={task}")
    sweep = start(tmp_path, "-m", *cell, "seed=0", "launcher=submitit_local", "hydra.sweep.dir=sweep")
    run = wait_for(tmp_path, "sweep/*/checkpoints/last.ckpt").parents[1]
    (controller,) = (pid for pid in children(sweep.pid) if b"submitit" in Path(f"/proc/{pid}/cmdline").read_bytes())
    (job,) = children(controller)
    os.kill(job, signal.SIGTERM)
    time.sleep(0.3)
    os.kill(job, signal.SIGUSR2)
    said = finish(sweep)
    assert sweep.returncode == 0, said
    assert "1 of 1 done, 0 failed" in said
    logs = "".join(path.read_text() for path in (tmp_path / "sweep" / ".submitit").rglob("*_log.*"))
    assert "Bypassing signal SIGTERM" in logs and "Requeued job" in logs
    with (run / "log" / "version_1" / "metrics.csv").open(newline="") as file:
        assert "0" not in {row.get("epoch") for row in csv.DictReader(file)}, "it goes on, and does not begin again"
    if TRIALS > 1:
        run_whole(tmp_path, *cell, "seed=0", "hydra.run.dir=whole")
        assert result(run) == result(tmp_path / "whole")
