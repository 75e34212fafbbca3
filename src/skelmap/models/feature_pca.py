"""PCA reconstruction error on pose features: a baseline of nearest neighbours."""

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from skelmap.data.windows import WindowLength
from skelmap.models.feature_distance import Components, ExampleWeight, FeatureDistance, Features, safe_norm
from skelmap.utils.errors import UserError
from skelmap.utils.schema import PositiveInt


class FeaturePCA(FeatureDistance):
    """Score a window by its distance to the PCA subspaces of pose features.

    Args:
        seq_len: T, frames in a window.
        features: names of the features; the prefix `hands_` selects neck, wrists and hips only.
        n_components: dimensions of the subspace of each feature.
        max_windows: number of training windows to fit to at most.
        rank_normalize: see `FeatureDistance`.
        example_weight: see `FeatureDistance`.

    Raises:
        UserError: see `FeatureDistance`.
    """

    name = "feature PCA"

    def __init__(
        self,
        seq_len: WindowLength = 30,
        features: Features = ("trajectory",),
        n_components: Components = (60,),
        max_windows: PositiveInt = 5000,
        rank_normalize: bool = False,
        example_weight: ExampleWeight = 2.0,
    ) -> None:
        super().__init__(seq_len, features, n_components, max_windows, False, rank_normalize, example_weight)
        self.save_hyperparameters(logger=False)

    def _fit_feature(self, feature: str, centered: NDArray[np.float64], axes: NDArray[np.float64]) -> None:
        """Refuse a subspace that contains the whole feature space."""
        size, kept = axes.shape
        if kept == size:
            raise UserError(
                f"model.n_components={list(self.n_components.values())}: the subspace of feature {feature} has all its "
                f"{size} dimensions, so residuals are rounding errors; allowed are fewer"
            )

    def _distance(self, feature: str, centered: Tensor) -> Tensor:
        """Distance (B,) to the subspace."""
        return safe_norm(self._residual(feature, centered))[:, 0]

    def _distance_parts(self, feature: str, centered: Tensor) -> Tensor:
        """Contribution (B, D) of each dimension of a feature to `_distance`."""
        residual = self._residual(feature, centered)
        return residual.square() / safe_norm(residual)

    def _residual(self, feature: str, centered: Tensor) -> Tensor:
        """Difference (B, D) from the projection to the subspace."""
        basis = F.normalize(getattr(self, f"{feature}_axes"), dim=0)
        residual: Tensor = centered - centered @ basis @ basis.T
        return residual
