"""What a search leaves behind: a table of its trials, the best one's configuration, a table for the terminal."""

import csv
import shlex
from pathlib import Path

from omegaconf import OmegaConf
from optuna import Study
from optuna.importance import get_param_importances
from optuna.trial import FrozenTrial, TrialState
from rich.table import Table
from rich.text import Text

from skelmap.tuning.space import override, text
from skelmap.tuning.trial import Recipe
from skelmap.utils.io import atomic_write

SHOWN = 10
"""Trials in the table; with fewer complete ones, importances would be noise and are left out."""


def write_trials(folder: Path, study: Study, keys: list[str]) -> None:
    """Write trials.csv: number, state, val/loss (of a pruned trial its last), epochs, values.

    Raises:
        UserError: the file cannot be written.
    """
    with atomic_write(folder / "trials.csv", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["trial", "state", "val_loss", "epochs", *keys])
        for trial in study.get_trials(deepcopy=False):
            loss = "" if trial.value is None else repr(trial.value)
            values = [text(trial.params[key]) if key in trial.params else "" for key in keys]
            epochs = len(trial.intermediate_values)
            writer.writerow([trial.number, trial.state.name.lower(), loss, epochs, *values])


def write_best(folder: Path, study: Study, recipe: Recipe) -> None:
    """Write best.yaml: the best trial's values and the command that trains and judges them; nothing without one.

    Raises:
        UserError: the file cannot be written.
    """
    if not study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)):
        return
    best = study.best_trial
    values = [override(key, value) for key, value in best.params.items()]
    content = {
        "trial": best.number,
        "val_loss": best.value,
        "overrides": values,
        "command": shlex.join(["python", "train.py", *recipe.overrides, *values]),
    }
    with atomic_write(folder / "best.yaml") as file:
        file.write(OmegaConf.to_yaml(OmegaConf.create(content)))


def console_table(study: Study, keys: list[str]) -> Table:
    """Build the table of the best trials and of the importance of each key.

    Args:
        study: with at least one complete trial.
        keys: of the space.
    """
    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    pruned = len(study.get_trials(deepcopy=False, states=(TrialState.PRUNED,)))
    failed = len(study.get_trials(deepcopy=False, states=(TrialState.FAIL,)))
    title = f"{len(complete)} trials complete, {pruned} pruned, {failed} failed"
    table = Table(title=Text(title), title_justify="left")
    for column in ("trial", "val/loss", *keys):
        table.add_column(Text(column.rpartition(".")[2]), justify="right")
    for trial in sorted(complete, key=_loss)[:SHOWN]:
        table.add_row(str(trial.number), text(trial.value), *(Text(text(trial.params[key])) for key in keys))
    if len(complete) >= SHOWN:
        importances = get_param_importances(study)
        table.add_section()
        table.add_row("importance", "", *(f"{importances[key]:.2f}" for key in keys))
    return table


def _loss(trial: FrozenTrial) -> float:
    assert trial.value is not None
    return trial.value
