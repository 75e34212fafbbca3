"""Every flag of Lightning's Trainer works, or is refused with the reason before any work."""

import csv
import inspect
import math
from pathlib import Path

import pytest
import pytorch_lightning as pl
import torch

from hydra_config import Compose, check
from skelmap.training.run import run
from skelmap.utils.errors import UserError

SHORTER = "+trainer.limit_train_batches=N makes epochs of N batches"
REFUSED = {
    "max_epochs=0": "a whole number from 1 to 1000000",
    "+max_steps=7": f"-1: trainer.max_epochs counts; {SHORTER}",
    "+limit_train_batches=0": "null, a number of batches from 1, or a share above 0 up to 1.0",
    "+limit_train_batches=1.5": "null, a number of batches from 1, or a share above 0 up to 1.0",
    "+limit_val_batches=-1": "null, a number of batches, or a share from 0.0 to 1.0",
    "+limit_test_batches=1": "null: all test windows are scored; trainer=debug is a short trial",
    "+limit_predict_batches=1": "null: all test windows are scored; trainer=debug is a short trial",
    "+fast_dev_run=True": "false; trainer=debug is a short trial",
    "+overfit_batches=2": f"0: windows are in random order; {SHORTER}",
    "check_val_every_n_epoch=null": "a whole number of at least 1",
    "check_val_every_n_epoch=31": "up to trainer.max_epochs=30, or +trainer.limit_val_batches=0",
    "+val_check_interval=0.5": f"1.0, the end of an epoch; {SHORTER}",
    "+val_check_interval=1": f"1.0, the end of an epoch; {SHORTER}",
    "precision=64-true": "32-true, 16-mixed, bf16-mixed",
    "+strategy=fsdp": "auto, ddp",
    "+num_nodes=2": "1: the devices of one machine",
    "use_distributed_sampler=True": "false: the data divide every batch among the devices",
    "+enable_checkpointing=False": "true: the checkpoint of the best epoch is evaluated",
    "+barebones=True": "false: a run keeps losses and checkpoints",
    "+logger=False": "null; loggers are chosen with logger=..., ~logger for none",
    "+callbacks=[]": "null; callbacks are those of the group callbacks",
    "+plugins=[]": "null",
    "+model_registry=here": "null",
}
WORKING = {
    **{"accelerator": "cpu", "devices": 1, "min_epochs": 2, "min_steps": 2, "num_sanity_val_steps": 1},
    **{"log_every_n_steps": 1, "enable_progress_bar": "false", "enable_model_summary": "true", "benchmark": "false"},
    **{"accumulate_grad_batches": 2, "gradient_clip_val": 1.0, "gradient_clip_algorithm": "norm"},
    **{"deterministic": "warn", "inference_mode": "false", "profiler": "simple", "detect_anomaly": "true"},
    **{"sync_batchnorm": "false", "reload_dataloaders_every_n_epochs": 1, "enable_autolog_hparams": "false"},
    **{"max_time": "00:01:00:00", "default_root_dir": "elsewhere"},
}
SMALL = ("model=ae", "model.channels=[2,4]", "data.seq_len=8", "data.window_stride=4", "data.batch_size=10")


@pytest.mark.parametrize("flag", REFUSED)
def test_a_flag_that_would_be_ignored_or_spoil_a_run_is_refused(flag: str, compose: Compose) -> None:
    plus, word = flag[: flag.startswith("+")], flag.removeprefix("+")
    value = {"null": "None"}.get(word.split("=")[1], word.split("=")[1])
    with pytest.raises(UserError) as error:
        check(compose("data=manifest", "data.manifest=x.csv", f"{plus}trainer.{word}"))
    assert str(error.value).startswith(f"trainer.{word.split('=')[0]}={value}; allowed: {REFUSED[flag]}")


def test_every_flag_of_lightning_is_tried() -> None:
    tried = {flag.lstrip("+").split("=")[0] for flag in REFUSED} | WORKING.keys()
    assert tried == inspect.signature(pl.Trainer).parameters.keys()


