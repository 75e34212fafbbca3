"""Baselines: mean template, PCA, Gaussian mixture, nearest neighbours."""

import math
from typing import Annotated

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from skelmap.data.keypoints import Representation
from skelmap.data.windows import WindowKind
from skelmap.models.base import LatentDim
from skelmap.models.baseline_base import Baseline
from skelmap.utils.errors import UserError
from skelmap.utils.schema import PositiveInt

Neighbors = Annotated[int, Field(ge=1, le=1000)]
EXACT_PCA_SIZE = 1000
"""Up to this many values in a window PCA is exact; beyond, a randomised solver approximates it."""


def nearest_neighbors(queries: Tensor, memory_bank: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Find the k nearest points of a memory bank, Euclidean.

    Args:
        queries: (B, D).
        memory_bank: (N, D), N of at least k.
        k: number of neighbours.

    Returns:
        (B, k, D) differences from the neighbours, nearest first, and (B, k) their indices. The norms of the differences
        are the distances: torch.cdist rounds short ones.
    """
    index = torch.cdist(queries, memory_bank).topk(k, largest=False).indices
    return queries[:, None] - memory_bank[index], index


class MeanTemplate(Baseline):
    """Mean squared difference from the mean of the training windows.

    Args:
        max_windows: number of training windows to fit to at most.
        window: score single frames or sequences of T frames.
        representation: of the data that the model asks for.
    """

    name = "mean template"
    mean: Tensor

    def __init__(
        self,
        max_windows: PositiveInt = 20_000,
        window: WindowKind = "frame",
        representation: Representation = "maps",
    ) -> None:
        super().__init__(window, representation, max_windows)
        self.save_hyperparameters(logger=False)
        self.register_buffer("mean", torch.zeros(0))

    def fit(self, x: NDArray[np.float32]) -> None:
        """Average the windows (N, D)."""
        self._set_buffers(mean=x.mean(axis=0))

    def score_flat(self, x: Tensor) -> tuple[Tensor, None]:
        """Score flattened windows (B, D) by the mean squared difference from the mean, (B,)."""
        return (x - self.mean).square().mean(dim=1), None

    def reconstruct(self, windows: Tensor) -> Tensor:
        """Return the mean for each of the windows (B, T, C, H, W)."""
        return self.mean.expand(len(windows), -1).reshape(windows.shape)


class PCA(Baseline):
    """Mean squared distance to the PCA subspace of the training windows.

    Args:
        latent_dim: J, dimensions of the subspace.
        max_windows: number of training windows to fit to at most.
        window: score single frames or sequences of T frames.
        representation: of the data that the model asks for.
    """

    name = "PCA"
    mean: Tensor
    components: Tensor

    def __init__(
        self,
        latent_dim: LatentDim = 16,
        max_windows: PositiveInt = 20_000,
        window: WindowKind = "frame",
        representation: Representation = "maps",
    ) -> None:
        super().__init__(window, representation, max_windows)
        self.save_hyperparameters(logger=False)
        self.latent_dim = latent_dim
        for name in ("mean", "components"):
            self.register_buffer(name, torch.zeros(0))

    def fit(self, x: NDArray[np.float32]) -> None:
        """Fit the subspace to windows (N, D); centres them in place, because a copy would double the memory.

        Raises:
            UserError: fewer windows or values than dimensions.
        """
        if self.latent_dim > min(x.shape):
            raise UserError(
                f"model.latent_dim={self.latent_dim}; {x.shape[0]} windows of {x.shape[1]} values allow fewer"
            )
        mean = x.mean(axis=0, dtype=np.float64)
        x -= mean.astype(np.float32)
        self._set_buffers(mean=mean, components=self._fit_components(x))

    def _fit_components(self, centered: NDArray[np.float32]) -> NDArray[np.floating]:
        """Orthonormal basis (J, D) of the subspace of centred windows (N, D)."""
        from sklearn.decomposition import PCA as SklearnPCA
        from sklearn.utils.extmath import randomized_svd

        if centered.shape[1] <= EXACT_PCA_SIZE:
            components = SklearnPCA(self.latent_dim, svd_solver="covariance_eigh").fit(centered).components_
        else:  # scikit-learn's randomised PCA does the same, but copies the windows
            components = randomized_svd(centered, self.latent_dim, random_state=0)[2]
        return np.asarray(components)

    def score_flat(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Score flattened windows (B, D): mean squared residuals (B,) and coordinates in the subspace (B, J)."""
        latent = (x - self.mean) @ self.components.T
        residual = x - self.mean - latent @ self.components
        return residual.square().mean(dim=1), latent

    def reconstruct(self, windows: Tensor) -> Tensor:
        """Project windows (B, T, C, H, W) onto the subspace; pixels may lie slightly outside 0..1."""
        latent = (windows.flatten(1) - self.mean) @ self.components.T
        return (self.mean + latent @ self.components).reshape(windows.shape)


class GMM(PCA):
    """Negative log likelihood, nats, under a Gaussian mixture in a PCA subspace.

    The subspace is needed because the density of all pixels of a small data set is singular.

    Args:
        latent_dim: J, dimensions of the subspace.
        n_components: number of Gaussians, each with a full covariance.
        max_windows: number of training windows to fit to at most.
        window: score single frames or sequences of T frames.
        representation: of the data that the model asks for.
    """

    name = "GMM"
    log_weights: Tensor
    means: Tensor
    whitening: Tensor

    def __init__(
        self,
        latent_dim: LatentDim = 16,
        n_components: Annotated[int, Field(ge=1, le=1000)] = 8,
        max_windows: PositiveInt = 20_000,
        window: WindowKind = "frame",
        representation: Representation = "maps",
    ) -> None:
        super().__init__(latent_dim, max_windows, window, representation)
        self.save_hyperparameters(logger=False)
        self.n_components = n_components
        for name in ("log_weights", "means", "whitening"):
            self.register_buffer(name, torch.zeros(0))

    def fit(self, x: NDArray[np.float32]) -> None:
        """Fit subspace and mixture to windows (N, D).

        Raises:
            UserError: fewer windows than Gaussians.
        """
        from sklearn.mixture import GaussianMixture

        if len(x) < self.n_components:
            raise UserError(f"model.n_components={self.n_components}; {len(x)} training windows allow fewer")
        super().fit(x)
        latent = x @ self.components.cpu().numpy().T
        gmm = GaussianMixture(self.n_components, reg_covar=1e-3, random_state=0).fit(latent.astype(np.float64))
        self._set_buffers(log_weights=np.log(gmm.weights_), means=gmm.means_, whitening=gmm.precisions_cholesky_)

    def score_flat(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Score flattened windows (B, D): negative log likelihoods (B,) and coordinates in the subspace (B, J)."""
        _, latent = super().score_flat(x)
        white = torch.einsum("bmj,mjk->bmk", latent[:, None] - self.means, self.whitening)
        log_det = self.whitening.diagonal(dim1=1, dim2=2).log().sum(dim=1)
        log_density = log_det - 0.5 * white.square().sum(dim=2) - 0.5 * latent.shape[1] * math.log(2 * math.pi)
        return -torch.logsumexp(self.log_weights + log_density, dim=1), latent


class KNN(PCA):
    """Mean Euclidean distance to the k nearest training windows, in a PCA subspace for speed.

    Args:
        latent_dim: J, dimensions of the subspace.
        n_neighbors: k.
        max_windows: number of training windows in the memory bank at most.
        window: score single frames or sequences of T frames.
        representation: of the data that the model asks for.
    """

    name = "KNN"
    memory_bank: Tensor

    def __init__(
        self,
        latent_dim: LatentDim = 60,
        n_neighbors: Neighbors = 5,
        max_windows: PositiveInt = 5000,
        window: WindowKind = "sequence",
        representation: Representation = "maps",
    ) -> None:
        super().__init__(latent_dim, max_windows, window, representation)
        self.save_hyperparameters(logger=False)
        self.n_neighbors = n_neighbors
        self.register_buffer("memory_bank", torch.zeros(0))

    def fit(self, x: NDArray[np.float32]) -> None:
        """Fit the subspace to windows (N, D) and store the windows in it.

        Raises:
            UserError: fewer windows than neighbours.
        """
        if len(x) < self.n_neighbors:
            raise UserError(f"model.n_neighbors={self.n_neighbors}; {len(x)} training windows allow fewer")
        super().fit(x)
        self._set_buffers(memory_bank=x @ self.components.cpu().numpy().T)

    def score_flat(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Score flattened windows (B, D): mean distances to the k nearest (B,), coordinates in the subspace (B, J)."""
        _, latent = super().score_flat(x)
        difference, _ = nearest_neighbors(latent, self.memory_bank, self.n_neighbors)
        return difference.norm(dim=2).mean(dim=1), latent


class RandomProjection(KNN):
    """Mean Euclidean distance to the k nearest training windows in a random subspace: a control for learnt features.

    The subspace does not depend on the data, so what another method gains over it is due to its features (random
    projections keep distances: Johnson and Lindenstrauss 1984). The arguments are those of `KNN`.
    """

    name = "random projection"

    def _fit_components(self, centered: NDArray[np.float32]) -> NDArray[np.floating]:
        """Draw an orthonormal basis (J, D) by the run's seed."""
        basis: NDArray[np.floating] = torch.linalg.qr(torch.randn(centered.shape[1], self.latent_dim)).Q.T.numpy()
        return basis
