"""Time what a run spends its time on: drawing maps, opening a cache, gathering batches, steps of training and scoring.

`python scripts/benchmark.py` uses the simulated factory; numbers of one machine compare with one another, and only
when they come from one call: other work on the machine changes them all.
"""

import argparse
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

from skelmap.data import Batch, SkeletonMaps
from skelmap.factory import write_factory
from skelmap.maps import MapSettings, open_cache
from skelmap.models import AE, LSTMVAE, VAE
from skelmap.models.autoencoder import Autoencoder
from skelmap.poses import read_clip, read_manifest

MAPS = {"crop_size": 480, "resample": "bilinear", "line_width": 8, "line_unit": "source", "threshold": 0.1}
JSON = {"layout": "BODY_25", "size": [640, 480], "fps": 30}
CHANNELS = [8, 16, 32]


def main() -> None:
    """Parse the command line, time, print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--img-size", type=int, nargs="+", default=[28, 56], help="sides of the maps, px")
    parser.add_argument("--seconds", type=float, default=2.0, help="to spend on each number at least")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    a = parser.parse_args()
    if a.seconds <= 0 or min(a.img_size) < 14 or max(a.img_size) > 256:
        sys.exit("error: --seconds is above 0, --img-size from 14 to 256")
    device = torch.device(a.device)
    table = Table("what", "img_size", "value", "unit", title=_machine(device), title_justify="left")
    with tempfile.TemporaryDirectory() as folder:
        manifest = write_factory(Path(folder) / "factory")
        for img_size in a.img_size:
            for what, value, unit in measure(manifest, img_size, Path(folder) / "cache", device, a.seconds):
                table.add_row(what, str(img_size), f"{value:,.4g}" if value < 1e4 else f"{value:,.0f}", unit)
    Console().print(table)


def _machine(device: torch.device) -> str:
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.machine()
    return f"{name}, {torch.get_num_threads()} threads, torch {torch.__version__}"


def measure(
    manifest: Path, img_size: int, cache: Path, device: torch.device, seconds: float
) -> Iterator[tuple[str, float, str]]:
    """Time each part at one size of maps; give its name, its number and the unit."""
    settings = MapSettings(img_size=img_size)
    recordings = read_manifest(manifest).recordings
    clip = read_clip(recordings[0].path, recordings[0].clip)
    yield "drawing", int(clip.present.sum()) / timed(lambda: settings.pack(clip), device, seconds), "maps/s"
    open_cache(recordings, settings, cache)
    yield (
        "opening a finished cache",
        1e3 * timed(lambda: open_cache(recordings, settings, cache), device, seconds),
        "ms",
    )
    for model, window, batch_size in networks(img_size):
        data = SkeletonMaps(manifest, cache, 30, window, "maps", img_size, MAPS, JSON, batch_size)
        start = torch.from_numpy(data.starts("train")[:batch_size]).to(device)
        if window > 1:
            yield "gathering 16 windows of 30", 1e3 * timed(partial(data.gather, start), device, seconds), "ms"
        batch, model = data.on_after_batch_transfer(start, 0), model.to(device)
        optimiser = model.configure_optimizers()

        def train(model: Autoencoder = model, batch: Batch = batch, by: torch.optim.Optimizer = optimiser) -> None:
            by.zero_grad()
            recon, kl, _ = model.train()._losses(batch.maps)
            (recon + kl.sum()).backward()
            by.step()

        def score(model: Autoencoder = model, batch: Batch = batch) -> None:
            with torch.inference_mode():
                model.eval().predict_step(batch)

        yield f"{model.title}: training", batch_size * window / timed(train, device, seconds), "frames/s"
        yield f"{model.title}: scoring", batch_size * window / timed(score, device, seconds), "frames/s"


def networks(img_size: int) -> Iterator[tuple[Autoencoder, int, int]]:
    """Build the paper's networks; give each with its window and its batch size."""
    yield LSTMVAE(30, img_size, 16, 300, CHANNELS, 1e-3), 30, 16
    yield VAE(img_size, 16, CHANNELS, 1e-3), 1, 32
    yield AE(img_size, 16, CHANNELS, 1e-3), 1, 32


def timed(work: Callable[[], object], device: torch.device, seconds: float) -> float:
    """Take the median time of a call, s, after one that is not counted."""
    work()
    times: list[float] = []
    while sum(times) < seconds:
        began = time.perf_counter()
        work()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        times.append(time.perf_counter() - began)
    return sorted(times)[len(times) // 2]


if __name__ == "__main__":
    main()
