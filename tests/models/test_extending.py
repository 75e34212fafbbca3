"""docs/extend.md, followed to the letter: its model trains, on maps and on keypoints."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from hydra_config import ROOT

SMALL = ("data=manifest", "data.seq_len=8", "trainer=cpu", "trainer.max_epochs=1", "model.hidden_size=16")


@pytest.mark.slow
@pytest.mark.parametrize("representation", ["maps", "keypoints"])
def test_the_page_s_model_trains(representation: str, task: Path, tmp_path: Path) -> None:
    page = (ROOT / "docs" / "extend.md").read_text()
    (code,), (configuration,) = (re.findall(rf"```{kind}\n(.*?)```", page, re.DOTALL) for kind in ("python", "yaml"))
    for name in ("src", "conf", "train.py"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, tmp_path / name)
    models = tmp_path / "src/skelmap/models"
    (models / "gru.py").write_text(code)
    exports = (models / "__init__.py").read_text().replace("__all__ = [", '__all__ = [\n    "GRUAE",')
    (models / "__init__.py").write_text(f"{exports}\nfrom skelmap.models.gru import GRUAE  # noqa\n")
    (tmp_path / "conf/model/gru.yaml").write_text(configuration)
    words = (*SMALL, "model=gru", f"data.manifest={task}", f"data.representation={representation}", "hydra.run.dir=run")
    done = subprocess.run(
        [sys.executable, "train.py", *words],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path / "src")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    numbers = json.loads((tmp_path / "run/metrics.json").read_text())
    assert numbers["model"].startswith("GRU autoencoder") and 0 <= numbers["auroc"] <= 1
    assert (tmp_path / "run/figures/reconstructions.png").exists() == (representation == "maps")
