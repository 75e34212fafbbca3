"""How many trials, and the small training that they disturb."""

import csv
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import torch

from hydra_config import ROOT

TRIALS = int(os.environ.get("SKELMAP_TRIALS", "1"))
"""Trials of each kind; docs/lab/reliability.md says what more of them found."""
SEED = int(os.environ.get("SKELMAP_TRIALS_SEED", "0"))
SMALL = (
    *(
        "data=manifest",
        "data.img_size=14",
        "data.seq_len=8",
        "data.window_stride=2",
        "trainer=cpu",
        "trainer.max_epochs=5",
    ),
    *("model=lstm_vae", "model.hidden_size=16", "model.latent_dim=4", "model.channels=[2,4]", "hydra.run.dir=run"),
)
"""A training of seconds; it writes into `run` and `outputs/cache` of the folder where it is started."""
LIMIT_S = 300


def start(folder: Path, *arguments: str, python: tuple[str, ...] = ()) -> "subprocess.Popen[str]":
    """Start `python train.py` in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    return subprocess.Popen(
        [sys.executable, *python, str(ROOT / "train.py"), *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "HOME": str(folder)},
    )


def finish(process: "subprocess.Popen[str]", limit: float = LIMIT_S) -> str:
    """Wait for a process and give what it printed; one that hangs is killed and told."""
    try:
        said, _ = process.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        process.kill()
        said, _ = process.communicate()
        raise AssertionError(f"hangs after {limit} s:\n{said}") from None
    return said


def run_whole(folder: Path, *arguments: str) -> str:
    """Run `python train.py` to its end."""
    process = start(folder, *arguments)
    said = finish(process)
    assert process.returncode == 0, said
    return said


def result(run: Path) -> dict[str, Any]:
    """All that a run found out: numbers, scores and weights, without what depends on the machine's load."""
    numbers = json.loads((run / "metrics.json").read_text())
    for cost in ("train_seconds", "peak_memory_mb"):
        del numbers[cost]
    last = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)
    weights = {name: value.numpy().tobytes() for name, value in last["state_dict"].items()}
    return {"numbers": numbers, "scores": (run / "scores.csv").read_bytes(), "weights": weights}


def check_whole(folder: Path) -> None:
    """Every file of a folder that was left at any moment can be read to its end; what was being written has a dot."""
    for path in folder.rglob("*"):
        if path.is_dir() or path.name.endswith(".partial") or {".hydra", ".cache", ".config"} & {*path.parts}:
            continue
        if path.suffix == ".json":
            json.loads(path.read_text())
        elif path.suffix == ".ckpt":
            torch.load(path, weights_only=True)
        elif path.suffix == ".csv":
            with path.open(newline="") as file:
                lines = list(csv.reader(file))
            assert len({len(line) for line in lines}) <= 1 and path.read_bytes()[-1:] in (b"", b"\n"), path
        elif path.suffix == ".html":
            assert path.read_text().rstrip().endswith("</html>"), path
        elif path.suffix == ".png":
            assert path.read_bytes()[-8:-4] == b"IEND", path
        elif path.suffix == ".npz":
            assert zipfile.ZipFile(path).testzip() is None, path
        elif path.suffix == ".maps":
            assert path.read_bytes()[:8] == path.read_bytes()[-8:], path
