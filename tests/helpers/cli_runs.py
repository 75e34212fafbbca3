"""Run commands in a process of their own, as a user does.

`train` forks it from a process that has imported torch: of a small run, the imports take most of the time.
"""

import multiprocessing
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from empty_figures import empty_figures
from hydra_config import ROOT
from skelmap.cli import main

TIMEOUT_S = 500
TRAIN_PY = str(ROOT / "train.py")
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["skelmap.hydra_tasks", "skelmap.training.run", "sklearn.manifold"])


def train(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `skelmap train` in a forked process, without the W&B account of whoever runs the tests.

    Figures stay empty. Launchers and distributed runs need a `python` process: theirs start from its command line.
    """
    with tempfile.TemporaryDirectory() as output:
        process = FORKS.Process(target=_run, args=(folder, Path(output), _environment(folder), ("train", *arguments)))
        process.start()
        process.join(TIMEOUT_S)
        written = [(Path(output) / name).read_text() for name in ("stdout", "stderr")]
        if process.exitcode is None:
            process.kill()
            raise AssertionError(f"not ended after {TIMEOUT_S} s: {written}")
    return subprocess.CompletedProcess(arguments, process.exitcode, *written)


def python(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `python` with all its imports; runs draw their figures."""
    process = start_python(folder, *arguments)
    output = process.communicate(timeout=TIMEOUT_S)
    return subprocess.CompletedProcess(arguments, process.returncode, *output)


def start_python(folder: Path, *arguments: str) -> "subprocess.Popen[str]":
    """Start `python` as the leader of a process group."""
    return subprocess.Popen(
        [sys.executable, *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env=_environment(folder),
    )


def _environment(folder: Path) -> dict[str, str]:
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("WANDB_")}
    return {**inherited, "OMP_NUM_THREADS": "1", "HOME": str(folder)}


def _run(folder: Path, output: Path, environment: dict[str, str], arguments: tuple[str, ...]) -> None:
    """In the forked process."""
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    for name, descriptor in (("stdout", 1), ("stderr", 2)):
        os.dup2(os.open(output / name, os.O_WRONLY | os.O_CREAT), descriptor)
    empty_figures(pytest.MonkeyPatch())
    main(arguments)
