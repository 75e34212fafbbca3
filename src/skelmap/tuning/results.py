"""Results of tuning: the table of trials, the best configuration, Optuna's figures, a table for the terminal."""

import csv
import shlex
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib import pyplot
from omegaconf import OmegaConf
from optuna import Study
from optuna.importance import get_param_importances
from optuna.trial import FrozenTrial, TrialState
from optuna.visualization.matplotlib import plot_optimization_history, plot_param_importances, plot_slice
from rich.table import Table
from rich.text import Text

from skelmap.evaluation.plots.style import png
from skelmap.tuning.search_space import format_override, format_value
from skelmap.tuning.trial import BaseConfig
from skelmap.utils.io import atomic_write

MAX_ROWS = 10
"""Trials in the terminal's table."""
MIN_FOR_IMPORTANCE = 10
"""Complete trials below which parameter importances are mostly noise and left out."""


def complete_trials(study: Study) -> list[FrozenTrial]:
    """List the complete trials by number; the list is to be read only."""
    return study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))


def write_trials(folder: Path, study: Study, keys: list[str]) -> None:
    """Write trials.csv: number, state, val/loss (the last one of a pruned trial), epochs, values of the keys.

    Raises:
        UserError: the file cannot be written.
    """
    with atomic_write(folder / "trials.csv", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["trial", "state", "val_loss", "epochs", *keys])
        for trial in study.get_trials(deepcopy=False):
            loss = "" if trial.value is None else repr(trial.value)
            values = [format_value(trial.params[key]) if key in trial.params else "" for key in keys]
            epochs = len(trial.intermediate_values)
            writer.writerow([trial.number, trial.state.name.lower(), loss, epochs, *values])


def write_best(folder: Path, study: Study, base: BaseConfig) -> None:
    """Write best.yaml: the values of the best trial, and the command that trains and evaluates them.

    Nothing is written if no trial is complete.

    Raises:
        UserError: the file cannot be written.
    """
    if not complete_trials(study):
        return
    best = study.best_trial
    values = [format_override(key, value) for key, value in best.params.items()]
    content = {
        "trial": best.number,
        "val_loss": best.value,
        "overrides": values,
        "command": shlex.join(["skelmap", "train", *base.overrides, *values]),
    }
    with atomic_write(folder / "best.yaml") as file:
        file.write(OmegaConf.to_yaml(OmegaConf.create(content)))


def write_figures(folder: Path, study: Study) -> None:
    """Write Optuna's figures of the complete trials as PNG.

    optimization_history.png shows the loss of each trial and the best so far, slice.png the loss against each key, and
    param_importances.png the importance of each key if there are enough trials.

    Args:
        folder: of the study.
        study: with at least one complete trial.

    Raises:
        UserError: a file cannot be written.
    """
    plots: dict[str, Callable[..., Any]] = {"optimization_history": plot_optimization_history, "slice": plot_slice}
    if len(complete_trials(study)) >= MIN_FOR_IMPORTANCE:
        plots["param_importances"] = plot_param_importances
    pyplot.switch_backend("agg")  # no windows
    for name, plot in plots.items():
        # Optuna changes the global style, cuts off long names of keys, and marks its plots as experimental
        with mpl.rc_context({"savefig.bbox": "tight"}), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            figure = np.ravel(plot(study, target_name="val/loss"))[0].figure
            content = png(figure)
            pyplot.close(figure)
        with atomic_write(folder / f"{name}.png", "wb") as file:
            file.write(content)


def console_table(study: Study, keys: list[str]) -> Table:
    """Build a table of the best trials, and of the importance of each key if there are enough trials.

    Args:
        study: with at least one complete trial.
        keys: of the search space.
    """
    complete = complete_trials(study)
    pruned, failed = (len(study.get_trials(False, (state,))) for state in (TrialState.PRUNED, TrialState.FAIL))
    title = f"{len(complete)} trials complete, {pruned} pruned, {failed} failed"
    table = Table(title=Text(title), title_justify="left")
    for column in ("trial", "val/loss", *keys):
        table.add_column(Text(column.rpartition(".")[2]), justify="right")
    for trial in sorted(complete, key=_loss)[:MAX_ROWS]:
        values = (Text(format_value(trial.params[key])) for key in keys)
        table.add_row(str(trial.number), format_value(trial.value), *values)
    if len(complete) >= MIN_FOR_IMPORTANCE:
        importances = get_param_importances(study)
        table.add_section()
        table.add_row("importance", "", *(f"{importances[key]:.2f}" for key in keys))
    return table


def _loss(trial: FrozenTrial) -> float:
    assert trial.value is not None
    return trial.value
