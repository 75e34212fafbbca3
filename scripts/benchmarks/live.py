"""One camera: a pose comes, its map is drawn, the window that ends with it is scored."""

import time
from collections import deque
from pathlib import Path

import numpy as np
import torch

from benchmarks.limits import DEVICE
from benchmarks.maps import MAPS
from skelmap.data.rendering import MapSettings, render_maps
from skelmap.models.lstm_vae import LSTMVAE
from skelmap.skeletons.manifest import read_manifest
from skelmap.skeletons.readers import read_clip


def frame_times(manifest: Path, img_size: int, frames: int = 500) -> tuple[float, float]:
    """Give median and 99th percentile of the time from a pose to its score, ms."""
    recording = read_manifest(manifest).recordings[0]
    clip = read_clip(recording.path, recording.clip)
    settings = MapSettings(img_size=img_size, **MAPS)
    model = LSTMVAE(30, img_size, 16, 300, [8, 16, 32], 1e-3).to(DEVICE).eval()
    maps: deque[torch.Tensor] = deque(maxlen=30)
    times = []
    with torch.inference_mode():
        for i in range(frames):
            began = time.perf_counter()
            pose = clip.keypoints[i % len(clip.keypoints)][None]
            drawn = torch.from_numpy(render_maps(pose, clip.layout, clip.size, settings)).to(DEVICE, torch.float32)
            maps.append(drawn)
            if len(maps) == 30:
                score, _ = model.score_windows(torch.stack(list(maps), dim=1))
                float(score)
                times.append(1e3 * (time.perf_counter() - began))
    return float(np.median(times)), float(np.quantile(times, 0.99))
