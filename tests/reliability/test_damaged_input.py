"""Damaged input is read, counted as missing, or refused with file and reason; it never hangs, explodes or escapes.

SKELMAP_TRIALS=20000 python -m pytest -q -s -m slow tests/reliability/test_bad_input.py
"""

import os
import re
import shutil
from collections import Counter
from functools import partial
from pathlib import Path
from random import Random

import pytest

import skelmap.comparison.sweep  # noqa: F401
from forked_trials import Outcome, attempt
from hydra_config import Compose
from public_inputs import DOORS, Good
from skelmap.training.run import run

TRIALS = int(os.environ.get("SKELMAP_TRIALS", 300))
FIRST = int(os.environ.get("SKELMAP_FIRST_TRIAL", 0))
OFTEN = ("OpenPose folders", "tracked JSON", "npz archives", "manifests", "configurations")
"""Doors that are knocked at three times as often as the others."""
BATCH = 50
"""Trials a process."""
LET_IN = Path("/tmp/let_in")
"""What a stranger's code would leave behind."""
MODELS = {"ae": (), "pca": ("model.latent_dim=4",), "lstm_vae": ("model.hidden_size=8",)}


@pytest.fixture
def good(task: Path, compose: Compose, tmp_path: Path) -> Good:
    runs, configs = {}, {}
    for model, more in MODELS.items():
        runs[model] = tmp_path / "good" / model
        configs[model] = compose(
            *("data=manifest", f"data.manifest={task}", f"model={model}", "data.seq_len=8", "data.img_size=14"),
            *("trainer=cpu", "trainer.max_epochs=1", "logger=csv", "~callbacks.progress", *more),
            run=runs[model],
        )
        run(configs[model])
    return Good(task, runs, configs)


@pytest.mark.slow
def test_damaged_input_is_read_or_refused(good: Good, tmp_path: Path) -> None:
    LET_IN.unlink(missing_ok=True)
    names, faults = [*DOORS, *OFTEN, *OFTEN], []
    seen: dict[str, list[Outcome]] = {name: [] for name in DOORS}
    for first in range(FIRST, FIRST + TRIALS, BATCH):
        numbers = range(first, min(first + BATCH, FIRST + TRIALS))
        trials = [partial(knock, names[number % len(names)], good, tmp_path, number) for number in numbers]
        for number, outcome in zip(numbers, attempt(trials), strict=True):
            name = names[number % len(names)]
            seen[name].append(outcome)
            named = rf"trial_{number}/|/dev/zero|/etc/passwd"
            nameless = outcome.kind == "refused" and name != "configurations" and not re.search(named, outcome.text)
            if outcome.kind == "fault" or nameless:
                faults.append(f"{name}, trial {number}: {outcome.kind}\n{outcome.text}")
        shutil.rmtree(tmp_path / "trials")
        assert not LET_IN.exists(), f"trials {numbers}: code of a stranger ran"
    for name, outcomes in seen.items():
        counts = Counter(outcome.kind for outcome in outcomes)
        longest = max((outcome.seconds for outcome in outcomes), default=0)
        most = max((outcome.grown_mb for outcome in outcomes), default=0)
        print(
            f"{name}: {len(outcomes)} trials, {counts['read']} read, {counts['refused']} refused, {counts['fault']} "
            f"faults; at most {longest:.1f} s and {most} MB more"
        )
    assert not faults, f"{len(faults)} of {TRIALS}:\n" + "\n\n".join(faults[:40])


def knock(name: str, good: Good, folder: Path, number: int) -> None:
    """Damage good input and bring it to a door."""
    own = folder / "trials" / f"trial_{number}"
    own.mkdir(parents=True)
    DOORS[name](good, own, Random(number))()
