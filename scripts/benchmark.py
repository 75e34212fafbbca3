"""Benchmark skelmap on this machine: training, scoring, caching, evaluation, a live camera, sweeps, scaling.

Training and scoring are compared with (a) the same network in plain PyTorch and (b) the paper's stack, Keras on
TensorFlow (pip install -e '.[bench]'), run in turns, each in a process of its own; reported are medians and their
ratios. Other work on the machine changes every figure, ratios the least.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import torch
from rich.console import Console

from benchmarks import cache_cost, hardware, model_cost, overhead, quality, sweep_cost, time_to_loss
from benchmarks.interleaved import run_interleaved
from skelmap.simulation.dataset import simulate_dataset
from skelmap.utils.io import atomic_write
from skelmap.utils.runtime import keep_freed_memory


class Measurement(NamedTuple):
    """A measured value.

    Attributes:
        key: name in the JSON file.
        text: description.
        value: measured value.
        unit: unit of the value.
        target: the project's target, if there is one.
    """

    key: str
    text: str
    value: float
    unit: str
    target: str = ""


def main() -> None:
    """Parse the command line, measure, print and write the measurements."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer repetitions, caches of up to 100,000 frames")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), help="parts to measure")
    parser.add_argument("--json", type=Path, metavar="PATH", help="write the measurements there, too")
    a = parser.parse_args()
    if a.json and not a.json.parent.is_dir():
        sys.exit(f"error: --json {a.json}: there is no folder {a.json.parent}")
    machine = hardware.describe_machine()
    console, values = Console(highlight=False, soft_wrap=True), dict[str, str | float](machine=machine)
    console.print(machine)
    with tempfile.TemporaryDirectory() as folder:
        for part in a.only:
            console.print(f"\n[bold]{part}")
            for measurement in PARTS[part](Path(folder), a.quick):
                console.print(table_line(measurement))
                values[measurement.key] = measurement.value
                if a.json:  # after every value: nothing is lost if a later part fails
                    with atomic_write(a.json) as file:
                        file.write(json.dumps(values, indent=2) + "\n")


def table_line(m: Measurement) -> str:
    """Format a measurement as a line of the printed table."""
    value = f"{m.value:,.4g}" if m.value < 1e4 else f"{m.value:,.0f}"
    target = f"target {m.target}" if m.target else ""
    return f"{m.text:<72}{value:>9} {m.unit:<14}{target}".rstrip()


def measure_limits(folder: Path, quick: bool) -> Iterator[Measurement]:
    """Measure the machine's limits."""
    for key, dtype in (("float32", torch.float32), ("bfloat16", torch.bfloat16)):
        yield Measurement(f"peak_{key}", f"matrix product, {key}", hardware.peak_flops(dtype) / 1e9, "Gflop/s")
    yield Measurement("bandwidth", "memory copied", hardware.bandwidth() / 1e9, "GB/s")


LABELS = {
    "skelmap": "skelmap",
    "plain": "(a) plain PyTorch",
    "keras": "(b) Keras",
    "skelmap_bf16": "skelmap, bf16-mixed",
    "skelmap_eager": "skelmap, without CUDA graph",
}
KERAS_STEPS = 3
TARGETS = {28: "1.2", 56: "1.3"}
"""Speed-up over the plain loop by side of the map; in bfloat16 on a processor with AMX twice as fast."""


def measure_training(folder: Path, quick: bool) -> Iterator[Measurement]:
    """Compare training steps at the paper's settings and at 56 px, and in bfloat16."""
    for img_size, steps in ((28, 20), (56, 10)):
        step = _training_steps(folder, img_size, steps, 3 if quick else 7)
        for name, ms in step.items():
            yield Measurement(f"train_{img_size}_{name}", f"{img_size} px, {LABELS[name]}", ms, "ms a step")
        if "skelmap" not in step:
            continue
        yield from _speed_ups(img_size, step)
        peak = hardware.peak_flops()
        flops = 16 * hardware.training_flops(30, img_size, 16, 300, [8, 16, 32])  # the paper's batch size
        text = f"{img_size} px, share of the matrix product's peak ({peak / 1e9:.0f} Gflop/s)"
        yield Measurement(f"train_{img_size}_share", text, 100 * flops / (step["skelmap"] / 1e3) / peak, "%")
        overhead_ms = overhead.step_overhead(str(folder), img_size)
        text = f"{img_size} px, share of a step for data transfer and Lightning ({overhead_ms:.2g} ms)"
        yield Measurement(f"train_{img_size}_overhead", text, 100 * overhead_ms / step["skelmap"], "%", "5")