def test_the_other_flags_work_together(task: Path, compose: Compose, tmp_path: Path) -> None:
    flags = [f"++trainer.{key}={value}" for key, value in WORKING.items()]
    data = ("data=manifest", f"data.manifest={task}")
    metrics = run(compose(*data, *SMALL, *flags, "trainer.max_epochs=2", f"trainer.default_root_dir={tmp_path}/root"))
    assert metrics["epochs"] == 2 and metrics["auroc"] is not None


@pytest.mark.parametrize(("model", "seconds"), [("ae", 0), ("pca", 0)])
def test_a_time_in_which_nothing_is_trained_is_refused(model: str, seconds: int, task: Path, compose: Compose) -> None:
    words = ("data=manifest", f"data.manifest={task}", f"model={model}", "data.seq_len=8", "trainer=cpu")
    with pytest.raises(UserError, match=r"no epoch was trained in trainer\.max_time=\{'seconds': 0\}"):
        run(compose(*words, f"+trainer.max_time={{seconds:{seconds}}}"))


def test_what_lightning_refuses_when_training_starts_has_no_traceback(task: Path, compose: Compose) -> None:
    words = ("data=manifest", f"data.manifest={task}", "model=pca", "model.latent_dim=4", "data.seq_len=8")
    with pytest.raises(UserError, match=r"trainer: .*Remove `Trainer\(accumulate_grad_batches=2\)`"):
        run(compose(*words, "+trainer.accumulate_grad_batches=2", "trainer=cpu"))


def history(folder: Path, checkpoint: str) -> dict[str, list[float]]:
    content = torch.load(folder / "checkpoints" / checkpoint, weights_only=True)
    epochs: dict[str, list[float]] = content["callbacks"]["History"]["epochs"]
    return epochs


def test_epochs_without_validation_have_no_validation_loss(
    task: Path, compose: Compose, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    words = ("data=manifest", f"data.manifest={task}", *SMALL, "trainer=cpu", "trainer.max_epochs=5")
    with caplog.at_level("INFO", "skelmap"):
        metrics = run(compose(*words, "trainer.check_val_every_n_epoch=2"))
    lines = [line for line in caplog.messages if line.startswith("epoch ")]
    assert ["val/loss" in line for line in lines] == [False, True, False, True, False]
    epochs = history(tmp_path / "run", "last.ckpt")
    assert [math.isnan(loss) for loss in epochs["val/loss"]] == [True, False, True, False, True]
    assert [math.isnan(loss) for loss in epochs["train/loss"]] == [False] * 5
    assert metrics["val_loss"] == min(epochs["val/loss"][1], epochs["val/loss"][3])
    best = 2 if epochs["val/loss"][1] <= epochs["val/loss"][3] else 4
    assert len(history(tmp_path / "run", "best.ckpt")["val/loss"]) == best
    (table,) = (tmp_path / "run" / "log").rglob("metrics.csv")
    with table.open(newline="") as file:
        assert [row["epoch"] for row in csv.DictReader(file) if row["val/loss"]] == ["1", "3"]


def test_without_validation_the_last_epoch_counts_and_that_is_said(
    task: Path, compose: Compose, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    words = ("data=manifest", f"data.manifest={task}", *SMALL, "trainer=cpu", "trainer.max_epochs=2")
    metrics = run(compose(*words, "+trainer.limit_val_batches=0"))
    assert "the last epoch's weights are evaluated, not the best epoch's" in caplog.text
    assert metrics["val_loss"] is None and metrics["epochs"] == 2
    weights = [torch.load(tmp_path / "run/checkpoints" / f"{name}.ckpt")["state_dict"] for name in ("best", "last")]
    assert all(torch.equal(weights[0][key], weights[1][key]) for key in weights[0])
    assert (tmp_path / "run" / "validation_scores.npz").exists()
