"""Search from start to end; reads top to bottom."""

import logging
import os
import time
import warnings
from pathlib import Path

import optuna
import torch
from optuna.trial import Trial, TrialState

from skelmap.evaluation.plots.style import png
from skelmap.training.run import prepare
from skelmap.training.run_dir import plain
from skelmap.tuning.plots import search_figure
from skelmap.tuning.results import console_table, write_best, write_trials
from skelmap.tuning.space import Space, check_space, suggest, text
from skelmap.tuning.storage import TrialStorage, trial_folder
from skelmap.tuning.trial import Recipe, run_trial
from skelmap.utils.errors import UserError
from skelmap.utils.io import atomic_write, stdout_console

log = logging.getLogger(__name__)


def search(recipe: Recipe, space: Space, folder: Path, asked: int) -> None:
    """Find the values with the lowest loss on normal validation recordings; no test window is looked at.

    Started again, or in several processes at once, it shares the trials in the folder and ends when there are enough.

    Args:
        recipe: what every trial is composed from.
        space: what is searched.
        folder: of the search.
        asked: trials that it shall have in all.

    Raises:
        UserError: the space, the configuration or the data are at fault, or no trial is complete.
    """
    _quiet()
    check_space(space, recipe)
    cfg = recipe.compose(folder)
    ledger = TrialStorage(folder, seed=cfg.seed, warmup=cfg.trainer.max_epochs // 4)
    ledger.begin({"config": plain(recipe.compose(Path())), "space": {key: str(space[key]) for key in space}})
    with ledger.lock:
        _, _, data = prepare(cfg, "fit")
    if not len(data.starts("val")):
        raise UserError(f"{data.manifest.path}: has no split val; a search needs normal validation recordings")
    progress = Progress(ledger, asked)
    while (trial := ledger.next(asked)) is not None:
        values = suggest(trial, space)
        state, value = run_trial(trial, recipe.compose(trial_folder(folder, trial.number), *values))
        ledger.finish(trial, state, value)
        with ledger.lock:
            write_trials(folder, ledger.study, list(space))
            write_best(folder, ledger.study, recipe)
        progress.say(trial, values)
    _conclude(ledger, space)


def _conclude(ledger: TrialStorage, space: Space) -> None:
    """Draw the trials, print the best."""
    with ledger.lock:
        if not ledger.study.get_trials(states=(TrialState.COMPLETE,)):
            raise UserError(f"{ledger.folder}: no trial is complete; trials/*/failed.txt says why")
        with atomic_write(ledger.folder / "search.png", "wb") as file:
            file.write(png(search_figure(ledger.study, space)))
        stdout_console().print(console_table(ledger.study, list(space)))
    log.info("best: %s", ledger.folder / "best.yaml")


class Progress:
    """A line for each trial of this worker.

    Args:
        ledger: of the search.
        asked: trials in all.
    """

    def __init__(self, ledger: TrialStorage, asked: int) -> None:
        self._ledger, self._asked = ledger, asked
        self._began, self._before = time.monotonic(), self._done()

    def _done(self) -> int:
        return sum(trial.state.is_finished() for trial in self._ledger.study.get_trials(deepcopy=False))

    def say(self, trial: Trial, values: list[str]) -> None:
        """Tell how a trial ended, the best so far and the time left, at the pace of all workers."""
        study, done = self._ledger.study, self._done()
        ended = study.get_trials(deepcopy=False)[trial.number]
        loss = "" if ended.value is None else f"  val/loss {text(ended.value)}"
        complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        best = f"  best {text(study.best_value)} (trial {study.best_trial.number})" if complete else ""
        pace = (time.monotonic() - self._began) / max(done - self._before, 1)
        left = pace * max(self._asked - done, 0)
        how = {TrialState.COMPLETE: "complete", TrialState.PRUNED: f"pruned after {len(ended.intermediate_values)}"}
        log.info(
            "trial %d  %s%s%s  %d/%d  %.0f s left  %s",
            *(trial.number, how.get(ended.state, "failed"), loss, best, done, self._asked, left, " ".join(values)),
        )


def _quiet() -> None:
    """One thread a worker unless OMP_NUM_THREADS says otherwise; no line but one a trial."""
    if "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(1)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    warnings.filterwarnings("ignore", ".*is already reported.*")  # an epoch that was repeated after an interruption