def _speed_ups(img_size: int, step: dict[str, float]) -> Iterator[Measurement]:
    """Compare the steps of skelmap, ms, with those of the others."""
    target = TARGETS[img_size]
    for own, other, key in (
        ("skelmap", "plain", f"train_{img_size}_vs_plain"),
        ("skelmap_bf16", "plain", f"train_{img_size}_bf16_vs_plain"),
        ("skelmap", "keras", f"train_{img_size}_vs_keras"),
    ):
        if own in step and other in step:
            text = f"{img_size} px, {LABELS[own]}: speed-up over {LABELS[other]}"
            amx = torch.cpu._is_amx_tile_supported() and own == "skelmap_bf16"
            wanted = "2" if amx or other == "keras" else target
            yield Measurement(key, text, step[other] / step[own], "", wanted)


def _training_steps(folder: Path, img_size: int, steps: int, repetitions: int) -> dict[str, float]:
    """Time of a training step by implementation, ms."""
    common = (str(folder), str(steps), "data.window_stride=4", f"data.img_size={img_size}")
    commands = {
        "skelmap": ("skelmap_lightning", ("train", *common)),
        "plain": ("plain_pytorch", ("train", *common)),
        "skelmap_bf16": ("skelmap_lightning", ("train", *common, "trainer.precision=bf16-mixed")),
    }
    if img_size == 28:
        commands["keras"] = ("paper_keras", (common[0], str(KERAS_STEPS), *common[2:]))
    if torch.cuda.is_available():
        commands["skelmap_eager"] = ("skelmap_lightning", ("train_eager", *common))
    seconds, failed = run_interleaved(commands, repetitions)
    _report_failures(f"training at {img_size} px", failed)
    return {name: 1e3 * each / (KERAS_STEPS if name == "keras" else steps) for name, each in seconds.items()}


def _report_failures(what: str, failed: dict[str, str]) -> None:
    for name, error in failed.items():
        print(f"not measured: {what}, {LABELS[name]}: {error}", file=sys.stderr)


def measure_live(folder: Path, quick: bool) -> Iterator[Measurement]:
    """Measure one live camera; before training, after which the system frees gigabytes and delays single frames."""
    keep_freed_memory()
    manifest = simulate_dataset(folder / "data_dir" / "simulated-paper-0")
    for img_size in (28,) if quick else (28, 56):
        median, p99 = model_cost.live_latency(manifest, img_size)
        text = f"{img_size} px, one camera, from pose to score, median"
        yield Measurement(f"live_{img_size}", text, median, "ms", "33")
        yield Measurement(f"live_{img_size}_p99", f"{img_size} px, 99th percentile", p99, "ms", "33")


def measure_scoring(folder: Path, quick: bool) -> Iterator[Measurement]:
    """Compare the scoring of all test and validation windows of simulated data."""
    for img_size in (28,) if quick else (28, 56):
        arguments = ("score", str(folder), "1", f"data.img_size={img_size}")
        commands = {"skelmap": ("skelmap_lightning", arguments), "plain": ("plain_pytorch", arguments)}
        seconds, failed = run_interleaved(commands, 3 if quick else 5)
        _report_failures(f"scoring at {img_size} px", failed)
        for name, each in seconds.items():
            text = f"{img_size} px, all scored windows, {LABELS[name]}"
            yield Measurement(f"score_{img_size}_{name}", text, each, "s")
        if not failed:
            ratio = seconds["plain"] / seconds["skelmap"]
            key = "score_vs_plain" if img_size == 28 else f"score_{img_size}_vs_plain"
            yield Measurement(key, f"{img_size} px, speed-up", ratio, "", "2")


def measure_cache(folder: Path, quick: bool) -> Iterator[Measurement]:
    """Measure the drawing of maps, and caches of growing size."""
    manifest = simulate_dataset(folder / "data_dir" / "simulated-paper-0")
    for img_size in (28, 56, 112):
        rate = cache_cost.maps_per_second(manifest, img_size)
        text = f"maps of {img_size} px drawn and packed, one process"
        key, target = ("maps_per_second", "10,000") if img_size == 28 else (f"maps_per_second_{img_size}", "")
        yield Measurement(key, text, rate, "a second", target)
    for cost in cache_cost.cache_costs(manifest, folder, [10_000, 100_000] + [1_000_000] * (not quick)):
        key, size = f"cache_{cost.frames}", f"{cost.frames:,} frames"
        target = "50" if cost.frames > 900_000 else ""
        yield Measurement(f"{key}_built", f"{size}, read, drawn and written", cost.built_per_second, "a second")
        yield Measurement(f"{key}_disk", f"{size}, on disk", cost.disk_mb, "MB")
        yield Measurement(f"{key}_open", f"{size}, opened", cost.open_ms, "ms", target)
        yield Measurement(f"{key}_window", f"{size}, a window of 30 gathered", cost.window_us, "us")
        yield Measurement(f"{key}_held", f"{size}, memory held after 16,000 windows", cost.held_mb, "MB")


