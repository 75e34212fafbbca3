"""Weights & Biases: online with an account, else offline; WANDB_MODE of the user is kept. Names of metrics."""

import logging
import os
import sys
import time
from pathlib import Path

import pytest
from pytorch_lightning.loggers import WandbLogger

from skelmap.training.loggers import closing, scalars, wandb_logger
from skelmap.utils.errors import UserError
from wandb_offline import OfflineRun


@pytest.fixture
def no_account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for key in ("NETRC", *(key for key in os.environ if key.startswith("WANDB_"))):
        monkeypatch.delenv(key, raising=False)
    monkeypatch.setenv("WANDB_MODE", "x")  # so that monkeypatch restores what wandb_logger changes
    monkeypatch.delenv("WANDB_MODE")
    monkeypatch.setenv("HOME", str(tmp_path))
    return monkeypatch


def mode_after_opening(folder: Path) -> str | None:
    pytest.importorskip("wandb")
    wandb_logger(str(folder / "run"))
    return os.environ.get("WANDB_MODE")


def test_without_an_account_runs_are_offline_and_the_log_says_how_to_sync(
    no_account: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        assert mode_after_opening(tmp_path) == "offline"
    assert f"wandb sync {tmp_path}/run/wandb/offline-run-*" in caplog.text


def test_with_a_key_or_a_netrc_entry_runs_are_online(no_account: pytest.MonkeyPatch, tmp_path: Path) -> None:
    no_account.setenv("WANDB_API_KEY", "0" * 40)
    assert mode_after_opening(tmp_path) is None
    no_account.delenv("WANDB_API_KEY")
    netrc = tmp_path / ".netrc"
    netrc.write_text("machine api.wandb.ai login user password secret\n")
    netrc.chmod(0o600)
    assert mode_after_opening(tmp_path) is None
    netrc.write_text("machine elsewhere.example login user password secret\n")
    assert mode_after_opening(tmp_path) == "offline"


def test_the_account_is_looked_up_for_the_server_in_use(no_account: pytest.MonkeyPatch, tmp_path: Path) -> None:
    no_account.setenv("WANDB_BASE_URL", "https://wandb.example:8080/x")
    netrc = tmp_path / ".netrc"
    netrc.write_text("machine wandb.example login user password secret\n")
    netrc.chmod(0o600)
    assert mode_after_opening(tmp_path) is None


@pytest.mark.parametrize("mode", ["disabled", "online", "offline"])
def test_the_mode_of_the_user_is_kept(no_account: pytest.MonkeyPatch, tmp_path: Path, mode: str) -> None:
    no_account.setenv("WANDB_MODE", mode)
    assert mode_after_opening(tmp_path) == mode


def test_a_missing_package_is_named_with_its_installation(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(UserError, match="logger=wandb needs the package wandb: pip install"):
        wandb_logger(str(tmp_path))


def test_long_names_are_shortened_to_the_limit_of_the_server(no_account: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("wandb")
    long = "data.img_size=28,data.seq_len=30," * 5
    names = [wandb_logger(str(tmp_path / f"{long}seed={seed}"))._wandb_init["name"] for seed in (0, 1, 0)]
    assert [len(name) for name in names] == [128] * 3
    assert names[0] == names[2] != names[1] and long.startswith(names[0][:119])


ENVIRONMENT = {"PROJECT": "mine", "NAME": "one", "RUN_GROUP": "two", "JOB_TYPE": "three"}


@pytest.mark.parametrize("given", [False, True])
def test_names_are_those_of_the_configuration_else_of_the_environment_else_of_the_folder(
    given: bool, no_account: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pytest.importorskip("wandb")
    keys = ("project", "name", "group", "job_type")
    values = dict(zip(keys, "abcd", strict=True)) if given else {}

    def names() -> list[str | None]:
        logger = wandb_logger(str(tmp_path / "run"), **values)
        assert isinstance(logger, WandbLogger)
        return [logger._wandb_init[key] for key in keys]

    assert names() == (list("abcd") if given else ["skelmap", "run", None, None])
    for key, value in ENVIRONMENT.items():
        no_account.setenv(f"WANDB_{key}", value)
    assert names() == (list("abcd") if given else list(ENVIRONMENT.values()))


def test_account_tags_and_notes_of_the_environment_are_kept(no_account: pytest.MonkeyPatch, tmp_path: Path) -> None:
    wandb = pytest.importorskip("wandb")
    for key, value in (("ENTITY", "team"), ("TAGS", "a,b"), ("NOTES", "why"), ("PROJECT", "mine")):
        no_account.setenv(f"WANDB_{key}", value)
    with closing([logger := wandb_logger(str(tmp_path))]):
        run = logger.experiment
        assert (run.entity, run.tags, run.notes, run.project) == ("team", ("a", "b"), "why", "mine")
    assert wandb.run is None


def test_an_error_closes_the_run_and_marks_it_as_failed(no_account: pytest.MonkeyPatch, tmp_path: Path) -> None:
    wandb = pytest.importorskip("wandb")
    logger = wandb_logger(str(tmp_path))
    with pytest.raises(ZeroDivisionError), closing([logger]):
        logger.log_metrics({"train/loss": 1.0})
        assert wandb.run is not None
        raise ZeroDivisionError
    assert wandb.run is None
    (folder,) = tmp_path.glob("wandb/offline-run-*")
    until = time.monotonic() + 20
    while OfflineRun(folder).exit_code is None and time.monotonic() < until:  # W&B's service writes a moment later
        time.sleep(0.1)
    assert OfflineRun(folder).exit_code == 1


def test_closing_opens_no_run_if_nothing_was_logged(no_account: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), closing([wandb_logger(str(tmp_path))]):
        raise ZeroDivisionError
    assert not (tmp_path / "wandb").exists()


def test_metrics_of_the_test_split_have_their_own_prefix() -> None:
    metrics = {
        **{"model": "AE", "simulated": False, "seed": 3, "epochs": 2, "val_loss": 5.0, "train_seconds": 1.5},
        **{"parameters": 7, "peak_memory_mb": 8, "auroc": 0.7, "auroc_interval": [0.5, 0.9], "auroc_window": None},
        **{"auroc_reason": "few", "auroc_window_interval": None, "base_rate": 0.25, "score": "online", "seq_len": 30},
        "details": {"online": {"actions": [{"action": "run", "auroc": 0.8}, {"action": "wave", "auroc": None}]}},
    }
    assert scalars(metrics) == {
        **{"val/best_loss": 5.0, "cost/train_seconds": 1.5, "cost/parameters": 7, "cost/peak_memory_mb": 8},
        **{"test/auroc": 0.7, "test/auroc_low": 0.5, "test/auroc_high": 0.9, "test/base_rate": 0.25},
        "test/actions/run/auroc": 0.8,
    }
