"""Damaged input is read or refused with file and reason; it never hangs, fills the memory or runs code.

SKELMAP_TRIALS=20000 python -m pytest -q -s -m slow tests/reliability/test_damaged_input.py
"""

import os
import re
import shutil
from collections import Counter
from functools import partial
from pathlib import Path
from random import Random

import pytest

from forked_trials import Outcome, run_trials
from hydra_config import Compose
from public_inputs import INPUTS, ValidInput
from skelmap.training.run import run

TRIALS = int(os.environ.get("SKELMAP_TRIALS", 300))
FIRST = int(os.environ.get("SKELMAP_FIRST_TRIAL", 0))
OFTEN = ("OpenPose folders", "tracked JSON", "npz archives", "manifests", "configurations")
"""Inputs that are tried three times as often as the others."""
BATCH = 50
"""Trials a process."""
CODE_RAN = Path("/tmp/skelmap_code_ran")
"""Code in a damaged file would create it."""
MODELS = {"ae": (), "pca": ("model.latent_dim=4",), "lstm_vae": ("model.hidden_size=8",)}


@pytest.fixture
def valid(task: Path, compose: Compose, tmp_path: Path) -> ValidInput:
    runs, configs = {}, {}
    for model, more in MODELS.items():
        runs[model] = tmp_path / "valid" / model
        configs[model] = compose(
            *("data=manifest", f"data.manifest={task}", f"model={model}", "data.seq_len=8", "data.img_size=14"),
            *("trainer=cpu", "trainer.max_epochs=1", "logger=csv", *more),
            run=runs[model],
        )
        run(configs[model])
    return ValidInput(task, runs, configs)


@pytest.mark.slow
def test_damaged_input_is_read_or_refused(valid: ValidInput, tmp_path: Path) -> None:
    CODE_RAN.unlink(missing_ok=True)
    names, faults = [*INPUTS, *OFTEN, *OFTEN], []
    outcomes: dict[str, list[Outcome]] = {name: [] for name in INPUTS}
    for first in range(FIRST, FIRST + TRIALS, BATCH):
        numbers = range(first, min(first + BATCH, FIRST + TRIALS))
        trials = [partial(damage_and_read, names[number % len(names)], valid, tmp_path, number) for number in numbers]
        for number, outcome in zip(numbers, run_trials(trials), strict=True):
            name = names[number % len(names)]
            outcomes[name].append(outcome)
            file = rf"trial_{number}/|/dev/zero|/etc/passwd"
            unnamed = outcome.kind == "refused" and name != "configurations" and not re.search(file, outcome.text)
            if outcome.kind == "fault" or unnamed:
                faults.append(f"{name}, trial {number}: {outcome.kind}\n{outcome.text}")
        shutil.rmtree(tmp_path / "trials")
        assert not CODE_RAN.exists(), f"trials {numbers}: code in a file ran"
    for name, found in outcomes.items():
        counts = Counter(outcome.kind for outcome in found)
        longest = max((outcome.seconds for outcome in found), default=0)
        most = max((outcome.grown_mb for outcome in found), default=0)
        print(
            f"{name}: {len(found)} trials, {counts['read']} read, {counts['refused']} refused, {counts['fault']} "
            f"faults; at most {longest:.1f} s and {most} MB more"
        )
    assert not faults, f"{len(faults)} of {TRIALS}:\n" + "\n\n".join(faults[:40])


def damage_and_read(name: str, valid: ValidInput, folder: Path, number: int) -> None:
    own = folder / "trials" / f"trial_{number}"
    own.mkdir(parents=True)
    INPUTS[name](valid, own, Random(number))()
