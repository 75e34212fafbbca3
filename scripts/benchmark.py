"""Time skelmap beside its rivals on this machine: training, scoring, caching, judging, one live camera, growth.

Rivals run in turns, each in a process of its own; the figures are medians and their ratios. (a) is what a user would
write by hand in PyTorch, (b) the paper's stack, Keras on TensorFlow (pip install -e '.[bench]'). Other work on the
machine changes every figure, ratios the least.
"""

import argparse
import json
import os
import platform
import sys
import tempfile
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

import torch
from rich.console import Console

from benchmarks import growth, judging, limits, live, maps, overhead, quality
from benchmarks.race import race
from skelmap.simulation.dataset import simulate_dataset
from skelmap.utils.io import atomic_write
from skelmap.utils.runtime import keep_freed_memory


class Figure(NamedTuple):
    """A measured figure.

    Attributes:
        key: in the JSON.
        text: for readers.
        value: measured.
        unit: of the value.
        target: what the project wants of it, or nothing.
    """

    key: str
    text: str
    value: float
    unit: str
    target: str = ""


def main() -> None:
    """Parse the command line, measure, print tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer laps, caches of up to 100,000 frames")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), help="parts to measure")
    parser.add_argument("--json", type=Path, metavar="PATH", help="write the figures there, too")
    a = parser.parse_args()
    if a.json and not a.json.parent.is_dir():
        sys.exit(f"error: --json {a.json}: there is no folder {a.json.parent}")
    console, figures = Console(highlight=False, soft_wrap=True), dict[str, str | float](machine=machine())
    console.print(machine())
    with tempfile.TemporaryDirectory() as folder:
        for part in a.only:
            console.print(f"\n[bold]{part}")
            for figure in PARTS[part](Path(folder), a.quick):
                console.print(line(figure))
                figures[figure.key] = figure.value
                if a.json:  # at once: what was measured is not lost if the rest is
                    with atomic_write(a.json) as file:
                        file.write(json.dumps(figures, indent=2) + "\n")


def line(figure: Figure) -> str:
    """Show a figure as a line of the table."""
    value = f"{figure.value:,.4g}" if figure.value < 1e4 else f"{figure.value:,.0f}"
    wanted = f"wanted {figure.target}" if figure.target else ""
    return f"{figure.text:<72}{value:>9} {figure.unit:<14}{wanted}".rstrip()


def machine() -> str:
    """Say what the figures were measured on."""
    name = next(
        (line.split(":")[1].strip() for line in _cpuinfo() if line.startswith("model name")), platform.machine()
    )
    gpu = f", {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ", no GPU"
    return (
        f"{name}, {os.cpu_count()} cores, {torch.get_num_threads()} threads{gpu}; "
        f"torch {torch.__version__}, TensorFlow {_version('tensorflow')}"
    )


def _cpuinfo() -> list[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text().splitlines() if path.exists() else []


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def limit_figures(folder: Path, quick: bool) -> Iterator[Figure]:
    """Give the machine's limits."""
    for key, dtype in (("float32", torch.float32), ("bfloat16", torch.bfloat16)):
        yield Figure(f"peak_{key}", f"matrix product, {key}", limits.peak_flops(dtype) / 1e9, "Gflop/s")
    yield Figure("bandwidth", "memory copied", limits.bandwidth() / 1e9, "GB/s")


def training_figures(folder: Path, quick: bool) -> Iterator[Figure]:
    """Race training: the paper's settings, and 56 px; in bfloat16, too."""
    peak = limits.peak_flops()
    for img_size, steps in ((28, 20), (56, 10)):
        common = (str(folder), str(steps), "data.window_stride=4", f"data.img_size={img_size}")
        rivals = {
            "skelmap": ("train_skelmap", common),
            "plain": ("train_plain", common),
            "skelmap_bf16": ("train_skelmap", (*common, "trainer.precision=bf16-mixed")),
        } | ({"keras": ("train_keras", (common[0], "3", *common[2:]))} if img_size == 28 else {})
        if torch.cuda.is_available():
            rivals["skelmap_ordinary"] = ("train_skelmap", (*common, "~callbacks.cuda_graph"))
        took, failed = race(rivals, 3 if quick else 7)
        step = {name: 1e3 * lap / (3 if name == "keras" else steps) for name, lap in took.items()}
        names = {"plain": "(a) plain PyTorch", "keras": "(b) Keras", "skelmap_bf16": "skelmap, bf16-mixed"}
        names["skelmap_ordinary"] = "skelmap, without CUDA graph"
        for name, why in failed.items():
            print(f"not measured: training at {img_size} px, {names.get(name, name)}: {why}", file=sys.stderr)
        for name, ms in step.items():
            yield Figure(f"train_{img_size}_{name}", f"{img_size} px, {names.get(name, name)}", ms, "ms a step")
        if "skelmap" not in step:
            continue
        targets = {"plain": "2" if img_size == 28 else "1.5", "keras": "2"}
        for rival in ("plain", "keras"):
            if rival in step:
                text = f"{img_size} px, times as fast as {names[rival]}"
                yield Figure(f"train_{img_size}_vs_{rival}", text, step[rival] / step["skelmap"], "", targets[rival])
        flops = 16 * limits.training_flops(30, img_size, 16, 300, [8, 16, 32])  # the paper's batch
        share = flops / (step["skelmap"] / 1e3) / peak
        text = f"{img_size} px, share of the matrix product's peak ({peak / 1e9:.0f} Gflop/s)"
        yield Figure(f"train_{img_size}_share", text, 100 * share, "%")
        part = overhead.milliseconds(str(folder), img_size)
        text = f"{img_size} px, share of a step for the frames' way and Lightning ({part:.2g} ms)"
        yield Figure(f"train_{img_size}_overhead", text, 100 * part / step["skelmap"], "%", "5")


