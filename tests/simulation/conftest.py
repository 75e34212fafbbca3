from pathlib import Path

import numpy as np
import pytest

from skelmap.simulation.dataset import paper_shots, simulate_dataset
from skelmap.simulation.sessions import Scene


@pytest.fixture(scope="session")
def paper(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The manifest of the `paper` preset, seed 0."""
    return simulate_dataset(tmp_path_factory.mktemp("paper"))


@pytest.fixture(scope="session")
def scenes() -> dict[str, Scene]:
    """The scenes behind the `paper` preset, in metres."""
    return {shot.name: shot.scene for shot in paper_shots(0)}


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)
