"""Baselines that are fitted once to all training windows: mean template, PCA, Gaussian mixture, nearest neighbours."""

import math
from abc import abstractmethod
from collections.abc import Mapping
from inspect import signature
from typing import Annotated, Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from skelmap.data.datamodule import Batch
from skelmap.data.keypoints import Representation
from skelmap.data.windows import WindowKind
from skelmap.models.base import InputDefaults, LatentDim, Model
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


def parameter_value(cls: type[Model], parameters: Mapping[str, Any], name: str) -> Any:
    """Value of a model's parameter: the configured one, or the constructor's default."""
    return parameters.get(name, signature(cls).parameters[name].default)


class Baseline(Model):
    """Collect flattened windows in one epoch, fit, then score.

    A subclass sets `name` and defines `fit`, `score_flat` and `reconstruct`.

    Args:
        window: score single frames or sequences of T frames.
        representation: of the data that the model asks for; the model itself takes any.
        max_windows: number of (shuffled) training windows to fit to at most; bounds the memory.
    """

    name: str
    supports_distributed = False  # the fit needs all windows in one process

    def __init__(self, window: WindowKind, representation: Representation, max_windows: int) -> None:
        super().__init__()
        self.title = self.name if window == "frame" else f"{self.name} on windows"
        self.automatic_optimization = False
        self.max_windows = max_windows
        self._collected: list[Tensor] = []

    @classmethod
    def input_defaults(cls, parameters: Mapping[str, Any]) -> InputDefaults:
        """Ask for the configured representation and window, and for one epoch in large batches."""
        asked = {name: parameter_value(cls, parameters, name) for name in ("representation", "window")}
        return InputDefaults(**asked, batch_size=256, max_epochs=1)

    @abstractmethod
    def fit(self, x: NDArray[np.float32]) -> None:
        """Fit to flattened windows (N, D), which may be overwritten."""

    @abstractmethod
    def score_flat(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        """Score flattened windows (B, D): scores (B,) and latents (B, J), or None from a model without latents."""

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Resize the buffers to those of the checkpoint: the size of what is fitted depends on the data."""
        for name, _ in self.named_buffers():  # any other name in a checkpoint might be that of a method
            if name in checkpoint["state_dict"]:
                setattr(self, name, torch.empty_like(checkpoint["state_dict"][name], device=self.device))

    def _set_buffers(self, **fitted: NDArray[np.floating]) -> None:
        """Copy fitted arrays to the buffers of the same names."""
        for name, value in fitted.items():
            setattr(self, name, torch.from_numpy(np.asarray(value, np.float32)).to(self.device))

    def training_step(self, batch: Batch) -> None:
        """Collect a batch; fit after the last batch of the epoch."""
        if sum(map(len, self._collected)) < self.max_windows:
            # half precision is exact for binary maps, 1/16 of a grey level for others, 0.1 px for keypoints
            self._collected.append(batch.windows.flatten(1).to("cpu", torch.float16))
        if self.trainer.is_last_batch:
            with self.full_precision():
                x = torch.cat(self._collected)[: self.max_windows].float().numpy()
                self._collected.clear()
                self.fit(x)

    def on_validation_epoch_start(self) -> None:
        """Check that this epoch's training windows are fitted.

        Raises:
            UserError: the trainer is configured to validate before the end of the epoch.
        """
        if self._collected or self.trainer.sanity_checking:
            raise UserError(
                f"{self.title} is fitted at the end of an epoch and cannot be validated before; allowed are "
                "trainer.val_check_interval=1.0 and trainer.num_sanity_val_steps=0"
            )

    def on_train_epoch_end(self) -> None:
        """Check that the epoch was completed.

        Raises:
            UserError: the trainer has ended it before its last batch, so nothing is fitted.
        """
        if self._collected:
            raise UserError(f"{self.title} is fitted at the end of an epoch, which trainer.max_time did not allow for")

    def validation_step(self, batch: Batch) -> Tensor:
        """Return and log the mean score of validation windows as the loss."""
        score, _ = self.score_windows(batch.windows)
        self.log("val/loss", score.mean(), batch_size=len(batch.start))
        return score.mean()

    def configure_optimizers(self) -> None:
        """Use no optimiser."""

    def score_windows(self, windows: Tensor) -> tuple[Tensor, Tensor | None]:
        """Score windows (B, T, C, H, W): scores (B,) and latents (B, J), or None from a model without latents."""
        with self.full_precision():
            return self.score_flat(windows.flatten(1))

    def full_precision(self) -> torch.autocast:
        """Disable mixed precision (trainer.precision): distances are differences of large numbers."""
        return torch.autocast(self.device.type, enabled=False)

    def attribution(self, windows: Tensor) -> Tensor:
        """Share of each pixel or coordinate in the score of windows (B, T, C, H, W), same shape: its squared error.

        A model that reconstructs nothing overrides this.
        """
        reconstruction = self.reconstruct(windows)
        assert reconstruction is not None
        return (reconstruction - windows).square()

    def score_and_attribution(self, windows: Tensor) -> tuple[Tensor, Tensor]:
        """Score windows (B, T, C, H, W): scores (B,) and attribution (B, T, C, H, W)."""
        return self.score_windows(windows)[0], self.attribution(windows)


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
        from sklearn.decomposition import PCA as SklearnPCA
        from sklearn.utils.extmath import randomized_svd

        if self.latent_dim > min(x.shape):
            raise UserError(
                f"model.latent_dim={self.latent_dim}; {x.shape[0]} windows of {x.shape[1]} values allow fewer"
            )
        mean = x.mean(axis=0, dtype=np.float64)
        x -= mean.astype(np.float32)
        if x.shape[1] <= EXACT_PCA_SIZE:
            components = SklearnPCA(self.latent_dim, svd_solver="covariance_eigh").fit(x).components_
        else:  # scikit-learn's randomised PCA does the same, but copies x
            components = randomized_svd(x, self.latent_dim, random_state=0)[2]
        self._set_buffers(mean=mean, components=components)

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
