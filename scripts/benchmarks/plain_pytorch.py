"""The paper's LSTM-VAE in plain PyTorch: same layers and sizes, an fp32 loop over `DataLoader(TensorDataset(windows))`.

`python -m benchmarks.plain_pytorch train|score FOLDER STEPS OVERRIDE...` is a worker of `benchmarks.interleaved`.
"""

import sys
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.common import DEVICE, data_module, resolved, scored_windows, training_windows
from benchmarks.interleaved import RepetitionTimer
from skelmap.models.networks import stage_shapes


class PlainLSTMVAE(nn.Module):
    """The network of `skelmap.models.LSTMVAE`, with the parameters in the same order.

    Args:
        seq_len: window length T, frames.
        img_size: side of the maps, px.
        latent_dim: size J of the latent space.
        hidden_size: size of both LSTMs.
        channels: channels of the convolutions, see `stage_shapes`.
    """

    def __init__(self, seq_len: int, img_size: int, latent_dim: int, hidden_size: int, channels: list[int]) -> None:
        super().__init__()
        self.seq_len = seq_len
        shapes = stage_shapes(img_size, channels)
        down: list[nn.Module] = []
        for (before, _, _), (after, _, _) in pairwise(shapes):
            down += [nn.Conv2d(before, after, 3, 2, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU()]
        up: list[nn.Module] = []
        for (after, large, _), (before, small, _) in zip(shapes[-2::-1], shapes[:0:-1], strict=True):
            up += [
                nn.ConvTranspose2d(before, after, 3, 2, 1, large - (2 * small - 1)),
                nn.BatchNorm2d(after),
                nn.ReLU(),
            ]
        channels_left, side, _ = shapes[-1]
        features = channels_left * side * side
        self.cnn = nn.Sequential(*down, nn.Flatten())
        self.encoder = nn.LSTM(features, hidden_size, batch_first=True)
        self.posterior = nn.Linear(hidden_size, 2 * latent_dim)
        self.decoder = nn.LSTM(latent_dim, hidden_size, batch_first=True)
        self.transposed = nn.Sequential(
            nn.Linear(hidden_size, features), nn.ReLU(), nn.Unflatten(1, shapes[-1]), *up[:-2]
        )

    def forward(self, maps: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Compute logits (B, T, C, H, W), mu and logvar (B, J) of maps (B, T, C, H, W)."""
        features = self.cnn(maps.flatten(0, 1)).unflatten(0, maps.shape[:2])
        mu, logvar = self.posterior(self.encoder(features)[0][:, -1]).chunk(2, dim=1)
        z = mu + torch.randn_like(mu) * (0.5 * logvar).exp() if self.training else mu
        hidden = self.decoder(z[:, None].expand(-1, self.seq_len, -1))[0]
        return self.transposed(hidden.flatten(0, 1)).view_as(maps), mu, logvar


def negative_elbo(logits: Tensor, maps: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    """Mean negative evidence lower bound of a batch, nats per window."""
    recon = F.binary_cross_entropy_with_logits(logits, maps, reduction="sum")
    kl = 0.5 * (mu.square() + logvar.exp() - 1 - logvar).sum()
    return (recon + kl) / len(maps)


def plain_network(config: dict[str, Any]) -> PlainLSTMVAE:
    """Build the network with the sizes of a resolved configuration."""
    data, model = config["data"], config["model"]
    sizes = data["seq_len"], data["img_size"], model["latent_dim"], model["hidden_size"], model["channels"]
    return PlainLSTMVAE(*sizes).to(DEVICE)


def train_step(network: PlainLSTMVAE, maps: Tensor, optimizer: torch.optim.Optimizer) -> None:
    """Take one optimisation step on a batch of windows (B, T, C, H, W)."""
    maps = maps.to(DEVICE)
    optimizer.zero_grad()
    logits, mu, logvar = network(maps)
    negative_elbo(logits, maps, mu, logvar).backward()
    optimizer.step()


def score(network: PlainLSTMVAE, windows: TensorDataset, batch_size: int) -> Tensor:
    """Compute the mean squared error of each window, (W,)."""
    device = next(network.parameters()).device
    scores = []
    with torch.no_grad():
        for (maps,) in DataLoader(windows, batch_size):
            maps = maps.to(device)
            scores.append((network(maps)[0].sigmoid() - maps).square().flatten(1).mean(dim=1))
    return torch.cat(scores)


def main(task: str, folder: str, steps: str, *overrides: str) -> None:
    """Train (a step is a batch) or score (a step is all test and validation windows) until the parent ends."""
    config = resolved(folder, *overrides)
    batch_size = config["data"]["batch_size"]
    data = data_module(config)
    windows = TensorDataset(scored_windows(data) if task == "score" else training_windows(data))
    network, timer = plain_network(config), RepetitionTimer(int(steps))
    if task == "score":
        network.eval()
        running = True
        while running:
            score(network, windows, batch_size)
            running = timer.step()
        return
    optimizer = torch.optim.Adam(network.parameters(), config["model"]["learning_rate"])
    while True:
        for (maps,) in DataLoader(windows, batch_size, shuffle=True, pin_memory=DEVICE.type == "cuda"):
            train_step(network, maps, optimizer)
            if not timer.step():
                return


if __name__ == "__main__":
    main(*sys.argv[1:])
