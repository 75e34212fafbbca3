"""Tuning: the objective, the files it writes, failed trials, parallel workers, interruptions."""

import logging
import shutil
import time
from pathlib import Path
from typing import Any

import optuna
import pytest
import torch

from cli_runs import train
from skelmap.models.ae import AE
from skelmap.tuning.search_space import read_space
from skelmap.tuning.tune import tune
from skelmap.utils.errors import UserError
from synthetic_data import write_toy_dataset
from tuning_runs import (
    ONE_KEY,
    read_best,
    read_logged_losses,
    read_trials,
    small_config,
    small_overrides,
    start_tuning,
    write_space,
)

PNG_HEADER = b"\x89PNG"


@pytest.fixture(autouse=True)
def quiet() -> None:
    optuna.logging.set_verbosity(optuna.logging.WARNING)


@pytest.mark.slow
def test_the_best_trial_has_the_lowest_loss_of_the_logs(
    task: Path, shared_cache: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "skelmap"):
        tune(small_config(task, shared_cache), read_space(write_space(tmp_path)), tmp_path / "study", 3)
    lowest = {number: min(losses) for number, losses in read_logged_losses(tmp_path / "study").items()}
    winner = min(lowest, key=lambda number: lowest[number])
    best, rows = read_best(tmp_path / "study"), read_trials(tmp_path / "study")
    assert len(lowest) == len(rows) == 3
    assert [float(row["val_loss"]) for row in rows] == pytest.approx([lowest[n] for n in range(3)])
    assert (best["trial"], best["val_loss"]) == (winner, pytest.approx(lowest[winner]))
    assert all(f"{key}={rows[winner][key]}" in best["overrides"] for key in list(rows[0])[4:])
    figures = {path.stem: path.read_bytes() for path in (tmp_path / "study").glob("*.png")}
    assert figures.keys() == {"optimization_history", "slice"}  # no importances of only three trials
    assert all(content.startswith(PNG_HEADER) for content in figures.values())
    assert len([line for line in caplog.messages if line.startswith("trial ") and "s left" in line]) == 3


@pytest.mark.slow
def test_trials_do_not_depend_on_the_test_split(task: Path, shared_cache: Path, tmp_path: Path) -> None:
    space = read_space(write_space(tmp_path, ONE_KEY))
    tune(small_config(task, shared_cache), space, tmp_path / "study", 1)
    manifest = write_toy_dataset(tmp_path / "data")
    for recording in manifest.parent.glob("test_*.npz"):
        recording.write_bytes((manifest.parent / "train_a.npz").read_bytes())
    tune(small_config(manifest, tmp_path / "cache"), space, tmp_path / "other", 1)
    assert read_trials(tmp_path / "other") == read_trials(tmp_path / "study")
    assert not list((tmp_path / "study").rglob("scores.csv"))


@pytest.mark.slow
def test_the_command_in_best_yaml_repeats_the_trial(task: Path, shared_cache: Path, tmp_path: Path) -> None:
    tune(small_config(task, shared_cache), read_space(write_space(tmp_path)), tmp_path / "study", 1)
    program, script, *arguments = read_best(tmp_path / "study")["command"].split()
    assert (program, script) == ("skelmap", "train")
    done = train(tmp_path, *arguments, f"hydra.run.dir={tmp_path}/again")
    assert done.returncode == 0, done.stderr
    once, again = (
        torch.load(path / "checkpoints" / "best.ckpt", weights_only=True)["state_dict"]
        for path in (tmp_path / "study" / "trials" / "000", tmp_path / "again")
    )
    assert all(torch.allclose(once[name], again[name], atol=1e-5) for name in once)


@pytest.mark.slow
def test_trials_do_not_depend_on_interruptions_between_them(task: Path, shared_cache: Path, tmp_path: Path) -> None:
    space = read_space(write_space(tmp_path))
    tune(small_config(task, shared_cache), space, tmp_path / "whole", 2)
    for n_trials in (1, 2, 1):
        tune(small_config(task, shared_cache), space, tmp_path / "parts", n_trials)
    assert read_trials(tmp_path / "parts") == read_trials(tmp_path / "whole")
    assert len({row["model.learning_rate"] for row in read_trials(tmp_path / "whole")}) == 2


