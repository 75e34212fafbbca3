"""Run small trainings in processes of their own, and check what they leave, whenever they end."""

import csv
import json
import os
import resource
import subprocess
import sys
import zipfile
from functools import partial
from pathlib import Path
from typing import Any

import torch

from hydra_config import ROOT

TRIALS = int(os.environ.get("SKELMAP_TRIALS", "1"))
"""Trials of each kind; docs/lab/reliability.md reports the results of more."""
SEED = int(os.environ.get("SKELMAP_TRIALS_SEED", "0"))
SMALL = (
    *("data=manifest", "data.img_size=14", "data.seq_len=8", "data.window_stride=2", "trainer=cpu"),
    *("trainer.max_epochs=5", "model=lstm_vae", "model.hidden_size=16", "model.latent_dim=4", "model.channels=[2,4]"),
    "hydra.run.dir=run",
)
"""Arguments of a training of seconds; it writes to `run` and `outputs/cache` in the folder where it is started."""
TIMEOUT_S = 300


def start(
    folder: Path, *arguments: str, python: tuple[str, ...] = (), max_file_bytes: int | None = None
) -> "subprocess.Popen[str]":
    """Start `python train.py` in a folder.

    Args:
        folder: created if missing.
        arguments: of train.py.
        python: arguments before train.py.
        max_file_bytes: limit on the size of each file that the process writes.
    """
    folder.mkdir(parents=True, exist_ok=True)
    limit = (max_file_bytes, max_file_bytes)
    return subprocess.Popen(
        [sys.executable, *python, str(ROOT / "train.py"), *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "HOME": str(folder)},
        preexec_fn=partial(resource.setrlimit, resource.RLIMIT_FSIZE, limit) if max_file_bytes else None,
    )


def wait(process: "subprocess.Popen[str]", timeout: float = TIMEOUT_S) -> str:
    """Wait for a process and return its output; one that hangs is killed and fails the test."""
    try:
        output, _ = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        output, _ = process.communicate()
        raise AssertionError(f"hangs after {timeout} s:\n{output}") from None
    return output


def run_to_end(folder: Path, *arguments: str) -> str:
    """Run `python train.py`; it must succeed."""
    process = start(folder, *arguments)
    output = wait(process)
    assert process.returncode == 0, output
    return output


def read_results(run: Path) -> dict[str, Any]:
    """Metrics, scores and weights of a run, without what depends on the load of the machine."""
    metrics = json.loads((run / "metrics.json").read_text())
    for cost in ("train_seconds", "peak_memory_mb"):
        del metrics[cost]
    last = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)
    weights = {name: value.numpy().tobytes() for name, value in last["state_dict"].items()}
    return {"metrics": metrics, "scores": (run / "scores.csv").read_bytes(), "weights": weights}


def check_files(folder: Path) -> None:
    """Check that every file is complete, except partial ones."""
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
        elif path.suffix == ".rows":
            assert path.read_bytes()[:8] == path.read_bytes()[-8:], path
