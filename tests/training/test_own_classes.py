"""Classes of the user's own: found by name, checked by their constructors, refused before work is lost."""

import re
import shutil
from pathlib import Path

import pytest
import torch
from pytorch_lightning import Callback

from hydra_config import ROOT, Compose, check
from skelmap.cli import main
from skelmap.training.run import fit, run
from skelmap.utils.errors import UserError

QUICK = ("data=manifest", "data.seq_len=8", "trainer=cpu", "trainer.max_epochs=1", "logger=csv")
MODULE = """
import pytorch_lightning as pl
from skelmap.data import SkeletonDataModule
from skelmap.models import AE


class Wide(AE):
    def __init__(self, factor: int = 2, loss: object = None, **more):
        super().__init__(**{**more, "latent_dim": factor * more.get("latent_dim", 8)})
        self.save_hyperparameters(ignore="map_channels", logger=False)


class Forgetful(AE):
    def save_hyperparameters(self, *args, **kwargs):
        pass


class Loss:
    pass


class Jitter(SkeletonDataModule):
    def __init__(self, pixels: float = 1.0, **more):
        super().__init__(**more)
        self.pixels = pixels


class Stateful(pl.Callback):
    def state_dict(self):
        return {"loss": Loss()}


def fails(result):
    raise RuntimeError("no such clip")
"""


@pytest.fixture(autouse=True)
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with the module own_classes is the current one."""
    (tmp_path / "own_classes.py").write_text(MODULE)
    (tmp_path / "own_broken.py").write_text("import json\nimport nowhere_to_be_found\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(__import__("sys").modules, "own_classes", raising=False)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            ["model._target_=own_classes.Wid"],
            r"model\._target_=own_classes\.Wid: own_classes has no Wid; did you mean",
        ),
        (["model._target_=own_clases.Wide"], "there is no package own_clases"),
        (["model._target_=own_broken.Wide"], r"No module named 'nowhere_to_be_found' \(.*own_broken\.py, line 2\)"),
        (["model._target_=own_classes.Jitter"], r"allowed: a class that derives from skelmap\.models\.base\.Model"),
        (["model._target_=own_classes.Wide", "+model.factr=1"], "no key model.factr; did you mean model.factor"),
        (["model._target_=own_classes.Wide", "+model.factor=a"], "model.factor=a; allowed: a whole number"),
        (
            ["model._target_=own_classes.Wide", "model.latent_dim=0"],
            "model.latent_dim=0; allowed: a whole",
        ),
        (["data._target_=own_classes.Wide"], "derives from skelmap.data.datamodule.SkeletonDataModule"),
        (["data._target_=own_classes.Jitter", "+data.pixls=1"], "no key data.pixls; did you mean data.pixels"),
        (["data._target_=own_classes.Jitter", "data.img_size=1"], "data.img_size=1; allowed: a whole number from 14"),
        (["+callbacks.own._target_=own_classes.Stateful", "+callbacks.own.x=1"], "There is no key callbacks.own.x"),
        (["+plots.own._target_=own_classes.failz"], "own_classes has no failz; did you mean fails"),
        (["+callbacks.own=EarlyStopping"], r"callbacks\.own=EarlyStopping; allowed: keys and values with a _target_"),
    ],
)
def test_a_wrong_name_or_value_is_refused(overrides: list[str], message: str, compose: Compose) -> None:
    with pytest.raises(UserError, match=message):
        check(compose("data=manifest", "data.manifest=x.csv", "model=ae", *overrides))


def test_a_model_without_hyperparameters_is_refused(task: Path, compose: Compose) -> None:
    with pytest.raises(UserError, match=r"must call self\.save_hyperparameters"):
        fit(compose(*QUICK, "model=ae", f"data.manifest={task}", "model._target_=own_classes.Forgetful"), Callback())


@pytest.mark.parametrize(
    ("override", "message"),
    [
        (
            ["model._target_=own_classes.Wide", "+model.loss={_target_: own_classes.Loss}"],
            r"hyper_parameters: holds own_classes\.Loss.*ignore=",
        ),
        (["+callbacks.own._target_=own_classes.Stateful"], r"Stateful: holds own_classes\.Loss; .*state_dict of callb"),
    ],
    ids=["model", "callback"],
)
def test_what_a_checkpoint_cannot_hold_is_refused_at_the_first(
    override: list[str], message: str, task: Path, compose: Compose
) -> None:
    with pytest.raises(UserError, match=message):
        fit(compose(*QUICK, "model=ae", f"data.manifest={task}", *override), Callback())


def test_own_classes_train_and_a_failing_plot_loses_nothing(task: Path, compose: Compose, tmp_path: Path) -> None:
    own = ("model._target_=own_classes.Wide", "+model.factor=3", "model.latent_dim=4", "+data.pixels=2.5")
    plot = "+plots.own._target_=own_classes.fails"
    run(compose(*QUICK, "model=ae", f"data.manifest={task}", "data._target_=own_classes.Jitter", *own, plot))
    content = torch.load(tmp_path / "run" / "checkpoints" / "best.ckpt", weights_only=True)
    assert content["hyper_parameters"]["factor"] == 3
    assert content["datamodule_hyper_parameters"]["pixels"] == 2.5
    assert "plots.own failed: RuntimeError: no such clip" in (tmp_path / "run" / "report.html").read_text()


def test_the_nodes_of_the_page_are_valid(compose: Compose, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (nodes,) = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / "extend.md").read_text(), re.DOTALL)
    lab = Path(shutil.copytree(ROOT / "examples" / "my_lab", tmp_path / "lab"))
    (lab / "conf/experiment/page.yaml").write_text(f"# @package _global_\n{nodes}")
    monkeypatch.chdir(lab)
    monkeypatch.setenv("SKELMAP_CONFIG_DIR", "conf")
    cfg = compose("data=manifest", "data.manifest=x.csv", "model=gru", "experiment=page")
    check(cfg)
    assert {"norm", "timer", "progress"} == set(cfg.callbacks) and cfg.data.window == "sequence"
    monkeypatch.setenv("SKELMAP_CONFIG_DIR", "nowhere")
    with pytest.raises(SystemExit, match="there is no folder nowhere"):
        main(["train", "--help"])
