"""A training killed at any moment leaves no damaged file, and the same command comes to the same results."""

import random
import shutil
import signal
import time
from pathlib import Path

import pytest

from training_process import SEED, SMALL, TRIALS, check_files, read_results, run_to_end, start, wait

pytestmark = pytest.mark.slow
WRITTEN = {
    "cache": "/outputs/cache/",
    "configuration": "/run/.config.yaml",
    "last checkpoint": "/run/checkpoints/.last.ckpt",
    "best checkpoint": "/run/checkpoints/.best.ckpt",
    "figures": "/run/figures/.",
    "report": "/run/.report.html",
    "scores.csv": "/run/.scores.csv",
    "metrics.json": "/run/.metrics.json",
}
"""Files during whose writing the training is killed, and what their temporary paths contain."""
KILLER = """
import os, runpy, signal, sys
fsync, (written, times) = os.fsync, sys.argv[1:3]
left = int(times)

def truncate_and_kill(descriptor):
    global left
    if written in os.readlink(f"/proc/self/fd/{descriptor}"):
        left -= 1
        if not left:
            os.ftruncate(descriptor, os.fstat(descriptor).st_size // 2)
            os.kill(os.getpid(), signal.SIGKILL)
    fsync(descriptor)

os.fsync = truncate_and_kill
sys.argv = sys.argv[3:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""
"""Runs a program that kills itself when half of a file is on disk."""


@pytest.fixture(scope="module")
def arguments(task: Path) -> tuple[str, ...]:
    return (*SMALL, f"data.manifest={task}")


@pytest.fixture(scope="module")
def undisturbed(arguments: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, float]:
    """Run folder of an undisturbed training, and the seconds that it took."""
    folder = tmp_path_factory.mktemp("undisturbed")
    began = time.monotonic()
    run_to_end(folder, *arguments)
    return folder / "run", time.monotonic() - began


def check_continues(folder: Path, arguments: tuple[str, ...], undisturbed: Path) -> None:
    """Check the files that a kill left, and that the same command comes to the same results, bit for bit."""
    check_files(folder)
    run_to_end(folder, *arguments)
    check_files(folder)
    assert read_results(folder / "run") == read_results(undisturbed)
    assert not list(folder.rglob("*.partial")), "partial files are removed"
    shutil.rmtree(folder)


@pytest.mark.parametrize("trial", range(TRIALS if TRIALS > 1 else 0))
def test_killed_at_a_random_moment(
    trial: int, arguments: tuple[str, ...], undisturbed: tuple[Path, float], tmp_path: Path
) -> None:
    run, seconds = undisturbed
    training = start(tmp_path / "killed", *arguments)
    time.sleep(random.Random(SEED + trial).random() * seconds)
    training.kill()
    wait(training)
    check_continues(tmp_path / "killed", arguments, run)


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="paths of open files are read from /proc")
@pytest.mark.parametrize("trial", range(max(1, TRIALS // 25)))
@pytest.mark.parametrize("what", WRITTEN if TRIALS > 1 else ["last checkpoint"])
def test_killed_while_a_file_is_written(
    what: str, trial: int, arguments: tuple[str, ...], undisturbed: tuple[Path, float], tmp_path: Path
) -> None:
    times = random.Random(SEED + trial).randint(1, 4) if what == "last checkpoint" else 1
    training = start(tmp_path / "killed", *arguments, python=("-c", KILLER, WRITTEN[what], str(times)))
    output = wait(training)
    assert training.returncode == -signal.SIGKILL, output
    assert list((tmp_path / "killed").rglob("*.partial")), "half a file is there, under another name"
    check_continues(tmp_path / "killed", arguments, undisturbed[0])
