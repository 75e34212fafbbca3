"""A training killed at any moment: nothing is half-written, and the next start comes to the same end."""

import random
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from trials import LIMIT_S, SEED, SMALL, TRIALS, check_whole, finish, result, run_whole, start

pytestmark = pytest.mark.slow
WRITTEN = {
    "cache": "outputs/cache/*.partial",
    "configuration": "run/.config.yaml*",
    "last checkpoint": "run/checkpoints/.last.ckpt*",
    "best checkpoint": "run/checkpoints/.best.ckpt*",
    "figures": "run/figures/.*",
    "report": "run/.report.html*",
    "scores.csv": "run/.scores.csv*",
    "metrics.json": "run/.metrics.json*",
}
"""What is killed in the middle of being written, and the file that shows it."""


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


def kill(folder: Path, arguments: tuple[str, ...], moment: Callable[[], bool]) -> bool:
    """Kill a training at a moment; tell whether it came."""
    training = start(folder, *arguments)
    limit = time.monotonic() + LIMIT_S
    while training.poll() is None and not (come := moment()):
        assert time.monotonic() < limit
    training.kill()
    finish(training)
    return come


def appears(folder: Path, pattern: str, wanted: int) -> Callable[[], bool]:
    """Give a moment: a file has appeared so many times."""
    times, before = 0, False

    def moment() -> bool:
        nonlocal times, before
        now = any(folder.glob(pattern))
        times, before = times + (now and not before), now
        return times == wanted

    return moment


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
    share = random.Random(SEED + trial).random()
    end = time.monotonic() + share * seconds

    def moment() -> bool:
        time.sleep(max(0.0, min(0.05, end - time.monotonic())))
        return time.monotonic() >= end

    kill(tmp_path / "killed", arguments, moment)
    check_goes_on(tmp_path / "killed", arguments, run)


@pytest.mark.parametrize("trial", range(max(1, TRIALS // 25)))
@pytest.mark.parametrize("what", WRITTEN if TRIALS > 1 else ["last checkpoint"])
def test_a_training_killed_while_it_writes(
    what: str, trial: int, arguments: tuple[str, ...], undisturbed: tuple[Path, float], tmp_path: Path
) -> None:
    folder = tmp_path / "killed"
    wanted = random.Random(SEED + trial).randint(1, 4) if what == "last checkpoint" else 1

    for _ in range(3):  # on a busy machine the moment may pass unseen
        if kill(folder, arguments, appears(folder, WRITTEN[what], wanted)):
            break
        shutil.rmtree(folder)
    else:
        pytest.fail(f"{what} was not seen being written")
    check_goes_on(folder, arguments, undisturbed[0])