def measure_scaling(folder: Path, quick: bool) -> Iterator[Measurement]:
    """Vary window, map and LSTM size one at a time."""
    keep_freed_memory()
    for key, value, train_ms, score_ms in model_cost.step_costs():
        yield Measurement(f"scaling_{key}_{value}_train", f"{key} {value}, training step", train_ms, "ms")
        yield Measurement(f"scaling_{key}_{value}_score", f"{key} {value}, 16 windows scored", score_ms, "ms")


def measure_evaluation(folder: Path, quick: bool) -> Iterator[Measurement]:
    """Measure the AUROC of many scores, and the report of a run."""
    count = 1_000_000 if quick else 10_000_000
    seconds, memory = overhead.auroc_cost(count)
    yield Measurement(f"auroc_{count}", f"exact AUROC of {count:,} scores", seconds, "s")
    yield Measurement(f"auroc_{count}_memory", "memory for it", memory, "MB")
    yield Measurement("report", "metrics, figures and report of a run", overhead.report_seconds(str(folder)), "s")


def measure_quality(folder: Path, quick: bool) -> Iterator[Measurement]:
    """Compare what skelmap and the plain loop learn, with three seeds."""
    overrides = ("data.window_stride=100", "trainer.max_epochs=2") if quick else ("data.window_stride=24",)
    for seed, name, loss, auroc in quality.compare_quality(str(folder), *overrides):
        text = f"seed {seed}, {LABELS[name]}"
        yield Measurement(f"quality_{name}_{seed}_loss", f"{text}, lowest val/loss", loss, "nats a window")
        yield Measurement(f"quality_{name}_{seed}_auroc", f"{text}, AUROC (simulated)", auroc, "")


def measure_time_to_loss(folder: Path, quick: bool) -> Iterator[Measurement]:
    """Compare `experiment=quickstart` with 30 epochs of the plain loop, which have the same lowest validation loss."""
    seconds = time_to_loss.training_seconds(str(folder), 2 if quick else 5)
    for name, each in seconds.items():
        yield Measurement(f"time_to_loss_{name}", f"steps of the whole training, {LABELS[name]}", each, "s")
    yield Measurement("time_to_loss_vs_plain", "speed-up", seconds["plain"] / seconds["skelmap"], "", "3")
    for name, took, loss in () if quick else time_to_loss.train_both(str(folder / "trained")):
        yield Measurement(f"time_to_loss_{name}_trained", f"trained, {LABELS[name]}", took, "s")
        yield Measurement(f"time_to_loss_{name}_loss", f"lowest val/loss, {LABELS[name]}", loss, "nats a window")


def measure_sweep(folder: Path, quick: bool) -> Iterator[Measurement]:
    """Time a sweep of two cells, one after the other and both at once."""
    one = sweep_cost.sweep_seconds(folder)
    yield Measurement("sweep_one", f"{sweep_cost.CELLS} cells of a sweep, one after the other", one, "s")
    two = sweep_cost.sweep_seconds(folder, "launcher=joblib")
    yield Measurement("sweep_two", f"{sweep_cost.CELLS} cells of a sweep, launcher=joblib", two, "s")
    yield Measurement("cells_per_hour", "cells with launcher=joblib", 3600 * sweep_cost.CELLS / two, "an hour")
    yield Measurement("two_cells_vs_one", "speed-up of launcher=joblib", one / two, "", "1.7")
    if not quick:
        single = sweep_cost.sweep_seconds(folder, threads=1)
        yield Measurement("two_cells_vs_one_thread", "the same over cells of one thread each", single / two, "", "")


PARTS = {
    "limits": measure_limits,
    "live": measure_live,
    "training": measure_training,
    "time_to_loss": measure_time_to_loss,
    "sweep": measure_sweep,
    "scoring": measure_scoring,
    "cache": measure_cache,
    "evaluation": measure_evaluation,
    "scaling": measure_scaling,
    "quality": measure_quality,
}

if __name__ == "__main__":
    main()
