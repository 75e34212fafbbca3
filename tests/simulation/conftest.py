from pathlib import Path

import numpy as np
import pytest

from skelmap.simulation.dataset import paper_clips, simulate_dataset
from skelmap.simulation.recording import MotionRecording


@pytest.fixture(scope="session")
def paper(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The manifest of the `paper` preset, seed 0."""
    return simulate_dataset(tmp_path_factory.mktemp("paper"))


@pytest.fixture(scope="session")
def recordings() -> dict[str, MotionRecording]:
    """The motion behind the clips of the `paper` preset, seed 0, in metres."""
    return {clip.name: clip.motion for clip in paper_clips(0)}


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)
