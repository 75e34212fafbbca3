"""Tune hyperparameters with Optuna: find the values with the lowest loss on normal validation recordings."""

import logging
import os
import time
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory

import optuna
import torch
from optuna.trial import Trial, TrialState

from skelmap.training.config_check import resolve
from skelmap.training.prepare import prepare
from skelmap.tuning.results import complete_trials, console_table, write_best, write_figures, write_trials
from skelmap.tuning.search_space import Space, check_space, format_value, suggest_values
from skelmap.tuning.storage import TrialStorage, trial_folder
from skelmap.tuning.trial import BaseConfig, run_trial
from skelmap.utils.errors import UserError
from skelmap.utils.io import stdout_console
from skelmap.utils.redaction import hide_secrets

log = logging.getLogger(__name__)


def tune(base: BaseConfig, space: Space, folder: Path, n_trials: int) -> None:
    """Run trials until the study has `n_trials`; nothing depends on the test split.

    A second call, later or in another process at the same time, works on the same trials.

    Args:
        base: the configuration that all trials share.
        space: keys and bounds.
        folder: of the study.
        n_trials: number of trials in all, with those of earlier calls.

    Raises:
        UserError: the search space, the configuration or the data are invalid, or no trial is complete.
    """
    _configure_process()
    check_space(space, base)
    cfg = base.compose(Path())
    storage = TrialStorage(folder, seed=cfg.seed, warmup=cfg.trainer.max_epochs // 4)
    with storage.lock, TemporaryDirectory() as run:  # not in `folder`: other workers write there
        data = prepare(resolve(base.compose(Path(run))), "fit").data
    if not len(data.starts("val")):
        raise UserError(f"{data.manifest.path}: has no split val; tuning needs normal validation recordings")
    settings = {"config": hide_secrets(resolve(cfg)), "space": {key: str(space[key]) for key in space}}
    storage.check_settings({**settings, "data": data.digests()})
    progress = ProgressLog(storage, n_trials)
    while (trial := storage.next_trial(n_trials)) is not None:
        values = suggest_values(trial, space)
        state, loss = run_trial(trial, base.compose(trial_folder(folder, trial.number), *values))
        storage.finish(trial, state, loss)
        with storage.lock:
            write_trials(folder, storage.study, list(space))
            write_best(folder, storage.study, base)
        progress.log(trial, values)
    _report(storage, space)


def _report(storage: TrialStorage, space: Space) -> None:
    """Draw the figures and print the best trials."""
    with storage.lock:
        if not complete_trials(storage.study):
            raise UserError(f"{storage.folder}: no trial is complete; see trials.csv and trials/*/failed.txt")
        write_figures(storage.folder, storage.study)
        stdout_console().print(console_table(storage.study, list(space)))
    log.info("best: %s", storage.folder / "best.yaml")


class ProgressLog:
    """Logs a line for each trial of this process.

    Args:
        storage: of the study.
        n_trials: number of trials in all.
    """

    def __init__(self, storage: TrialStorage, n_trials: int) -> None:
        self._study, self._n_trials = storage.study, n_trials
        self._start, self._done_before = time.monotonic(), self._count_finished()

    def _count_finished(self) -> int:
        return sum(trial.state.is_finished() for trial in self._study.get_trials(deepcopy=False))

    def log(self, trial: Trial, values: list[str]) -> None:
        """Log how a trial ended, the best loss so far, and the time left at the speed of all workers together."""
        done = self._count_finished()
        ended = self._study.get_trials(deepcopy=False)[trial.number]
        loss = "" if ended.value is None else f"  val/loss {format_value(ended.value)}"
        best = ""
        if complete_trials(self._study):
            best = f"  best {format_value(self._study.best_value)} (trial {self._study.best_trial.number})"
        seconds_per_trial = (time.monotonic() - self._start) / max(done - self._done_before, 1)
        left = seconds_per_trial * max(self._n_trials - done, 0)
        states = {TrialState.COMPLETE: "complete", TrialState.PRUNED: f"pruned after {len(ended.intermediate_values)}"}
        state = states.get(ended.state, "failed")
        log.info(
            "trial %d  %s%s%s  %d/%d  %.0f s left  %s",
            *(trial.number, state, loss, best, done, self._n_trials, left, " ".join(values)),
        )


def _configure_process() -> None:
    """Use one thread unless OMP_NUM_THREADS is set; silence Optuna and a warning of Lightning."""
    if "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(1)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    warnings.filterwarnings("ignore", ".*is already reported.*")  # an epoch that an interrupted trial repeats
