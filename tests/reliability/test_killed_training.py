"""A training killed at any moment: nothing is half-written, and the next start comes to the same end."""

import random
import shutil
import signal
import time
from pathlib import Path

import pytest

from training_process import SEED, SMALL, TRIALS, check_whole, finish, result, run_whole, start

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
"""What is killed in the middle of being written, and what its file's path holds then."""
KILLER = """
import os, runpy, signal, sys
sync, (written, times) = os.fsync, sys.argv[1:3]
left = int(times)

def fsync(descriptor):
    global left
    if written in os.readlink(f"/proc/self/fd/{descriptor}"):
        left -= 1
        if not left:
            os.ftruncate(descriptor, os.fstat(descriptor).st_size // 2)
            os.kill(os.getpid(), signal.SIGKILL)
    sync(descriptor)

os.fsync = fsync
sys.argv = sys.argv[3:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""
"""Runs a program that kills itself when half of a file has come to the disk."""


@pytest.fixture(scope="module")
def arguments(task: Path) -> tuple[str, ...]:
    return (*SMALL, f"data.manifest={task}")


@pytest.fixture(scope="module")
def undisturbed(arguments: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, float]:
    """A folder in which the training was left alone, and the seconds that it took."""
    folder = tmp_path_factory.mktemp("undisturbed")
    began = time.monotonic()
    run_whole(folder, *arguments)
    return folder / "run", time.monotonic() - began


def check_goes_on(folder: Path, arguments: tuple[str, ...], undisturbed: Path) -> None:
    """Whatever a kill left is whole, and the same command comes to the same end, bit for bit."""
    check_whole(folder)
    run_whole(folder, *arguments)
    check_whole(folder)
    assert result(folder / "run") == result(undisturbed)
    assert not list(folder.rglob("*.partial")), "nothing is left of files that were being written"
    shutil.rmtree(folder)


@pytest.mark.parametrize("trial", range(TRIALS))
def test_a_training_killed_at_a_random_moment(
    trial: int, arguments: tuple[str, ...], undisturbed: tuple[Path, float], tmp_path: Path
) -> None:
    run, seconds = undisturbed
    training = start(tmp_path / "killed", *arguments)
    time.sleep(random.Random(SEED + trial).random() * seconds)
    training.kill()
    finish(training)
    check_goes_on(tmp_path / "killed", arguments, run)


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="the file that is written is found in /proc")
@pytest.mark.parametrize("trial", range(max(1, TRIALS // 25)))
@pytest.mark.parametrize("what", WRITTEN if TRIALS > 1 else ["last checkpoint"])
def test_a_training_killed_while_it_writes(
    what: str, trial: int, arguments: tuple[str, ...], undisturbed: tuple[Path, float], tmp_path: Path
) -> None:
    wanted = random.Random(SEED + trial).randint(1, 4) if what == "last checkpoint" else 1
    killer = ("-c", KILLER, WRITTEN[what], str(wanted))
    training = start(tmp_path / "killed", *arguments, python=killer)
    said = finish(training)
    assert training.returncode == -signal.SIGKILL, said
    assert list((tmp_path / "killed").rglob("*.partial")), "half a file is there, under another name"
    check_goes_on(tmp_path / "killed", arguments, undisturbed[0])
