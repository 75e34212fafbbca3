"""Drawing maps, and caches of 10 thousand, 100 thousand and a million of them."""

import os
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import torch

from benchmarks.limits import seconds
from skelmap.data.cache import open_cache
from skelmap.data.datamodule import SkeletonDataModule
from skelmap.data.rendering import MapSettings
from skelmap.skeletons.manifest import Recording, read_manifest
from skelmap.skeletons.readers import read_clip

MAPS: dict[str, Any] = {
    "crop_size": 480,
    "resample": "bilinear",
    "line_width": 8,
    "line_unit": "source",
    "threshold": 0.1,
}
JSON: dict[str, Any] = {"layout": "BODY_25", "size": [640, 480], "fps": 30}


def drawn_per_second(manifest: Path, img_size: int) -> float:
    """Measure the maps that are drawn and packed a second, from keypoints in memory, in one process."""
    recording = read_manifest(manifest).recordings[0]
    clip = read_clip(recording.path, recording.clip)
    settings = MapSettings(img_size=img_size, **MAPS)
    return int(clip.present.sum()) / seconds(lambda: settings.pack(clip))


def grown(manifest: Path, folder: Path, frames: int) -> Path:
    """Write a manifest of copies of the clips of another until they hold this many frames.

    The copies are hard links: both manifests lie in one temporary folder.
    """
    recordings = [r for r in read_manifest(manifest).recordings if r.split == "train"]
    lengths = {r.clip: len(read_clip(r.path, r.clip).keypoints) for r in recordings}
    lines, held = ["clip,path,split,group,abnormal"], 0
    while held < frames:
        recording: Recording = recordings[len(lines) % len(recordings)]
        copy = folder / f"{frames}-{len(lines)}.npz"
        copy.hardlink_to(recording.path)
        lines.append(f"{len(lines)},{copy.name},train,one,")
        held += lengths[recording.clip]
    path = folder / f"{frames}.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def caches(manifest: Path, folder: Path, sizes: list[int]) -> Iterator[tuple[int, float, float, float, float, float]]:
    """Build and use caches of maps of 28 px.

    Yields:
        Frames, maps built a second, MB on disk, ms to open, us to gather a window of 30, MB that the process holds
        more after 1,000 batches (the pages of the file, which the system takes back when it wants them, left out).
    """
    process = psutil.Process(os.getpid())
    for frames in sizes:
        longer = grown(manifest, folder, frames)
        began = time.perf_counter()
        data = SkeletonDataModule(longer, folder / f"cache-{frames}", 30, 30, "maps", 28, MAPS, JSON, 16)
        cache = data.cache
        built = len(cache) / (time.perf_counter() - began)
        open_ms = 1e3 * seconds(
            partial(open_cache, data.manifest.recordings, data.settings, data.cache_dir, data.format)
        )
        starts = torch.from_numpy(data.starts("train"))
        order = torch.randperm(len(starts))
        data.gather(starts[order[:16]])
        before = process.memory_info()
        began = time.perf_counter()
        for batch in range(1000):
            data.gather(starts[order[(torch.arange(16) + 16 * batch) % len(order)]])
        window_us = 1e6 * (time.perf_counter() - began) / 16_000
        after = process.memory_info()
        held = (after.rss - after.shared) - (before.rss - before.shared)
        yield len(cache), built, cache.path.stat().st_size / 1e6, open_ms, window_us, held / 1e6
