"""How a step's cost grows with the window, the map and the LSTMs."""

from collections.abc import Iterator

import torch

from benchmarks.limits import DEVICE, seconds
from skelmap.data.datamodule import Batch
from skelmap.models.lstm_vae import LSTMVAE

PAPER = {"seq_len": 30, "img_size": 28, "hidden_size": 300}
VARIED = {"seq_len": (10, 30, 60, 120), "img_size": (14, 28, 56, 112), "hidden_size": (75, 150, 300, 600)}
"""One at a time, the others as in the paper; batches of 16 windows."""


def steps(least: float = 0.5) -> Iterator[tuple[str, int, float, float]]:
    """Yield what was varied, its value, ms of a training step and ms to score 16 windows.

    Args:
        least: for how long to score, s; training is timed twice as long.
    """
    for key, values in VARIED.items():
        for value in values:
            sizes = PAPER | {key: value}
            window, side, width = (sizes[name] for name in PAPER)
            model = LSTMVAE(window, side, 16, width, [8, 16, 32], learning_rate=1e-3).to(DEVICE)
            optimiser = model.configure_optimizers()
            maps = (torch.rand(16, window, 1, side, side, device=DEVICE) < 0.1).float()
            batch = Batch(torch.arange(16, device=DEVICE), maps)

            def train(
                model: LSTMVAE = model, batch: Batch = batch, optimiser: torch.optim.Optimizer = optimiser
            ) -> None:
                optimiser.zero_grad()
                recon, kl, _ = model.train().losses(batch.windows)
                (recon + kl.sum()).backward()
                optimiser.step()

            def score(model: LSTMVAE = model, batch: Batch = batch) -> None:
                with torch.inference_mode():
                    model.eval().predict_step(batch)

            yield key, value, 1e3 * seconds(train, 2 * least), 1e3 * seconds(score, least)
