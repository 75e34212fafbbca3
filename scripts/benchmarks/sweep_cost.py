"""Time of a small sweep: one cell after the other, and two at once with `launcher=joblib`."""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.common import data_module, resolved

CELL = ("model=lstm_vae", "trainer.max_epochs=1", "data.window_stride=2")
"""One epoch of half the windows, scored and reported."""
CELLS = 2


def sweep_seconds(folder: Path, *overrides: str, threads: int | None = None) -> float:
    """Time a sweep of two cells from its command to its comparison page, s.

    Args:
        folder: for all output; the data are simulated and cached there beforehand.
        *overrides: of the sweep.
        threads: OMP_NUM_THREADS; None for that of this process.

    Raises:
        RuntimeError: a cell failed; with the last line that it printed.
    """
    data_module(resolved(str(folder))).prepare_data()
    paths = [f"paths.{name}={folder}/{name}" for name in ("data_dir", "cache_dir")]
    sweep = f"hydra.sweep.dir={tempfile.mkdtemp(dir=folder)}"
    command = [sys.executable, "-m", "skelmap", "train", "-m", f"seed={','.join(map(str, range(CELLS)))}"]
    environment = {**os.environ, **({} if threads is None else {"OMP_NUM_THREADS": str(threads)})}
    began = time.perf_counter()
    command += [*CELL, *paths, sweep, *overrides]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=folder)
    if done.returncode:
        raise RuntimeError((done.stderr or done.stdout).strip().splitlines()[-1])
    return time.perf_counter() - began
