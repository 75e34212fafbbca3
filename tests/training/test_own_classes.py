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
import torch
from torch import nn
from skelmap.data import SkeletonDataModule
from skelmap.models import AE, InputDefaults, Model


class Wide(AE):
    def __init__(self, factor: int = 2, loss: object = None, **more):
        super().__init__(**{**more, "latent_dim": factor * more.get("latent_dim", 8)})
        self.save_hyperparameters(ignore="map_channels", logger=False)


class Forgetful(AE):
    def save_hyperparameters(self, *args, **kwargs):
        pass


class Plain(Model):
    def __init__(self, seq_len: int, layout: str, hidden: int = 4, lr: float = 1e-3):
        super().__init__()
        self.save_hyperparameters(logger=False)
        self.gru = nn.GRU(50, hidden, batch_first=True)
        self.out = nn.Linear(hidden, 50)

    @classmethod
    def input_defaults(cls, parameters):
        return InputDefaults("keypoints", "sequence", seq_len=8)

    def forward(self, windows):
        return self.out(self.gru(windows.flatten(2))[0]).view_as(windows)

    def training_step(self, batch):
        return {"loss": self.score_windows(batch.windows)[0].mean()}

    def validation_step(self, batch):
        self.log("val/loss", self.score_windows(batch.windows)[0].mean())

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), self.hparams.lr)

    def score_windows(self, windows):
        return self.score_and_attribution(windows)[0], None

    def score_and_attribution(self, windows):
        error = (self(windows) - windows) ** 2
        return error.mean((1, 2, 3, 4)), error


class Diverging(Plain):
    def validation_step(self, batch):
        self.log("val/loss", torch.tensor(torch.nan))


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
        (["model=lstm_vae", "+model.seq_len=9"], "model.seq_len=9 has no effect.*or set data.seq_len"),
        (["model=lstm_vae", "+model.layout=COCO_17"], "model.layout=COCO_17 has no effect.*drop it$"),
        (["model=lstm_vae", "+model.seq_len=${data.seq_len}"], "model.seq_len: refers to itself"),
        (
            ["~model.learning_rate", "scheduler=onecycle"],
            r"scheduler\.max_lr: .*'model\.learning_rate' not found; set scheduler\.max_lr=VALUE",
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


def own(tmp_path: Path, name: str) -> list[str]:
    """Overrides for a model of the module whose configuration names nothing else."""
    folder = tmp_path / "conf" / "model"
    folder.mkdir(parents=True)
    (folder / "own.yaml").write_text(f"_target_: own_classes.{name}\n")
    return [*QUICK, "model=own"]


def test_a_model_written_as_for_lightning_trains(
    task: Path, compose: Compose, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a title, a returned validation loss or defaults for the sizes of the data; its loss in a dictionary."""
    monkeypatch.setenv("SKELMAP_CONFIG_DIR", str(tmp_path / "conf"))
    metrics = run(compose(*own(tmp_path, "Plain"), f"data.manifest={task}"))
    assert metrics["model"] == "Plain" and metrics["val_loss"] > 0
    content = torch.load(tmp_path / "run" / "checkpoints" / "best.ckpt", weights_only=True)
    assert content["hyper_parameters"] == {"seq_len": 8, "layout": "BODY_25", "hidden": 4, "lr": 1e-3}


def test_a_logged_loss_that_is_not_finite_ends_training(
    task: Path, compose: Compose, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SKELMAP_CONFIG_DIR", str(tmp_path / "conf"))
    with pytest.raises(UserError, match="epoch 1: val/loss is nan"):
        fit(compose(*own(tmp_path, "Diverging"), f"data.manifest={task}"), Callback())
    assert not list((tmp_path / "run" / "checkpoints").glob("*"))


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