@pytest.mark.slow
def test_a_folder_with_other_settings_is_refused(task: Path, shared_cache: Path, tmp_path: Path) -> None:
    space = read_space(write_space(tmp_path, ONE_KEY))
    tune(small_config(task, shared_cache), space, tmp_path / "study", 1)
    with pytest.raises(UserError, match="holds trials with other settings or data"):
        tune(small_config(task, shared_cache, "seed=1"), space, tmp_path / "study", 2)
    manifest = write_toy_dataset(tmp_path / "data")
    base = small_config(manifest, tmp_path / "cache")
    tune(base, space, tmp_path / "changed", 1)
    manifest.write_text(manifest.read_text() + "\n")
    with pytest.raises(UserError, match="holds trials with other settings or data"):
        tune(base, space, tmp_path / "changed", 2)
    other = read_space(write_space(tmp_path, "model.latent_dim: {int: [2, 4]}\n"))
    with pytest.raises(UserError, match="holds trials with other settings or data"):
        tune(small_config(task, shared_cache), other, tmp_path / "study", 2)


def test_validation_recordings_are_required(tmp_path: Path) -> None:
    manifest = write_toy_dataset(tmp_path / "data", with_val=False)
    with pytest.raises(UserError, match="has no split val"):
        tune(
            small_config(manifest, tmp_path / "cache"),
            read_space(write_space(tmp_path, ONE_KEY)),
            tmp_path / "study",
            1,
        )
    assert not (tmp_path / "study" / "trials").exists()


def test_a_failed_trial_does_not_affect_the_others(
    task: Path, shared_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps, training_step = [0], AE.training_step

    def fail_once(self: AE, batch: Any) -> Any:
        steps[0] += 1
        if steps[0] == 1:
            raise MemoryError("too large")
        return training_step(self, batch)

    monkeypatch.setattr(AE, "training_step", fail_once)
    tune(small_config(task, shared_cache), read_space(write_space(tmp_path, ONE_KEY)), tmp_path / "study", 2)
    assert [row["state"] for row in read_trials(tmp_path / "study")] == ["fail", "complete"]
    assert "too large" in (tmp_path / "study" / "trials" / "000" / "failed.txt").read_text()
    assert read_best(tmp_path / "study")["trial"] == 1


@pytest.mark.slow
def test_two_workers_share_the_trials_of_a_study(task: Path, tmp_path: Path) -> None:
    space = str(write_space(tmp_path))
    arguments = (*small_overrides(task), "--space", space, "--folder", "study", "--trials", "12")
    workers = [start_tuning(tmp_path, *arguments) for _ in range(2)]
    output = [worker.communicate(timeout=300)[0] for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0], output
    numbers = [{int(line.split()[1]) for line in text.splitlines() if line.startswith("trial ")} for text in output]
    assert not numbers[0] & numbers[1] and numbers[0] | numbers[1] == set(range(12))
    rows = read_trials(tmp_path / "study")
    assert len(rows) == 12 and {row["state"] for row in rows} <= {"complete", "pruned"}
    assert len({row["model.learning_rate"] for row in rows}) == 12
    lowest = {number: min(losses) for number, losses in read_logged_losses(tmp_path / "study").items()}
    complete = [int(row["trial"]) for row in rows if row["state"] == "complete"]
    assert read_best(tmp_path / "study")["trial"] == min(complete, key=lambda number: lowest[number])
    assert (tmp_path / "study" / "param_importances.png").exists() == (len(complete) >= 10)


@pytest.mark.slow
def test_a_killed_study_continues_to_the_given_number_of_trials(task: Path, tmp_path: Path) -> None:
    space = ("--space", str(write_space(tmp_path)), "--trials", "3")
    arguments = (*small_overrides(task), "trainer.max_epochs=12", *space, "--folder")
    worker = start_tuning(tmp_path, *arguments, "study")
    last = tmp_path / "study" / "trials" / "001" / "checkpoints" / "last.ckpt"
    start = time.monotonic()
    while not last.exists():
        assert worker.poll() is None and time.monotonic() - start < 200
        time.sleep(0.01)
    worker.kill()
    worker.wait()
    shutil.copy(last, tmp_path / "at_the_kill.ckpt")
    epochs = torch.load(tmp_path / "at_the_kill.ckpt", weights_only=True)["epoch"] + 1
    again = start_tuning(tmp_path, *arguments, "study")
    output = again.communicate(timeout=300)[0]
    assert again.returncode == 0, output
    rows = read_trials(tmp_path / "study")
    assert [int(row["trial"]) for row in rows] == list(range(3))
    assert all(row["state"] in ("complete", "pruned") for row in rows)
    trials = [line for line in output.splitlines() if line.startswith("trial ")]
    assert trials[0].startswith("trial 1  ")  # the killed trial comes first
    assert len(list((tmp_path / "study" / "trials" / "001" / "log").iterdir())) == 2
    resumed = read_logged_losses(tmp_path / "study")[1]
    assert 0 < epochs < 12 and int(rows[1]["epochs"]) <= 12 < len(resumed) + epochs + 2
    whole = start_tuning(tmp_path, *arguments, "whole")
    assert whole.communicate(timeout=300) and whole.returncode == 0
    assert read_trials(tmp_path / "whole") == rows