def live_figures(folder: Path, quick: bool) -> Iterator[Figure]:
    """Time one live camera, before any race: after one the system tidies up gigabytes and single frames wait for it."""
    keep_freed_memory()
    manifest = simulate_dataset(folder / "data_dir" / "simulated-paper-0")
    for img_size in (28,) if quick else (28, 56):
        median, p99 = live.frame_times(manifest, img_size)
        yield Figure(f"live_{img_size}", f"{img_size} px, one camera, from pose to score, median", median, "ms", "33")
        yield Figure(f"live_{img_size}_p99", f"{img_size} px, 99th percentile", p99, "ms", "33")


def scoring_figures(folder: Path, quick: bool) -> Iterator[Figure]:
    """Race scoring of the simulated test split with stride 1."""
    for img_size in (28,) if quick else (28, 56):
        common = (str(folder), "1", f"data.img_size={img_size}")
        took, failed = race({"skelmap": ("score_skelmap", common), "plain": ("score_plain", common)}, 3 if quick else 5)
        for name, why in failed.items():
            print(f"not measured: scoring at {img_size} px, {name}: {why}", file=sys.stderr)
        for name, seconds in took.items():
            yield Figure(f"score_{img_size}_{name}", f"{img_size} px, whole test split, {name}", seconds, "s")
        suffix = "" if img_size == 28 else f"_{img_size}"
        if not failed:
            ratio = took["plain"] / took["skelmap"]
            yield Figure(f"score{suffix}_vs_plain", f"{img_size} px, times as fast", ratio, "", "2")


def cache_figures(folder: Path, quick: bool) -> Iterator[Figure]:
    """Draw maps; build and use caches of growing size."""
    manifest = simulate_dataset(folder / "data_dir" / "simulated-paper-0")
    for img_size in (28, 56, 112):
        target = "10,000" if img_size == 28 else ""
        key = "maps_per_second" if img_size == 28 else f"maps_per_second_{img_size}"
        rate = maps.drawn_per_second(manifest, img_size)
        yield Figure(key, f"maps of {img_size} px drawn and packed, one process", rate, "a second", target)
    sizes = [10_000, 100_000] if quick else [10_000, 100_000, 1_000_000]
    for frames, built, disk, open_ms, window_us, held in maps.caches(manifest, folder, sizes):
        size = f"{frames:,} frames"
        yield Figure(f"cache_{frames}_built", f"{size}, read, drawn and written", built, "a second")
        yield Figure(f"cache_{frames}_disk", f"{size}, on disk", disk, "MB")
        yield Figure(f"cache_{frames}_open", f"{size}, opened", open_ms, "ms", "50" if frames > 900_000 else "")
        yield Figure(f"cache_{frames}_window", f"{size}, a window of 30 gathered", window_us, "us")
        yield Figure(f"cache_{frames}_held", f"{size}, memory held after 16,000 windows", held, "MB")


def growth_figures(folder: Path, quick: bool) -> Iterator[Figure]:
    """Vary the window, the map and the LSTMs one at a time."""
    keep_freed_memory()
    for key, value, train_ms, score_ms in growth.steps():
        yield Figure(f"growth_{key}_{value}_train", f"{key} {value}, training step", train_ms, "ms")
        yield Figure(f"growth_{key}_{value}_score", f"{key} {value}, 16 windows scored", score_ms, "ms")


def judging_figures(folder: Path, quick: bool) -> Iterator[Figure]:
    """Take an AUROC of many scores, and conclude a run."""
    count = 1_000_000 if quick else 10_000_000
    took, memory = judging.auroc(count)
    yield Figure(f"auroc_{count}", f"exact AUROC of {count:,} scores", took, "s")
    yield Figure(f"auroc_{count}_memory", "memory for it", memory, "MB")
    yield Figure("afterwards", "metrics, figures, t-SNE and report of a run", judging.afterwards(str(folder)), "s")


def quality_figures(folder: Path, quick: bool) -> Iterator[Figure]:
    """Train skelmap and the plain loop with three seeds: do they learn the same?"""
    smaller = ("data.window_stride=100", "trainer.max_epochs=2") if quick else ("data.window_stride=24",)
    for seed, who, loss, auroc in quality.compared(str(folder), *smaller):
        yield Figure(f"quality_{who}_{seed}_loss", f"seed {seed}, {who}, lowest val/loss", loss, "nats a window")
        yield Figure(f"quality_{who}_{seed}_auroc", f"seed {seed}, {who}, AUROC (simulated)", auroc, "")


PARTS = {
    "limits": limit_figures,
    "live": live_figures,
    "training": training_figures,
    "scoring": scoring_figures,
    "cache": cache_figures,
    "judging": judging_figures,
    "growth": growth_figures,
    "quality": quality_figures,
}

if __name__ == "__main__":
    main()
