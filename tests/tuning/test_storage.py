"""The storage of trials: pruning, workers that end, a damaged journal."""

import math
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import optuna
import torch
from optuna.trial import TrialState

from skelmap.tuning.storage import TrialStorage
from skelmap.tuning.trial import ReportLoss


def report_losses(study: optuna.Study, losses: list[float]) -> int:
    """Report the losses of a trial epoch by epoch; return the number of epochs until it ends or is pruned."""
    trial = study.ask()
    callback = ReportLoss(trial)
    for epoch, loss in enumerate(losses):
        metrics = {"val/loss": torch.tensor(loss)}
        trainer = SimpleNamespace(callback_metrics=metrics, current_epoch=epoch, sanity_checking=False)
        try:
            callback.on_validation_end(trainer, None)
        except optuna.TrialPruned:
            study.tell(trial, state=TrialState.PRUNED)
            return epoch + 1
    study.tell(trial, min(losses))
    return len(losses)


def test_a_trial_worse_than_the_median_is_pruned_after_the_warmup(tmp_path: Path) -> None:
    study = TrialStorage(tmp_path, seed=0, warmup=2).study
    for level in (1.0, 2.0, 3.0, 4.0, 5.0):
        assert report_losses(study, [level] * 6) == 6
    assert report_losses(study, [2.9] * 6) == 6
    assert report_losses(study, [4.5] * 6) == 3
    assert report_losses(study, [4.5, 4.5, 1.5, 1.5]) == 4
    assert [t.intermediate_values for t in study.trials][6] == {0: 4.5, 1: 4.5, 2: 4.5}


def test_a_loss_that_is_not_finite_ends_a_trial_at_once(tmp_path: Path) -> None:
    study = TrialStorage(tmp_path, seed=0, warmup=100).study
    assert report_losses(study, [1.0, math.nan, 1.0]) == 2
    assert report_losses(study, [math.inf, 1.0]) == 1
    assert [t.state.name for t in study.trials] == ["PRUNED", "PRUNED"]


WORKER = """
import sys
from pathlib import Path
from skelmap.tuning.storage import TrialStorage
storage = TrialStorage(Path(sys.argv[1]), seed=0, warmup=1)
trial = storage.next_trial(2)
print(trial.number, trial.suggest_float("x", 0, 1), flush=True)
sys.stdin.read()
"""


def test_a_running_trial_is_continued_only_after_its_worker_has_ended(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WORKER, str(tmp_path)]
    worker = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert worker.stdout is not None
    number, value = worker.stdout.readline().split()
    storage = TrialStorage(tmp_path, seed=0, warmup=1)
    other = storage.next_trial(2)
    assert other is not None and (int(number), other.number) == (0, 1)
    assert storage.next_trial(2) is None  # both trials are held
    worker.kill()
    worker.wait()
    continued = storage.next_trial(2)
    assert continued is not None and continued.number == 0
    assert continued.suggest_float("x", 0, 1) == float(value)
    storage.finish(continued, TrialState.COMPLETE, 1.0)
    assert [t.state.name for t in storage.study.trials] == ["COMPLETE", "RUNNING"]


def test_an_incomplete_last_line_of_the_journal_is_ignored(tmp_path: Path) -> None:
    storage = TrialStorage(tmp_path, seed=0, warmup=1)
    trial = storage.next_trial(1)
    assert trial is not None
    with (tmp_path / "journal.log").open("a") as file:
        file.write('{"op_code": 6, "tri')
    again = TrialStorage(tmp_path, seed=0, warmup=1)
    storage.finish(trial, TrialState.COMPLETE, 2.0)
    assert [t.value for t in again.study.trials] == [2.0]
    assert len(TrialStorage(tmp_path, seed=0, warmup=1).study.trials) == 1
