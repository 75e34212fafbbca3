"""One camera: a pose comes, its map is drawn and encoded, the window that ends with it is scored."""

import time
from collections import deque
from pathlib import Path

import numpy as np
import torch

from benchmarks.limits import DEVICE
from benchmarks.maps import MAPS
from skelmap.maps import MapSettings
from skelmap.maps.draw import draw_maps
from skelmap.models import LSTMVAE
from skelmap.models.scores import reconstruction_error
from skelmap.poses import read_clip, read_manifest


def frame_times(manifest: Path, img_size: int, frames: int = 500) -> tuple[float, float]:
    """Give median and 99th percentile of the time from a pose to its score, ms."""
    recording = read_manifest(manifest).recordings[0]
    clip = read_clip(recording.path, recording.clip)
    settings = MapSettings(img_size=img_size, **MAPS)
    model = LSTMVAE(30, img_size, 16, 300, [8, 16, 32], 1e-3).to(DEVICE).eval()
    gates: deque[torch.Tensor] = deque(maxlen=30)
    maps: deque[torch.Tensor] = deque(maxlen=30)
    times = []
    with torch.inference_mode():
        for i in range(frames):
            began = time.perf_counter()
            pose = clip.keypoints[i % len(clip.keypoints)][None]
            drawn = torch.from_numpy(draw_maps(pose, clip.layout, clip.size, settings)).to(DEVICE, torch.float32)
            maps.append(drawn[None])
            gates.append(model.network.gates(drawn[None]))
            if len(gates) == 30:
                mu, _ = model.network.encode_gates(torch.stack(list(gates), dim=1))
                recon = model.likelihood.mean(model.network.decode(mu))
                float(reconstruction_error(recon, torch.stack(list(maps), dim=1)))
                times.append(1e3 * (time.perf_counter() - began))
    return float(np.median(times)), float(np.quantile(times, 0.99))
