"""Time to the validation loss of 30 epochs at a constant rate: `experiment=quickstart` beside the plain loop."""

import io
import math
import time
from collections.abc import Iterator
from contextlib import redirect_stdout

from benchmarks.common import configuration, data_module, resolved
from benchmarks.interleaved import run_interleaved
from benchmarks.plain_pytorch import plain_network
from benchmarks.quality import train_plain
from skelmap.training import run

QUICKSTART = "experiment=quickstart"
STEPS = 20
"""Training steps of a repetition."""


def training_seconds(folder: str, repetitions: int) -> dict[str, float]:
    """Time both trainings by their steps, which are timed in turns, s; validation left out.

    Raises:
        RuntimeError: one of them could not run.
    """
    commands = {}
    for name, module, overrides in (
        ("skelmap", "skelmap_lightning", [QUICKSTART]),
        ("plain", "plain_pytorch", list[str]()),
    ):
        commands[name] = (module, ("train", folder, str(STEPS), "data.window_stride=4", *overrides))
    seconds, failed = run_interleaved(commands, repetitions)
    if failed:
        raise RuntimeError("; ".join(failed.values()))
    counts = {"skelmap": training_steps(folder, QUICKSTART), "plain": training_steps(folder)}
    return {name: each / STEPS * counts[name] for name, each in seconds.items()}


def training_steps(folder: str, *overrides: str) -> int:
    """Count the steps of a whole training."""
    config = resolved(folder, *overrides)
    data = data_module(config)
    data.prepare_data()
    return int(config["trainer"]["max_epochs"]) * math.ceil(len(data.starts("train")) / data.batch_size)


def train_both(folder: str) -> Iterator[tuple[str, float, float]]:
    """Train both to their end.

    Yields:
        Name, time with validation, s, and lowest val/loss, nats a window.
    """
    with redirect_stdout(io.StringIO()):
        numbers = run.run(configuration(folder, QUICKSTART))
    yield "skelmap", numbers["train_seconds"], numbers["val_loss"]
    config = resolved(folder)
    began = time.perf_counter()
    loss = train_plain(plain_network(config), config, data_module(config))
    yield "plain", time.perf_counter() - began, loss
