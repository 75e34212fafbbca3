"""Time and size of map caches: drawing, building, opening and gathering windows."""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import psutil
import torch

from benchmarks.common import data_module, median_seconds, resolved
from skelmap.data.rendering import MapSettings
from skelmap.skeletons.manifest import read_manifest
from skelmap.skeletons.readers import read_clip


class CacheCost(NamedTuple):
    """Costs of one cache.

    Attributes:
        frames: number of maps.
        built_per_second: maps built per second.
        disk_mb: file size, MB.
        open_ms: time to open data set and cache, ms.
        window_us: time to gather a window of 30, us.
        held_mb: memory that the process holds more after 1,000 batches, MB, without the file's pages in memory.
    """

    frames: int
    built_per_second: float
    disk_mb: float
    open_ms: float
    window_us: float
    held_mb: float


def maps_per_second(manifest: Path, img_size: int) -> float:
    """Measure the maps drawn and packed per second, from keypoints in memory, in one process."""
    recording = read_manifest(manifest).recordings[0]
    clip = read_clip(recording.path, recording.clip)
    settings = MapSettings(img_size=img_size)
    return int(clip.present.sum()) / median_seconds(lambda: settings.pack(clip))


def cache_costs(manifest: Path, folder: Path, sizes: list[int]) -> Iterator[CacheCost]:
    """Build and use caches of maps of 28 px.

    Args:
        manifest: data set whose training clips are repeated.
        folder: folder on the same disk as the data set.
        sizes: least number of frames of each cache.
    """
    process = psutil.Process(os.getpid())
    for frames in sizes:
        repeated = _repeat_clips(manifest, folder, frames)
        overrides = ("data=manifest", f"data.manifest={repeated}", f"data.cache_dir={folder / f'cache-{frames}'}")
        config = resolved(str(folder), *overrides)
        began = time.perf_counter()
        data = data_module(config)
        cache = data.cache
        built = len(cache) / (time.perf_counter() - began)
        open_ms = 1e3 * median_seconds(lambda config=config: data_module(config).cache)  # type: ignore[misc]
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
        yield CacheCost(len(cache), built, cache.path.stat().st_size / 1e6, open_ms, window_us, held / 1e6)


def _repeat_clips(manifest: Path, folder: Path, frames: int) -> Path:
    """Write a manifest that repeats the training clips of another, as hard links, up to a number of frames."""
    recordings = [r for r in read_manifest(manifest).recordings if r.split == "train"]
    lengths = {r.clip: len(read_clip(r.path, r.clip).keypoints) for r in recordings}
    lines, total = ["clip,path,split,group,abnormal"], 0
    while total < frames:
        recording = recordings[len(lines) % len(recordings)]
        copy = folder / f"{frames}-{len(lines)}.npz"
        copy.hardlink_to(recording.path)
        lines.append(f"{len(lines)},{copy.name},train,one,")
        total += lengths[recording.clip]
    path = folder / f"{frames}.csv"
    path.write_text("\n".join(lines) + "\n")
    return path
