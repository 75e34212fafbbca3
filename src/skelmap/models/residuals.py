"""PCA's reconstruction error in several views of keypoint windows: what nearest neighbours are compared with."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from skelmap.errors import UserError
from skelmap.models.on_views import OnViews, length


class Residuals(OnViews):
    """Score a window by what the views' PCA subspaces leave of it, in several views at once.

    Args:
        window: T, frames the model sees at once.
        views: names of the views; `hands_` before a name takes neck, wrists and hips alone.
        dimensions: of each view, those of its subspace.
        max_windows: fit on this many training windows at most.
        ranks: see `OnViews`.

    Raises:
        UserError: see `OnViews`.
    """

    name = "PCA"

    def __init__(
        self, window: int, views: Sequence[str], dimensions: Sequence[int], max_windows: int, ranks: bool = False
    ) -> None:
        super().__init__(window, views, dimensions, max_windows, remainder=False, ranks=ranks)
        self.save_hyperparameters(logger=False)

    def _learn(self, view: str, offset: NDArray[np.float64], axes: NDArray[np.float64]) -> None:
        """Refuse a subspace that is the whole view."""
        size, kept = axes.shape
        if kept == size:
            raise UserError(
                f"model.dimensions={list(self.dimensions.values())}: all {size} directions of view {view} are kept, "
                "and what they leave of a window is rounding; allowed are fewer dimensions"
            )

    def _distance(self, view: str, offset: Tensor) -> Tensor:
        """Distance (B,) to the subspace, of offsets from the mean (B, D)."""
        return length(self._residual(view, offset))[:, 0]

    def _parts(self, view: str, offset: Tensor) -> Tensor:
        """Parts (B, D) of the distance that are due to each number of a view, of offsets from the mean (B, D)."""
        residual = self._residual(view, offset)
        return residual.square() / length(residual)

    def _residual(self, view: str, offset: Tensor) -> Tensor:
        """What the subspace leaves (B, D) of offsets from the mean (B, D)."""
        basis = F.normalize(getattr(self, f"{view}_axes"), dim=0)
        residual: Tensor = offset - offset @ basis @ basis.T
        return residual
