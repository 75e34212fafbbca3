"""The LSTM-VAE of the paper as a user would write it by hand: same layers, same sizes, nothing but torch."""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from skelmap.models.networks import stage_shapes


class PlainLSTMVAE(nn.Module):
    """As `skelmap.models.LSTMVAE`, in the same order of parameters.

    Args:
        seq_len: T.
        img_size: side of the maps, px.
        latent_dim: J.
        hidden_size: of both LSTMs.
        channels: see `stage_shapes`.
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
        """Give log odds (B, T, C, H, W), mu and logvar (B, J) of maps (B, T, C, H, W)."""
        features = self.cnn(maps.flatten(0, 1)).unflatten(0, maps.shape[:2])
        mu, logvar = self.posterior(self.encoder(features)[0][:, -1]).chunk(2, dim=1)
        z = mu + torch.randn_like(mu) * (0.5 * logvar).exp() if self.training else mu
        hidden = self.decoder(z[:, None].expand(-1, self.seq_len, -1))[0]
        return self.transposed(hidden.flatten(0, 1)).view_as(maps), mu, logvar


def negative_elbo(logits: Tensor, maps: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    """The loss of a batch, nats a window."""
    recon = F.binary_cross_entropy_with_logits(logits, maps, reduction="sum")
    kl = 0.5 * (mu.square() + logvar.exp() - 1 - logvar).sum()
    return (recon + kl) / len(maps)
