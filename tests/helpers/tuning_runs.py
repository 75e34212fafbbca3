"""Small tuning studies, and readers of the files that they write."""

import csv
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from hydra_config import ROOT
from skelmap.tuning.trial import BaseConfig

SPACE = """\
model.latent_dim: {int: [2, 16], log: true}
model.learning_rate: {float: [1e-4, 1e-2], log: true}
data.batch_size: {choice: [8, 16]}
"""
ONE_KEY = "model.latent_dim: {int: [2, 16]}\n"


def small_config(manifest: Path, cache: Path, *more: str) -> BaseConfig:
    """The configuration of an autoencoder that trains for three epochs."""
    return BaseConfig(ROOT / "conf", (*small_overrides(manifest), f"paths.cache_dir={cache}", *more))


def small_overrides(manifest: Path) -> tuple[str, ...]:
    """The overrides of `small_config`, for the command line."""
    small = ("data.seq_len=8", "data.window_stride=3", "trainer=cpu", "trainer.max_epochs=3")
    return ("model=ae", "data=manifest", f"data.manifest={manifest}", *small)


def write_space(folder: Path, text: str = SPACE) -> Path:
    """Write a search space."""
    path = folder / "space.yaml"
    path.write_text(text)
    return path


def start_tuning(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start `skelmap tune` in a folder."""
    return subprocess.Popen(
        [sys.executable, "-m", "skelmap", "tune", *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def read_trials(folder: Path) -> list[dict[str, str]]:
    """Read trials.csv."""
    with (folder / "trials.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def read_best(folder: Path) -> dict[str, Any]:
    """Read best.yaml."""
    content: dict[str, Any] = yaml.safe_load((folder / "best.yaml").read_text())
    return content


def read_logged_losses(folder: Path) -> dict[int, list[float]]:
    """Read val/loss of every epoch from the trials' own logs, by trial; a repeated epoch appears again."""
    losses: dict[int, list[float]] = {}
    for path in sorted(folder.glob("trials/*/log/*/metrics.csv")):
        with path.open(newline="") as file:
            logged = [float(line["val/loss"]) for line in csv.DictReader(file) if line.get("val/loss")]
        losses.setdefault(int(path.parts[-4]), []).extend(logged)
    return losses
