"""A search small enough for a test, and its files read without skelmap."""

import csv
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from hydra_config import ROOT
from skelmap.tuning.trial import Recipe

SPACE = """\
model.latent_dim: {int: [2, 16], log: true}
model.learning_rate: {float: [1e-4, 1e-2], log: true}
data.batch_size: {choice: [8, 16]}
"""


def recipe(task: Path, cache: Path, *more: str) -> Recipe:
    """An autoencoder on the invented task, three epochs long."""
    return Recipe(ROOT / "conf", (*overrides(task), f"paths.cache_dir={cache}", *more))


def overrides(task: Path) -> tuple[str, ...]:
    small = ("data.seq_len=8", "data.stride=4", "trainer=cpu", "trainer.max_epochs=3")
    return ("model=ae", "data=manifest", f"data.manifest={task}", *small)


def write_space(folder: Path, text: str = SPACE) -> Path:
    path = folder / "space.yaml"
    path.write_text(text)
    return path


def begin(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start `skelmap tune` in a folder."""
    return subprocess.Popen(
        [sys.executable, "-m", "skelmap", "tune", *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def table(folder: Path) -> list[dict[str, str]]:
    with (folder / "trials.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def best(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((folder / "best.yaml").read_text())
    return content


def logged_losses(folder: Path) -> dict[int, list[float]]:
    """val/loss of every epoch that a trial's own log holds, by trial; of epochs that were repeated, each time."""
    losses: dict[int, list[float]] = {}
    for path in sorted(folder.glob("trials/*/log/*/metrics.csv")):
        with path.open(newline="") as file:
            found = [float(line["val/loss"]) for line in csv.DictReader(file) if line.get("val/loss")]
        losses.setdefault(int(path.parts[-4]), []).extend(found)
    return losses
