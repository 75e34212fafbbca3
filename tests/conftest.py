"""Fixtures that every folder of tests uses."""

import os
import signal
import sys
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch comes: busy processes with two threads each crawl
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:  # as in a shell's background, where programs do not hear Ctrl+C
    signal.signal(signal.SIGINT, signal.default_int_handler)

import pytest
from omegaconf import DictConfig

from hydra_config import Compose, compose_train
from synthetic_data import write_toy_dataset


@pytest.fixture(scope="session", autouse=True)
def coarse_pictures() -> None:
    """Draw the reports' figures with a sixteenth of the dots: these tests look at what they show, not how sharply."""
    from skelmap.evaluation.plots import style

    style.DPI = 50


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder of real skeletons and videos."""
    if "SKELMAP_DATA" not in os.environ:
        pytest.skip("real data are not part of the project: set SKELMAP_DATA to the folder of motions_body25/")
    return Path(os.environ["SKELMAP_DATA"])


@pytest.fixture(scope="session")
def real_data(data_folder: Path) -> Path:
    """The folder motions_body25 with real OpenPose output."""
    return data_folder / "motions_body25"


@pytest.fixture(scope="session")
def task(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A manifest of six short clips: standing is normal, lying is not."""
    return write_toy_dataset(tmp_path_factory.mktemp("task"))


@pytest.fixture(scope="session")
def shared_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder of map caches for all runs of the session."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def compose(tmp_path: Path, shared_cache: Path) -> Compose:
    """Compose conf/train.yaml with overrides, as train.py does; the run writes into tmp_path/run."""

    def build(*overrides: str, run: Path = tmp_path / "run") -> DictConfig:
        paths = (f"paths.output_dir={run}", f"paths.data_dir={tmp_path}/data", f"paths.cache_dir={shared_cache}")
        return compose_train(*paths, *overrides)

    return build


STAND_IN = """#!{python}
import struct, sys, time
import numpy as np
sys.stdout.buffer.write(b"pose"); sys.stdout.buffer.flush()
while len(header := sys.stdin.buffer.read(8)) == 8:
    height, width = struct.unpack("<II", header)
    red, green, blue = np.frombuffer(sys.stdin.buffer.read(height * width * 3), np.uint8).reshape(-1, 3)[-1]
    if blue > 230: sys.exit("Illegal instruction\\n")
    if green > 249: time.sleep(600)
    i = np.arange(33)
    joints = np.stack([width + i, height + i ** 2, (red > 90) * (i + 1) / 33], axis=1)
    sys.stdout.buffer.write(joints.astype("<f4").tobytes()); sys.stdout.buffer.flush()
"""


@pytest.fixture
def mediapipe_stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In place of MediaPipe: landmark i is at (width + i, height + i * i), if the last pixel has more red than 90.

    Its visibility is (i + 1) / 33. A last pixel with more blue than 230 is its end; with all green it hangs.
    """
    path = tmp_path / "python"
    path.write_text(STAND_IN.format(python=sys.executable))
    path.chmod(0o755)
    monkeypatch.setenv("SKELMAP_POSE_PYTHON", str(path))
