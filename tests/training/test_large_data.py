"""The memory of a run on a data set of 80,000 frames; as float32 its maps would need 1 GB."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

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


def peak_kb(folder: Path, code: str, *arguments: str) -> int:
    """Run Python code in a process of its own and return its peak memory, kB."""
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr
    found = re.search(r"^peak (\d+)$", done.stdout, re.MULTILINE)
    assert found, done.stdout
    return int(found[1])


def write_large_dataset(folder: Path) -> Path:
    """Write a manifest of 80 clips of 1,000 frames, the same one in all recordings of a split."""
    lines = []
    for split, count, abnormal in (("train", 78, ""), ("val", 1, ""), ("test", 1, "500-700")):
        write_clip(folder / f"{split}.npz", make_clip(wave(1000, len(split))))
        for i in range(count):
            name = f"{split}_{i}"
            shutil.copy(folder / f"{split}.npz", folder / f"{name}.npz")
            lines.append([name, f"{name}.npz", split, split, abnormal])
    return write_manifest(folder, lines)


def test_a_run_over_80000_frames_needs_less_than_1_gb_beside_torch(tmp_path: Path) -> None:
    manifest = write_large_dataset(tmp_path)
    smaller = ("model=lstm_vae", "model.hidden_size=16", "model.channels=[2,4]", "data.img_size=56", "data.seq_len=8")
    short = ("trainer=cpu", "trainer.max_epochs=1", "+trainer.limit_train_batches=100")
    settings = ("data=manifest", f"data.manifest={manifest}", *short, *smaller)
    peak = peak_kb(tmp_path, RUN.format(train=str(ROOT / "train.py")), *settings)
    assert peak - peak_kb(tmp_path, IMPORTS) < 1_000_000
