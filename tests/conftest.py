"""Fixtures for all tests."""

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is imported; two threads each slow parallel tests down
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:  # as in the background of a shell, where Ctrl+C is ignored
    signal.signal(signal.SIGINT, signal.default_int_handler)

import pytest
from omegaconf import DictConfig

from empty_figures import draw_figures, empty_figures
from hydra_config import Compose, compose_train
from synthetic_data import write_toy_dataset


@pytest.fixture(scope="session", autouse=True)
def quick_runs() -> Iterator[None]:
    """Leave the figures of runs empty; tests of figures use `drawn_figures`."""
    with pytest.MonkeyPatch.context() as patch:
        empty_figures(patch)
        yield


@pytest.fixture(scope="module")
def drawn_figures(quick_runs: None) -> Iterator[None]:
    """Draw the figures of runs."""
    with pytest.MonkeyPatch.context() as patch:
        draw_figures(patch)
        yield


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """Folder of real keypoints and videos; tests that need it are skipped without SKELMAP_DATA."""
    if "SKELMAP_DATA" not in os.environ:
        pytest.skip("real data are not part of the project: set SKELMAP_DATA to the folder of motions_body25/")
    return Path(os.environ["SKELMAP_DATA"])


@pytest.fixture(scope="session")
def real_data(data_folder: Path) -> Path:
    """Folder of real OpenPose output."""
    return data_folder / "motions_body25"


@pytest.fixture(scope="session")
def task(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Manifest of the toy data set (`write_toy_dataset`)."""
    return write_toy_dataset(tmp_path_factory.mktemp("task"))


@pytest.fixture(scope="session")
def shared_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the cached skeleton maps of all runs of the session."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def compose(tmp_path: Path, shared_cache: Path) -> Compose:
    """Compose conf/train.yaml with overrides, as `skelmap train` does; the run writes to tmp_path/run."""

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
    """Replace the subprocess of MediaPipe by one that depends on the last pixel of the image.

    With red above 90 it detects a person: landmark i at (width + i, height + i * i), visibility (i + 1) / 33. With blue
    above 230 it ends, with green above 249 it hangs.
    """
    path = tmp_path / "python"
    path.write_text(STAND_IN.format(python=sys.executable))
    path.chmod(0o755)
    monkeypatch.setenv("SKELMAP_POSE_PYTHON", str(path))
