"""Optimisers, schedules and callbacks of the configuration: they train, and resuming with them is exact."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from pytorch_lightning import Callback
from torch import Tensor

from hydra_config import Compose, check
from skelmap.models.ae import AE
from skelmap.training.run import fit, run
from skelmap.utils.errors import UserError
from synthetic_data import write_toy_dataset

SMALL = ("model=ae", "model.channels=[4,8]", "model.latent_dim=4", "data=manifest", "data.seq_len=8")
FAST = ("data.window_stride=6", "trainer=cpu")


@pytest.fixture
def train(task: Path, compose: Compose, tmp_path: Path) -> Any:
    """A function that trains in a folder of a name, evaluates nothing, and gives the last checkpoint."""

    def train_in(name: str, *overrides: str) -> dict[str, Any]:
        fit(compose(*SMALL, *FAST, f"data.manifest={task}", *overrides, run=tmp_path / name), Callback())
        return last_checkpoint(tmp_path / name)

    return train_in


def last_checkpoint(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)
    return content


def rates(folder: Path) -> list[float]:
    """Learning rates that callbacks=lr_monitor has logged."""
    with (folder / "log/version_0/metrics.csv").open() as file:
        values = [value for row in csv.DictReader(file) for key, value in row.items() if key.startswith("lr-")]
    return [float(value) for value in values if value]


def same_weights(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return all(torch.equal(value, other["state_dict"][name]) for name, value in one["state_dict"].items())


def test_the_adam_of_the_configuration_is_that_of_the_model(train: Any) -> None:
    own, chosen = train("own", "trainer.max_epochs=2"), train("chosen", "trainer.max_epochs=2", "optimizer=adam")
    assert same_weights(own, chosen)


SCHEDULES = {
    "onecycle": lambda rates: 9e-4 < rates[0] < 1e-3 and rates[-1] < 1e-6,
    "cosine": lambda rates: rates == pytest.approx([1e-3, 7.5e-4, 2.5e-4], rel=1e-6),
    "plateau": lambda rates: rates == pytest.approx([1e-3, 1e-3, 1e-4]),
}


@pytest.mark.parametrize("scheduler", SCHEDULES)
def test_a_run_resumes_its_optimiser_and_schedule_exactly(
    scheduler: str, train: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["optimizer=adamw", f"scheduler={scheduler}", "callbacks=[default,lr_monitor]", "trainer.max_epochs=3"]
    words += ["scheduler.patience=0", "+scheduler.threshold=1e9", "+scheduler.threshold_mode=abs"] * (
        scheduler == "plateau"
    )
    step = AE.training_step

    def interrupted(model: AE, batch: Any) -> Tensor:
        if model.current_epoch == 2:
            raise RuntimeError("interrupted")
        return step(model, batch)

    whole = train("whole", *words)
    assert SCHEDULES[scheduler](rates(tmp_path / "whole"))
    with monkeypatch.context() as patch, pytest.raises(RuntimeError, match="interrupted"):
        patch.setattr(AE, "training_step", interrupted)
        train("cut", *words)
    assert same_weights(train("cut", *words), whole)


CHANGES = {
    "optimizer.weight_decay=0.2": r"optimizer: .* weight_decay=0.01; allowed is that, not 0.2",
    "trainer.max_epochs=3": r"scheduler: the checkpoint's ends after \d+ batches",
    "scheduler=none": "scheduler: the checkpoint was trained with one",
    "optimizer=adam": "optimizer: .* weight_decay=0.01; allowed is that, not 0.0",
}


def test_another_optimiser_than_the_checkpoint_s_is_refused(train: Any, tmp_path: Path) -> None:
    words = ["optimizer=adamw", "scheduler=onecycle", "trainer.max_epochs=1"]
    train("first", *words)
    for number, (change, message) in enumerate(CHANGES.items()):
        with pytest.raises(UserError, match=message):
            train(f"next{number}", *words, f"ckpt_path={tmp_path}/first/checkpoints/last.ckpt", change)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            ["model=ae", "callbacks=early_stopping"],
            "EarlyStopping watches val/loss, and there are no",
        ),
        (["model=ae", "scheduler=plateau"], "ReduceLROnPlateau watches val/loss, and there are no validation windows"),
        (["model=ae", "callbacks=lr_monitor", "~logger"], "LearningRateMonitor.*logger"),
        (["callbacks=swa", "model=mean_template"], "fitted in one step, without weights"),
    ],
)
def test_a_callback_that_lacks_what_it_needs_is_refused(
    overrides: list[str], message: str, tmp_path: Path, compose: Compose
) -> None:
    manifest = write_toy_dataset(tmp_path / "task", with_val=False)
    words = ["data=manifest", f"data.manifest={manifest}", "data.seq_len=8", *FAST, "trainer.max_epochs=1"]
    with pytest.raises(UserError, match=message):
        fit(compose(*words, *overrides), Callback())


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["model=pca", "optimizer=sgd"], "optimizer=torch.optim.SGD: the model is fitted in one step"),
        (
            ["model=ae", "optimizer=sgd", "+optimizer.momentun=1"],
            "no key optimizer.momentun; did you mean",
        ),
        (["model=ae", "scheduler=cosine", "scheduler.T_max=ten"], "scheduler.T_max=ten; allowed: a whole number"),
        (["model=ae", "callbacks=early_stopping", "callbacks.early_stopping.patience=x"], "early_stopping.patience=x"),
    ],
)
def test_a_wrong_optimiser_is_refused_before_any_work(overrides: list[str], message: str, compose: Compose) -> None:
    with pytest.raises(UserError, match=message):
        check(compose("data=manifest", "data.manifest=x.csv", *overrides))


@pytest.mark.slow  # three evaluations
def test_a_stopped_training_stays_stopped(
    task: Path, compose: Compose, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = [*SMALL, *FAST, f"data.manifest={task}", "callbacks=[default,early_stopping]", "trainer.max_epochs=9"]
    words += ["callbacks.early_stopping.patience=2", "callbacks.early_stopping.min_delta=1e9"]  # nothing is a fall
    run(compose(*words, run=tmp_path / "whole"))
    assert last_checkpoint(tmp_path / "whole")["epoch"] == 2

    def fails(*args: Any) -> None:
        raise RuntimeError("interrupted")

    with monkeypatch.context() as patch, pytest.raises(RuntimeError, match="interrupted"):
        patch.setattr("skelmap.training.run.predict", fails)
        run(compose(*words, run=tmp_path / "cut"))
    run(compose(*words, run=tmp_path / "cut"))
    assert same_weights(*(last_checkpoint(tmp_path / name) for name in ("whole", "cut")))
    texts = [json.loads((tmp_path / name / "metrics.json").read_text()) for name in ("whole", "cut")]
    assert texts[0]["epochs"] == texts[1]["epochs"] == 3 and texts[0]["auroc"] == texts[1]["auroc"]


@pytest.mark.slow
def test_averaged_weights_are_the_mean_of_the_last_epochs(train: Any, tmp_path: Path) -> None:
    plain = [train(f"plain{n}", f"trainer.max_epochs={n}")["state_dict"] for n in (2, 3)]
    words = ("callbacks=[default,swa]", "callbacks.swa.first_epoch=2")
    averaged = train("averaged", *words, "trainer.max_epochs=3")
    for name, value in averaged["state_dict"].items():
        if value.is_floating_point():
            torch.testing.assert_close(value, (plain[0][name] + plain[1][name]) / 2, rtol=1e-4, atol=1e-6)
    train("two", *words, "trainer.max_epochs=2")
    resumed = train("three", *words, "trainer.max_epochs=3", f"ckpt_path={tmp_path}/two/checkpoints/last.ckpt")
    assert same_weights(resumed, averaged)


def test_the_profiler_writes_where_the_time_goes(train: Any, tmp_path: Path) -> None:
    train("run", "callbacks=[default,profiler]", "trainer.max_epochs=1")
    assert "optimizer_step" in (tmp_path / "run" / "fit-profile.txt").read_text()
