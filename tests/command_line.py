"""Run train.py as a user does: in a process and a folder of its own."""

import os
import subprocess
import sys
from pathlib import Path

from composing import ROOT


def train(folder: Path, *arguments: str, python: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    """Call `python train.py` in a folder; without W&B's account of whoever runs the tests."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("WANDB_")}
    return subprocess.run(
        [sys.executable, *python, str(ROOT / "train.py"), *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=500,
        env={**environment, "OMP_NUM_THREADS": "1", "HOME": str(folder)},
    )
