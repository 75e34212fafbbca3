"""A data set of 300,000 frames: memory, and the time of a second start."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from hydra_config import ROOT
from synthetic_data import make_clip, wave, write_clip, write_manifest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc"),
]
PEAK = r"""
import re
print("peak", re.search(r"VmHWM:\s+(\d+) kB", open("/proc/self/status").read())[1])
"""
IMPORTS = "import torch, pytorch_lightning, torchmetrics\n" + PEAK
RUN = "import runpy\nrunpy.run_path({train!r}, run_name='__main__')\n" + PEAK
FIRST_BATCH = """
import sys, time
from skelmap.data import SkeletonDataModule
start = time.monotonic()
data = SkeletonDataModule(*sys.argv[1:])
data.setup()
data.on_after_batch_transfer(next(iter(data.train_dataloader())), 0)
print("seconds", time.monotonic() - start)
"""


def printed_number(folder: Path, code: str, name: str, *arguments: str) -> float:
    """Run Python code in a process of its own and return the number that it prints after a name."""
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr
    found = re.search(rf"^{name} ([\d.e-]+)$", done.stdout, re.MULTILINE)
    assert found, done.stdout
    return float(found[1])


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A manifest of 300 clips of 1,000 frames."""
    folder = tmp_path_factory.mktemp("large")
    lines, keypoints = [], [wave(1000, seed) for seed in range(5)]
    for i in range(300):
        write_clip(folder / f"{i}.npz", make_clip(keypoints[i % 5] + np.float32((i / 10, 0, 0))))
        split = "train" if i < 260 else "val" if i < 280 else "test"
        lines.append([str(i), f"{i}.npz", split, split, "500-700" if split == "test" else ""])
    return write_manifest(folder, lines)


@pytest.mark.parametrize(
    ("model", "smaller"),
    [("ae", ()), ("lstm_vae", ("model.hidden_size=16", "model.channels=[2,4]"))],
)
def test_a_run_over_300000_frames_needs_less_than_1_gb_beside_torch(
    large: Path, model: str, smaller: tuple[str, ...], tmp_path: Path
) -> None:
    short = ("trainer=cpu", "trainer.max_epochs=1", "+trainer.limit_train_batches=100")
    settings = (f"model={model}", "data=manifest", f"data.manifest={large}", *short, *smaller)
    cache = f"paths.cache_dir={large.parent}/cache"
    peak = printed_number(tmp_path, RUN.format(train=str(ROOT / "train.py")), "peak", *settings, cache)
    assert peak - printed_number(tmp_path, IMPORTS, "peak") < 1_000_000


def test_a_second_start_takes_seconds(large: Path, tmp_path: Path) -> None:
    cache = str(large.parent / "cache")
    printed_number(tmp_path, FIRST_BATCH, "seconds", str(large), cache)
    assert printed_number(tmp_path, FIRST_BATCH, "seconds", str(large), cache) < 5
