"""Run commands in a subprocess, as a user does."""

import os
import subprocess
import sys
from pathlib import Path

from hydra_config import ROOT


def train(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `python train.py` in a folder, without the W&B account of whoever runs the tests."""
    return _run(folder, str(ROOT / "train.py"), *arguments)


def skelmap(folder: Path, *arguments: str, python: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    """Run `python -m skelmap` in a folder, with options of Python itself."""
    return _run(folder, *python, "-m", "skelmap", *arguments)


def _run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("WANDB_")}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=500,
        env={**environment, "OMP_NUM_THREADS": "1", "HOME": str(folder)},
    )
