"""A trained run that tests watch with."""

from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra

from hydra_config import ROOT
from skelmap.training.run import run
from synthetic_data import write_toy_dataset


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a data set, task/, and a run that knows its normal work, run/."""
    folder = tmp_path_factory.mktemp("monitor")
    task = write_toy_dataset(folder / "task", frames=150)
    GlobalHydra.instance().clear()
    small = ("trainer=cpu", "data=manifest", "data.representation=keypoints", "data.seq_len=8")
    model = ("model=pca_windows", "model.latent_dim=8")
    paths = (f"data.manifest={task}", f"paths.output_dir={folder}/run", f"paths.cache_dir={folder}/cache")
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        run(compose("train", [*small, *model, *paths]))
    return folder
