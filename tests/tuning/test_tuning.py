"""Searches: what is optimised, what is never looked at, what several workers and the death of one leave behind."""

import logging
import math
import shutil
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import optuna
import pytest
import pytorch_lightning as pl
import torch

from cli_runs import train
from skelmap.data.datamodule import SkeletonDataModule
from skelmap.models.ae import AE
from skelmap.tuning.space import read_space
from skelmap.tuning.storage import TrialStorage
from skelmap.tuning.trial import ReportLoss
from skelmap.tuning.tune import search
from skelmap.utils.errors import UserError
from synthetic_data import write_toy_dataset
from tuning_runs import begin, best, logged_losses, overrides, recipe, table, write_space


@pytest.fixture(autouse=True)
def quiet() -> None:
    optuna.logging.set_verbosity(optuna.logging.WARNING)


def forbid_the_test_split(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = SkeletonDataModule._split_rows

    def guarded(self: SkeletonDataModule, split: str) -> Any:
        assert split != "test", "the test split was looked at"
        return rows(self, split)

    def forbidden(*_: Any, **__: Any) -> None:
        raise AssertionError("something was scored")

    monkeypatch.setattr(SkeletonDataModule, "_split_rows", guarded)
    monkeypatch.setattr(pl.Trainer, "predict", forbidden)
    monkeypatch.setattr(AE, "predict_step", forbidden)
    monkeypatch.setattr("skelmap.training.run.evaluate", forbidden)


def test_the_best_trial_is_the_lowest_loss_of_the_logs_and_the_test_split_is_not_read(
    task: Path,
    shared_cache: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    forbid_the_test_split(monkeypatch)
    with caplog.at_level(logging.INFO, "skelmap"):
        search(recipe(task, shared_cache), read_space(write_space(tmp_path)), tmp_path / "found", 4)
    lowest = {number: min(losses) for number, losses in logged_losses(tmp_path / "found").items()}
    winner = min(lowest, key=lambda number: lowest[number])
    chosen, rows = best(tmp_path / "found"), table(tmp_path / "found")
    assert len(lowest) == len(rows) == 4
    assert [float(row["val_loss"]) for row in rows] == pytest.approx([lowest[n] for n in range(4)])
    assert (chosen["trial"], chosen["val_loss"]) == (winner, pytest.approx(lowest[winner]))
    assert all(f"{key}={rows[winner][key]}" in chosen["overrides"] for key in list(rows[0])[4:])
    assert (tmp_path / "found" / "search.png").read_bytes().startswith(b"\x89PNG")
    assert len([line for line in caplog.messages if line.startswith("trial ") and "s left" in line]) == 4


@pytest.mark.slow
def test_the_best_command_trains_what_the_trial_trained(task: Path, shared_cache: Path, tmp_path: Path) -> None:
    search(recipe(task, shared_cache), read_space(write_space(tmp_path)), tmp_path / "found", 1)
    program, script, *arguments = best(tmp_path / "found")["command"].split()
    assert (program, script) == ("python", "train.py")
    done = train(tmp_path, *arguments, f"hydra.run.dir={tmp_path}/again")
    assert done.returncode == 0, done.stderr
    once, again = (
        torch.load(path / "checkpoints" / "best.ckpt", weights_only=True)["state_dict"]
        for path in (tmp_path / "found" / "trials" / "000", tmp_path / "again")
    )
    assert all(torch.allclose(once[name], again[name], atol=1e-5) for name in once)


@pytest.mark.slow
def test_trials_do_not_depend_on_where_a_search_was_cut(task: Path, shared_cache: Path, tmp_path: Path) -> None:
    space = read_space(write_space(tmp_path))
    search(recipe(task, shared_cache), space, tmp_path / "whole", 2)
    for asked in (1, 2, 1):
        search(recipe(task, shared_cache), space, tmp_path / "cut", asked)
    assert table(tmp_path / "cut") == table(tmp_path / "whole")
    assert len({row["model.learning_rate"] for row in table(tmp_path / "whole")}) == 2


def test_a_folder_is_one_search(task: Path, shared_cache: Path, tmp_path: Path) -> None:
    space = read_space(write_space(tmp_path))
    search(recipe(task, shared_cache), space, tmp_path / "found", 1)
    with pytest.raises(UserError, match="holds a search with other settings"):
        search(recipe(task, shared_cache, "seed=1"), space, tmp_path / "found", 2)
    other = read_space(write_space(tmp_path, "model.latent_dim: {int: [2, 4]}\n"))
    with pytest.raises(UserError, match="holds a search with other settings"):
        search(recipe(task, shared_cache), other, tmp_path / "found", 2)


def test_without_validation_recordings_nothing_is_searched(tmp_path: Path) -> None:
    task = write_toy_dataset(tmp_path / "task", with_val=False)
    with pytest.raises(UserError, match="has no split val"):
        search(recipe(task, tmp_path / "cache"), read_space(write_space(tmp_path)), tmp_path / "found", 1)
    assert not (tmp_path / "found" / "trials").exists()


def test_a_failed_trial_says_why_and_the_others_go_on(
    task: Path, shared_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps, loss = [0], AE.training_step

    def broken_once(self: AE, batch: Any) -> Any:
        steps[0] += 1
        if steps[0] == 1:
            raise MemoryError("too large")
        return loss(self, batch)

    monkeypatch.setattr(AE, "training_step", broken_once)
    search(recipe(task, shared_cache), read_space(write_space(tmp_path)), tmp_path / "found", 2)
    assert [row["state"] for row in table(tmp_path / "found")] == ["fail", "complete"]
    assert "too large" in (tmp_path / "found" / "trials" / "000" / "failed.txt").read_text()
    assert best(tmp_path / "found")["trial"] == 1


def report(study: optuna.Study, losses: list[float]) -> int:
    """Report losses until the callback prunes; give the epochs that went by."""
    trial = study.ask()
    callback = ReportLoss(trial)
    for epoch, loss in enumerate(losses):
        try:
            callback.on_train_epoch_end(
                SimpleNamespace(callback_metrics={"val/loss": torch.tensor(loss)}, current_epoch=epoch), None
            )
        except optuna.TrialPruned:
            study.tell(trial, state=optuna.trial.TrialState.PRUNED)
            return epoch + 1
    study.tell(trial, min(losses))
    return len(losses)


def test_the_callback_prunes_what_is_worse_than_the_median_after_the_warmup(tmp_path: Path) -> None:
    study = TrialStorage(tmp_path, seed=0, warmup=2).study
    for level in (1.0, 2.0, 3.0, 4.0, 5.0):
        assert report(study, [level] * 6) == 6
    assert report(study, [2.9] * 6) == 6
    assert report(study, [4.5] * 6) == 3
    assert report(study, [4.5, 4.5, 1.5, 1.5]) == 4
    assert [t.intermediate_values for t in study.trials][6] == {0: 4.5, 1: 4.5, 2: 4.5}


def test_a_loss_that_is_not_finite_ends_a_trial_at_once(tmp_path: Path) -> None:
    study = TrialStorage(tmp_path, seed=0, warmup=100).study
    assert report(study, [1.0, math.nan, 1.0]) == 2
    assert report(study, [math.inf, 1.0]) == 1
    assert [t.state.name for t in study.trials] == ["PRUNED", "PRUNED"]


def test_a_running_trial_belongs_to_its_worker_until_that_is_gone(tmp_path: Path) -> None:
    first, second = (TrialStorage(tmp_path, seed=0, warmup=1) for _ in range(2))
    held, other = first.next(2), second.next(2)
    assert held is not None and other is not None and (held.number, other.number) == (0, 1)
    assert second.next(2) is None  # enough trials, and both are held
    value = held.suggest_float("x", 0, 1)
    first._held[0].release()  # what the kernel does for a process that dies
    taken = second.next(2)
    assert taken is not None and taken.number == 0
    assert taken.suggest_float("x", 0, 1) == value
    second.finish(taken, optuna.trial.TrialState.COMPLETE, 1.0)
    assert [t.state.name for t in first.study.trials] == ["COMPLETE", "RUNNING"]


def test_a_half_written_last_line_of_the_journal_is_forgotten(tmp_path: Path) -> None:
    ledger = TrialStorage(tmp_path, seed=0, warmup=1)
    trial = ledger.next(1)
    assert trial is not None
    with (tmp_path / "journal.log").open("a") as file:
        file.write('{"op_code": 6, "tri')
    again = TrialStorage(tmp_path, seed=0, warmup=1)
    ledger.finish(trial, optuna.trial.TrialState.COMPLETE, 2.0)
    assert [t.value for t in again.study.trials] == [2.0]
    assert len(TrialStorage(tmp_path, seed=0, warmup=1).study.trials) == 1


@pytest.mark.slow
def test_two_workers_share_one_search(task: Path, tmp_path: Path) -> None:
    arguments = (*overrides(task), "--space", str(write_space(tmp_path)), "--folder", "found", "--trials", "9")
    workers = [begin(tmp_path, *arguments) for _ in range(2)]
    said = [worker.communicate(timeout=300)[0] for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0], said
    numbers = [{int(line.split()[1]) for line in text.splitlines() if line.startswith("trial ")} for text in said]
    assert numbers[0] and numbers[1], "one of them did nothing"
    assert not numbers[0] & numbers[1] and numbers[0] | numbers[1] == set(range(9))
    rows = table(tmp_path / "found")
    assert [row["state"] in ("complete", "pruned") for row in rows] == [True] * 9
    assert len({row["model.learning_rate"] for row in rows}) == 9
    lowest = {number: min(losses) for number, losses in logged_losses(tmp_path / "found").items()}
    complete = [int(row["trial"]) for row in rows if row["state"] == "complete"]
    assert best(tmp_path / "found")["trial"] == min(complete, key=lambda number: lowest[number])


@pytest.mark.slow
def test_a_killed_search_goes_on_to_exactly_the_asked_number_of_trials(task: Path, tmp_path: Path) -> None:
    arguments = (*overrides(task), "trainer.max_epochs=12", "--space", str(write_space(tmp_path)), "--folder", "found")
    worker = begin(tmp_path, *arguments, "--trials", "6")
    last = tmp_path / "found" / "trials" / "001" / "checkpoints" / "last.ckpt"
    waited = time.monotonic()
    while not last.exists():
        assert worker.poll() is None and time.monotonic() - waited < 200
        time.sleep(0.01)
    worker.kill()
    worker.wait()
    shutil.copy(last, tmp_path / "at_the_kill.ckpt")
    epochs = torch.load(tmp_path / "at_the_kill.ckpt", weights_only=True)["epoch"] + 1
    again = begin(tmp_path, *arguments, "--trials", "6")
    said = again.communicate(timeout=300)[0]
    assert again.returncode == 0, said
    rows = table(tmp_path / "found")
    assert [int(row["trial"]) for row in rows] == list(range(6))
    assert all(row["state"] in ("complete", "pruned") for row in rows)
    assert said.splitlines()[0].startswith("trial 1  ")  # the killed one first, not anew
    resumed = logged_losses(tmp_path / "found")[1]
    assert len(list((tmp_path / "found" / "trials" / "001" / "log").iterdir())) == 2
    assert 0 < epochs < 12 and int(rows[1]["epochs"]) <= 12 < len(resumed) + epochs + 2
    whole = begin(tmp_path, *arguments[:-1], "whole", "--trials", "6")
    assert whole.communicate(timeout=300) and whole.returncode == 0
    assert table(tmp_path / "whole") == rows
