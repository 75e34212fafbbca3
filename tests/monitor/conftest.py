"""A trained run for the tests of the monitor."""

from pathlib import Path

import pytest

from hydra_config import compose_train
from skelmap.training.run import run
from synthetic_data import write_toy_dataset


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a data set, task/, and a run with validation scores, run/."""
    folder = tmp_path_factory.mktemp("monitor")
    manifest = write_toy_dataset(folder / "task", frames=150)
    data = ("data=manifest", f"data.manifest={manifest}", "data.representation=keypoints", "data.seq_len=8")
    model = ("trainer=cpu", "model=pca_windows", "model.latent_dim=8")
    run(compose_train(*data, *model, f"paths.output_dir={folder}/run", f"paths.cache_dir={folder}/cache"))
    return folder
