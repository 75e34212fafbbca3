"""Nearest neighbours."""

import math
from abc import abstractmethod
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from skelmap.data.datamodule import Batch
from skelmap.models.base import Model
from skelmap.utils.errors import UserError


def nearest(of: Tensor, among: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Find the k nearest of a set of points, Euclidean.

    Args:
        of: (B, D) points.
        among: (N, D) points, N of at least k.
        k: how many.

    Returns:
        (B, k, D) from each of the nearest to the point, the shortest first, and (B, k) their indices. The lengths
        of these are the distances: torch.cdist's own are rounded where they are short.
    """
    index = torch.cdist(of, among).topk(k, largest=False).indices
    return of[:, None] - among[index], index


EXACT = 1000
"""Up to this many values in a window the subspace is exact; beyond, a randomised solver finds it."""


class Baseline(Model):
    """Collect flattened windows in one epoch, fit, then score.

    A subclass has a `name` for readers and defines `fit(x)` and `describe(x) -> (score, latent)`.

    Args:
        window: frames the model sees at once.
        max_windows: fit on this many of the (shuffled) training windows at most; bounds the memory.
    """

    name: str
    supports_distributed = False  # it is fitted at once

    def __init__(self, window: int, max_windows: int) -> None:
        super().__init__()
        self.title = self.name if window == 1 else f"{self.name} on windows"
        self.automatic_optimization = False
        self.max_windows = max_windows
        self._collected: list[Tensor] = []

    @abstractmethod
    def fit(self, x: NDArray[np.float32]) -> None:
        """Fit to (N, D) flattened windows, which may be overwritten."""

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Make room for what was fitted; its size depends on the data."""
        for name, _ in self.named_buffers():  # of the checkpoint's names any could be that of a method
            if name in checkpoint["state_dict"]:
                setattr(self, name, torch.empty_like(checkpoint["state_dict"][name], device=self.device))

    def _keep(self, **fitted: NDArray[np.floating]) -> None:
        """Take fitted arrays into the buffers of the same names."""
        for name, value in fitted.items():
            setattr(self, name, torch.from_numpy(np.asarray(value, np.float32)).to(self.device))

    @abstractmethod
    def describe(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        """Give the score (B,) and the latents (B, J), if any, of (B, D) flattened windows."""

    def training_step(self, batch: Batch) -> None:
        """Collect a batch; fit after the epoch's last."""
        if sum(map(len, self._collected)) < self.max_windows:
            # half precision is exact for maps, a sixteenth of a grey level, and a tenth of a pixel for keypoints
            self._collected.append(batch.windows.flatten(1).to("cpu", torch.float16))
        if self.trainer.is_last_batch:
            with self.exactly():
                x = torch.cat(self._collected)[: self.max_windows].float().numpy()
                self._collected.clear()
                self.fit(x)

    def on_validation_epoch_start(self) -> None:
        """Check that the training windows of this epoch are fitted.

        Raises:
            UserError: the trainer was told to validate before.
        """
        if self._collected or self.trainer.sanity_checking:
            raise UserError(
                f"{self.title} is fitted at the end of an epoch and cannot be validated before; allowed are "
                "trainer.val_check_interval=1.0 and trainer.num_sanity_val_steps=0"
            )

    def validation_step(self, batch: Batch) -> Tensor:
        """Return and log the mean score of normal validation windows as the loss."""
        with self.exactly():
            score, _ = self.describe(batch.windows.flatten(1))
        self.log("val/loss", score.mean(), batch_size=len(batch.windows))
        return score.mean()

    def configure_optimizers(self) -> None:
        """Nothing is optimised step by step."""

    def score_windows(self, windows: Tensor) -> tuple[Tensor, Tensor | None]:
        """Score windows (B, T, C, H, W): scores (B,), latents (B, J) if any."""
        with self.exactly():
            return self.describe(windows.flatten(1))

    def exactly(self) -> torch.autocast:
        """Compute in single precision whatever trainer.precision says: distances are differences of large numbers."""
        return torch.autocast(self.device.type, enabled=False)

    def contributions(self, maps: Tensor) -> Tensor:
        """Give what each element of maps (B, T, C, H, W) contributes to its being unusual: its squared error.

        A method that reconstructs nothing has another answer.
        """
        recon = self.reconstruct(maps)
        assert recon is not None
        return (recon - maps).square()

    def score_and_attribution(self, maps: Tensor) -> tuple[Tensor, Tensor]:
        """Do both with windows (B, T, C, H, W): scores (B,), and what `contributions` gives."""
        return self.score_windows(maps)[0], self.contributions(maps)


class MeanTemplate(Baseline):
    """Plain pixel error: a window's score is its mean squared difference from the mean normal window, a pixel.

    Args:
        window: frames the model sees at once.
        max_windows: fit on this many windows at most.
    """

    name = "mean map"
    mean: Tensor

    def __init__(self, window: int, max_windows: int) -> None:
        super().__init__(window, max_windows)
        self.save_hyperparameters(logger=False)
        self.register_buffer("mean", torch.zeros(0))

    def fit(self, x: NDArray[np.float32]) -> None:
        """Average the windows."""
        self._keep(mean=x.mean(axis=0))

    def describe(self, x: Tensor) -> tuple[Tensor, None]:
        """Give the mean squared difference from the mean (B,), and no latents."""
        return (x - self.mean).square().mean(dim=1), None

    def reconstruct(self, maps: Tensor) -> Tensor:
        """Give the mean map for every map."""
        return self.mean.expand(len(maps), -1).reshape(maps.shape)


class PCA(Baseline):
    """PCA subspace: a window's score is its mean squared distance to the subspace of normal windows, a pixel.

    Args:
        window: frames the model sees at once.
        latent_dim: J, dimensions of the subspace.
        max_windows: fit on this many windows at most.
    """

    name = "PCA"
    mean: Tensor
    components: Tensor

    def __init__(self, window: int, latent_dim: int, max_windows: int) -> None:
        super().__init__(window, max_windows)
        self.save_hyperparameters(logger=False)
        self.latent_dim = latent_dim
        for name in ("mean", "components"):
            self.register_buffer(name, torch.zeros(0))

    def fit(self, x: NDArray[np.float32]) -> None:
        """Fit the subspace; centres the windows in place, for a copy of them would take as much memory again.

        Raises:
            UserError: fewer windows or pixels than dimensions.
        """
        from sklearn.decomposition import PCA as SklearnPCA
        from sklearn.utils.extmath import randomized_svd

        if self.latent_dim > min(x.shape):
            raise UserError(
                f"model.latent_dim={self.latent_dim}; {x.shape[0]} windows of {x.shape[1]} values allow fewer"
            )
        mean = x.mean(axis=0, dtype=np.float64)
        x -= mean.astype(np.float32)
        if x.shape[1] <= EXACT:
            components = SklearnPCA(self.latent_dim, svd_solver="covariance_eigh").fit(x).components_
        else:  # as scikit-learn's PCA does it, but that copies x or overwrites it
            components = randomized_svd(x, self.latent_dim, random_state=0)[2]
        self._keep(mean=mean, components=components)

    def describe(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Give the mean squared residual (B,) and the coordinates in the subspace (B, J)."""
        latent = (x - self.mean) @ self.components.T
        residual = x - self.mean - latent @ self.components
        return residual.square().mean(dim=1), latent

    def reconstruct(self, maps: Tensor) -> Tensor:
        """Project maps or keypoints (B, T, C, H, W) onto the subspace; pixels may end a little beyond 0 and 1."""
        latent = (maps.flatten(1) - self.mean) @ self.components.T
        return (self.mean + latent @ self.components).reshape(maps.shape)


class GMM(PCA):
    """Gaussian mixture in a PCA subspace: a window's score is its negative log likelihood, nats.

    The subspace comes first because a density over all pixels of a small data set is singular.

    Args:
        window: frames the model sees at once.
        latent_dim: J, dimensions of the subspace.
        mixtures: Gaussians, each with a full covariance.
        max_windows: fit on this many windows at most.
    """

    name = "GMM"
    log_weights: Tensor
    means: Tensor
    whitening: Tensor

    def __init__(self, window: int, latent_dim: int, mixtures: int, max_windows: int) -> None:
        super().__init__(window, latent_dim, max_windows)
        self.save_hyperparameters(logger=False)
        self.mixtures = mixtures
        for name in ("log_weights", "means", "whitening"):
            self.register_buffer(name, torch.zeros(0))

    def fit(self, x: NDArray[np.float32]) -> None:
        """Fit subspace and mixture.

        Raises:
            UserError: fewer windows than Gaussians.
        """
        from sklearn.mixture import GaussianMixture

        if len(x) < self.mixtures:
            raise UserError(f"model.mixtures={self.mixtures}; {len(x)} training windows allow fewer")
        super().fit(x)
        latent = x @ self.components.cpu().numpy().T
        fitted = GaussianMixture(self.mixtures, reg_covar=1e-3, random_state=0).fit(latent.astype(np.float64))
        self._keep(log_weights=np.log(fitted.weights_), means=fitted.means_, whitening=fitted.precisions_cholesky_)

    def describe(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Give the negative log likelihood (B,) and the coordinates in the subspace (B, J)."""
        _, latent = super().describe(x)
        white = torch.einsum("bmj,mjk->bmk", latent[:, None] - self.means, self.whitening)
        log_det = self.whitening.diagonal(dim1=1, dim2=2).log().sum(dim=1)
        log_density = log_det - 0.5 * white.square().sum(dim=2) - 0.5 * latent.shape[1] * math.log(2 * math.pi)
        return -torch.logsumexp(self.log_weights + log_density, dim=1), latent


class KNN(PCA):
    """Nearest neighbours: a window's score is its mean distance to the k nearest training windows.

    Distances are Euclidean, taken in a PCA subspace so that they cost little.

    Args:
        window: frames the model sees at once.
        latent_dim: J, dimensions of the subspace.
        neighbours: k.
        max_windows: compare with this many training windows at most.
    """

    name = "KNN"
    known: Tensor

    def __init__(self, window: int, latent_dim: int, neighbours: int, max_windows: int) -> None:
        super().__init__(window, latent_dim, max_windows)
        self.save_hyperparameters(logger=False)
        self.neighbours = neighbours
        self.register_buffer("known", torch.zeros(0))

    def fit(self, x: NDArray[np.float32]) -> None:
        """Fit the subspace and remember the training windows in it.

        Raises:
            UserError: fewer windows than neighbours.
        """
        if len(x) < self.neighbours:
            raise UserError(f"model.neighbours={self.neighbours}; {len(x)} training windows allow fewer")
        super().fit(x)
        self._keep(known=x @ self.components.cpu().numpy().T)

    def describe(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Give the mean distance to the k nearest (B,) and the coordinates in the subspace (B, J)."""
        _, latent = super().describe(x)
        distance = nearest(latent, self.known, self.neighbours)[0].norm(dim=2)
        return distance.mean(dim=1), latent
