"""Time of the LSTM-VAE itself: one live camera, and how a step's cost grows with window, map and LSTM size."""

import time
from collections import deque
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import torch

from benchmarks.common import DEVICE, median_seconds
from skelmap.data.datamodule import Batch
from skelmap.data.rendering import MapSettings, render_maps
from skelmap.models.lstm_vae import LSTMVAE
from skelmap.skeletons.manifest import read_manifest
from skelmap.skeletons.readers import read_clip

PAPER_SIZES = {"seq_len": 30, "img_size": 28, "hidden_size": 300}
VARIED_SIZES = {"seq_len": (10, 30, 60, 120), "img_size": (14, 28, 56, 112), "hidden_size": (75, 150, 300, 600)}
"""Varied one at a time, the others as in the paper; batches of 16 windows."""


def live_latency(manifest: Path, img_size: int, frames: int = 500) -> tuple[float, float]:
    """Measure the time from a pose to the score of its window: the map is drawn, the last 30 maps are scored.

    Returns:
        Median and 99th percentile, ms.
    """
    recording = read_manifest(manifest).recordings[0]
    clip = read_clip(recording.path, recording.clip)
    settings = MapSettings(img_size=img_size)
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


def step_costs(
    paper: Mapping[str, int] = PAPER_SIZES,
    varied: Mapping[str, tuple[int, ...]] = VARIED_SIZES,
    least: float = 0.5,
) -> Iterator[tuple[str, int, float, float]]:
    """Measure a training step and the scoring of 16 windows for one varied size after the other.

    Args:
        paper: sizes that are not varied.
        varied: values of each size.
        least: shortest time for which scoring is repeated, s; training twice as long.

    Yields:
        Name of the size, its value, ms per training step, ms per scored batch.
    """
    for key, values in varied.items():
        for value in values:
            sizes = {**paper, key: value}
            seq_len, img_size, hidden_size = (sizes[name] for name in PAPER_SIZES)
            model = LSTMVAE(seq_len, img_size, 16, hidden_size, [8, 16, 32], learning_rate=1e-3).to(DEVICE)
            optimizer = model.configure_optimizers()
            maps = (torch.rand(16, seq_len, 1, img_size, img_size, device=DEVICE) < 0.1).float()
            batch = Batch(torch.arange(16, device=DEVICE), maps)

            def train(
                model: LSTMVAE = model, batch: Batch = batch, optimizer: torch.optim.Optimizer = optimizer
            ) -> None:
                optimizer.zero_grad()
                recon, kl, _ = model.train().losses(batch.windows)
                (recon + kl.sum()).backward()
                optimizer.step()

            def score(model: LSTMVAE = model, batch: Batch = batch) -> None:
                with torch.inference_mode():
                    model.eval().predict_step(batch)

            yield key, value, 1e3 * median_seconds(train, 2 * least), 1e3 * median_seconds(score, least)
