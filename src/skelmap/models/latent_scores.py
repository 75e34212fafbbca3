"""What a network is judged against besides its reconstruction: where normal windows lie in its latent space."""

from typing import Any

import torch
from torch import Tensor, nn

from skelmap.models.baselines import nearest
from skelmap.utils.errors import UserError

SCORES = ("relative_error", "mahalanobis", "neighbours", "error_and_neighbours")
"""Scores that need a reference."""
NEIGHBOURS = 5
"""k."""
FLAT = 1e-6
"""Directions of less than this share of the largest variance are latents that the network does not use."""


class Reference(nn.Module):
    """Latents of normal windows, and how well those of validation recordings are reconstructed.

    All of it is kept in buffers, so that it travels in the checkpoint; before `fit` they are empty. Distances are taken
    after whitening by the covariance of the training windows' latents.
    """

    mean: Tensor
    axes: Tensor
    train_latents: Tensor
    val_latents: Tensor
    val_error: Tensor
    val_distance: Tensor

    def __init__(self) -> None:
        super().__init__()
        for name in ("mean", "axes", "train_latents", "val_latents", "val_error", "val_distance"):
            self.register_buffer(name, torch.zeros(0))

    @property
    def known(self) -> bool:
        """Whether normal windows are remembered."""
        return len(self.train_latents) > 0

    def forget(self) -> None:
        """Know nothing: the latents of weights that are trained on are others."""
        for name, buffer in self.named_buffers():
            setattr(self, name, buffer.new_zeros(0))

    def make_room(self, saved: dict[str, Any], prefix: str) -> None:
        """Size the buffers as a saved state has them."""
        for name, buffer in self.named_buffers():
            setattr(self, name, torch.empty_like(saved[f"{prefix}{name}"], device=buffer.device))

    def check(self, name: str) -> None:
        """Refuse a score that cannot be had.

        Raises:
            UserError: the reference is empty, or has no validation windows where those are needed.
        """
        if not self.known:
            raise UserError(f"model.score={name}: only best.ckpt of a finished training remembers normal windows")
        if name in ("relative_error", "error_and_neighbours") and not len(self.val_latents):
            raise UserError(f"model.score={name} needs validation recordings; mahalanobis and neighbours do not")

    def fit(self, train: Tensor, val: Tensor, val_error: Tensor) -> None:
        """Remember normal windows.

        Args:
            train: (N, J) latents of training windows.
            val: (M, J) latents of validation windows, (0,) if there are none.
            val_error: (M,) their reconstruction errors.
        """
        self.mean = train.mean(dim=0)
        variances, directions = torch.linalg.eigh(
            torch.cov(train.cpu().double().T, correction=0).view(2 * train.shape[1:])
        )
        used = variances > FLAT * variances[-1]
        self.axes = (directions[:, used] / variances[used].sqrt()).to(train)
        self.train_latents, self.val_error = self._white(train), val_error
        self.val_latents = self._white(val) if len(val) else val
        self.val_distance = self.neighbours(val) if len(val) else val

    def _white(self, mu: Tensor) -> Tensor:
        return (mu - self.mean) @ self.axes

    def score(self, name: str, mu: Tensor, error: Tensor) -> Tensor:
        """Score windows by name, (B,), from their latents (B, J) and reconstruction errors (B,)."""
        if name == "mahalanobis":
            return self.mahalanobis(mu)
        if name == "neighbours":
            return self.neighbours(mu)
        return self.relative_error(mu, error) if name == "relative_error" else self.error_and_neighbours(mu, error)

    def mahalanobis(self, mu: Tensor) -> Tensor:
        """Mahalanobis distance (B,) of latents (B, J) from those of training windows (Lee et al. 2018, one class)."""
        distance: Tensor = self._white(mu).norm(dim=1)
        return distance

    def neighbours(self, mu: Tensor) -> Tensor:
        """Mean distance (B,) of latents (B, J) to the k nearest of training windows (Sun et al. 2022, of the k-th)."""
        distance: Tensor = self._nearest(mu, self.train_latents)[0].norm(dim=2).mean(dim=1)
        return distance

    def _nearest(self, mu: Tensor, among: Tensor) -> tuple[Tensor, Tensor]:
        """Find the k nearest of normal windows, or all there are; see `nearest`."""
        return nearest(self._white(mu), among, min(NEIGHBOURS, len(among)))

    def relative_error(self, mu: Tensor, error: Tensor) -> Tensor:
        """Error (B,) over the error expected there: the mean over the k nearest validation windows (Cover 1968).

        Some movements are reconstructed worse than others, normal or not.
        """
        _, which = self._nearest(mu, self.val_latents)
        return error / self.val_error[which].mean(dim=1).clamp_min(1e-12)

    def error_and_neighbours(self, mu: Tensor, error: Tensor) -> Tensor:
        """Sum (B,) of the error and the distance to neighbours, each in units of its mean over validation windows."""
        errors, distances = self.val_error.mean().clamp_min(1e-12), self.val_distance.mean().clamp_min(1e-12)
        return error / errors + self.neighbours(mu) / distances
