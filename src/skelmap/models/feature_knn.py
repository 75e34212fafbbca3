"""Nearest neighbours on pose features: recommended for real people."""

from typing import Annotated

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from skelmap.data.datamodule import Batch
from skelmap.data.windows import WindowLength
from skelmap.models.baselines import Neighbors, nearest_neighbors
from skelmap.models.feature_distance import (
    CHUNK_SIZE,
    Components,
    ExampleWeight,
    FeatureDistance,
    Features,
    safe_norm,
)
from skelmap.utils.errors import UserError
from skelmap.utils.schema import PositiveInt

MIN_LOCAL_DISTANCE = 0.1
"""Lower bound of local distances, as a share of their median: repeated windows would have none."""


class FeatureKNN(FeatureDistance):
    """Score a window by its distance to the nearest training windows in pose features.

    Features are whitened by their principal axes, so Euclidean distances are Mahalanobis distances. The distance in a
    feature is the mean over the k nearest training windows (Ramaswamy et al. 2000, with the mean in place of the k-th).
    `FeatureDistance` says how features are combined.

    With `density_power` the distance is divided by a power of the local distance: that of the k neighbours to the
    nearest training windows of other groups (within one group: to those without common frames). A distance in a
    sparse region is less unusual than the same distance in a dense one. Power 1 gives a ratio of local densities
    (Breunig et al. 2000), power 0 the plain distance.

    Standard deviations of the last principal components are noise. Directions beyond `n_components` are therefore
    divided by that of the last component. They cannot be dropped: what is constant in normal data lies there, as the
    direction of the trunk of people who only stand.

    Args:
        seq_len: T, frames in a window.
        features: names of the features; the prefix `hands_` selects neck, wrists and hips only.
        n_components: number of whitened principal components of each feature.
        n_neighbors: k.
        max_windows: number of training windows in the memory bank at most.
        keep_residual: use the directions beyond `n_components`.
        rank_normalize: see `FeatureDistance`.
        density_power: exponent of the local distance, 0..1.
        example_weight: see `FeatureDistance`.

    Raises:
        UserError: see `FeatureDistance`.
    """

    name = "feature KNN"
    window_seconds = 2.0

    def __init__(
        self,
        seq_len: WindowLength = 60,
        features: Features = ("motion", "posture", "hands_motion", "hands_posture", "hands_kinematics"),
        n_components: Components = (10, 10, 10, 10, 10),
        n_neighbors: Neighbors = 5,
        max_windows: PositiveInt = 5000,
        keep_residual: bool = True,
        rank_normalize: bool = False,
        density_power: Annotated[float, Field(ge=0, le=1)] = 0.0,
        example_weight: ExampleWeight = 2.0,
    ) -> None:
        super().__init__(seq_len, features, n_components, max_windows, keep_residual, rank_normalize, example_weight)
        self.save_hyperparameters(logger=False)
        self.n_neighbors, self.density_power = n_neighbors, density_power
        self._starts: list[Tensor] = []
        for feature in features:
            for part in ("memory_bank", "local_scale"):
                self.register_buffer(f"{feature}_{part}", torch.zeros(0))

    def fit(self, x: NDArray[np.float32]) -> None:
        """Fit the whitening of each feature and store the training windows.

        Args:
            x: (N, T V 2) flattened windows.

        Raises:
            UserError: no more windows than neighbours.
        """
        if len(x) <= self.n_neighbors:
            raise UserError(f"model.n_neighbors={self.n_neighbors}; {len(x)} training windows allow fewer")
        super().fit(x)

    def _fit_feature(self, feature: str, centered: NDArray[np.float64], axes: NDArray[np.float64]) -> None:
        """Store the whitened training windows; their local scale is 1 until `fit_local_density`."""
        scale = np.ones(len(centered))
        self._set_buffers(**{f"{feature}_memory_bank": centered @ axes, f"{feature}_local_scale": scale})

    def training_step(self, batch: Batch) -> None:
        """Collect a batch; fit after the last batch of the epoch, then the local densities."""
        self._starts.append(batch.start.cpu())
        super().training_step(batch)
        if self.trainer.is_last_batch:
            start = torch.cat(self._starts)[: self.max_windows]
            self._starts.clear()
            if self.density_power:
                with self.full_precision():
                    self.fit_local_density(start, self.trainer.datamodule.splits.groups_of(start))

    def fit_local_density(self, start: Tensor, group: Tensor) -> None:
        """Fit the local scale of each training window: its distance to the k nearest unrelated ones, to the power.

        Unrelated are windows of other groups; with a single group, windows without common frames. If some window has
        fewer than k of them, distances are not divided.

        Args:
            start: (N,) first row of each training window.
            group: (N,) index of its group.
        """
        single_group = len(group.unique()) == 1
        for feature in self.n_components:
            bank = getattr(self, f"{feature}_memory_bank")
            chunks = []
            for index in torch.arange(len(bank)).split(CHUNK_SIZE):
                overlaps = (start[index, None] - start).abs() < self.seq_len
                related = overlaps if single_group else group[index, None] == group
                distance = torch.cdist(bank[index], bank).masked_fill(related.to(bank.device), torch.inf)
                chunks.append(distance.topk(self.n_neighbors, largest=False).values.mean(dim=1))
            local_distance = torch.cat(chunks)
            if local_distance.isfinite().all():
                lowest = (MIN_LOCAL_DISTANCE * local_distance.median()).clamp_min(1e-6)
                setattr(self, f"{feature}_local_scale", local_distance.clamp_min(lowest) ** self.density_power)

    def _distance(self, feature: str, centered: Tensor) -> Tensor:
        """Mean distance (B,) to the k nearest training windows over their local scale."""
        differences, scale = self._neighbors(feature, centered)
        distance: Tensor = differences.norm(dim=2).mean(dim=1) / scale
        return distance

    def _distance_parts(self, feature: str, centered: Tensor) -> Tensor:
        """Contribution (B, D) of each dimension of a feature to `_distance`."""
        differences, scale = self._neighbors(feature, centered)
        axes = getattr(self, f"{feature}_axes")
        inverse = axes / axes.square().sum(dim=0)  # the columns are orthogonal
        squares: Tensor = (differences @ inverse.mT) * (differences @ axes.mT)
        return (squares / safe_norm(differences)).mean(dim=1) / scale[:, None]

    def _neighbors(self, feature: str, centered: Tensor) -> tuple[Tensor, Tensor]:
        """Differences (B, k, J) from the k nearest training windows, whitened, and their mean local scale (B,)."""
        axes, bank, scale = (getattr(self, f"{feature}_{part}") for part in ("axes", "memory_bank", "local_scale"))
        differences, index = nearest_neighbors(centered @ axes, bank, self.n_neighbors)
        return differences, scale[index].mean(dim=1)
