"""Nearest neighbours and PCA on pose features."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from skelmap.data.datamodule import Batch
from skelmap.models.baselines import nearest
from skelmap.models.feature_distance import AT_ONCE, FeatureDistance, length
from skelmap.utils.errors import UserError

LEAST = 0.1
"""What is usual at a place is at least this share of the median: windows may repeat each other."""


class FeatureKNN(FeatureDistance):
    """Score a window by how far it lies from the nearest training windows, in several views at once.

    Each view is whitened by its principal axes, so distances in it are Mahalanobis distances; the view's distance is
    the mean over the k nearest training windows (Ramaswamy et al. 2000, with the mean in place of the k-th).
    `FeatureDistance` tells their units.

    Distances in a place where normal work itself is scattered say less than in one where it is dense. So a distance is
    divided by a power, `relative`, of what is usual there: the distance that the k training windows themselves have
    from the nearest of other groups, or, in a training split of one group, from those that share no frame with them.
    With power 1 that is a ratio of local densities (Breunig et al. 2000), with power 0 a plain distance.

    Whitening divides by standard deviations, and those of the last directions are noise. So directions beyond the
    first `dimensions` are divided by that of the last of these. Left out they must not be: what never changes in normal
    work is found there, a person who lies among people who stand.

    Args:
        window: T, frames the model sees at once.
        views: names of the views; `hands_` before a name takes neck, wrists and hips alone.
        dimensions: of each view, directions that are whitened.
        neighbours: k.
        max_windows: compare with this many training windows at most.
        remainder: false leaves directions beyond `dimensions` out.
        ranks: see `FeatureDistance`.
        relative: power, 0..1, of what is usual at that place, by which distances are divided.

    Raises:
        UserError: unknown views, or not one number for each, or windows too short for them.
    """

    name = "neighbours"

    def __init__(
        self,
        window: int,
        views: Sequence[str],
        dimensions: Sequence[int],
        neighbours: int,
        max_windows: int,
        remainder: bool = True,
        ranks: bool = False,
        relative: float = 0,
    ) -> None:
        super().__init__(window, views, dimensions, max_windows, remainder, ranks)
        self.save_hyperparameters(logger=False)
        self.neighbours, self.relative = neighbours, relative
        self._starts: list[Tensor] = []
        for view in views:
            for part in ("known", "usual"):
                self.register_buffer(f"{view}_{part}", torch.zeros(0))

    def fit(self, x: NDArray[np.float32]) -> None:
        """Fit each view's whitened subspace and remember the training windows in it.

        Args:
            x: (N, T V 2) flattened windows.

        Raises:
            UserError: no more windows than neighbours.
        """
        if len(x) <= self.neighbours:
            raise UserError(f"model.neighbours={self.neighbours}; {len(x)} training windows allow fewer")
        super().fit(x)

    def _learn(self, view: str, offset: NDArray[np.float64], axes: NDArray[np.float64]) -> None:
        """Remember the training windows."""
        self._keep(**{f"{view}_known": offset @ axes, f"{view}_usual": np.ones(len(offset))})

    def training_step(self, batch: Batch) -> None:
        """Collect a batch; fit after the epoch's last, and then take what is usual where."""
        self._starts.append(batch.start.cpu())
        super().training_step(batch)
        if self.trainer.is_last_batch:
            start = torch.cat(self._starts)[: self.max_windows]
            self._starts.clear()
            if self.relative:
                with self.exactly():
                    self.take_usual(start, self.trainer.datamodule.groups_of(start))

    def take_usual(self, start: Tensor, group: Tensor) -> None:
        """Take for each training window the distance of the nearest that have nothing to do with it.

        Where a window has too few of those nothing is usual anywhere, and distances stay plain.

        Args:
            start: (N,) first row of each training window.
            group: (N,) number of its group.
        """
        alone = len(group.unique()) == 1
        for view in self.dimensions:
            known = getattr(self, f"{view}_known")
            found = []
            for part in torch.arange(len(known)).split(AT_ONCE):
                tied = (start[part, None] - start).abs() < self.window if alone else group[part, None] == group
                distance = torch.cdist(known[part], known).masked_fill(tied.to(known.device), torch.inf)
                found.append(distance.topk(self.neighbours, largest=False).values.mean(dim=1))
            usual = torch.cat(found)
            if usual.isfinite().all():  # repeated windows must not make any distance from them endless
                lowest = (LEAST * usual.median()).clamp_min(1e-6)
                setattr(self, f"{view}_usual", usual.clamp_min(lowest) ** self.relative)

    def _distance(self, view: str, offset: Tensor) -> Tensor:
        """Mean distance (B,) to the nearest training windows, of offsets from the mean (B, D)."""
        apart, usual = self._nearest(view, offset)
        distance: Tensor = apart.norm(dim=2).mean(dim=1) / usual
        return distance

    def _parts(self, view: str, offset: Tensor) -> Tensor:
        """Parts (B, D) of the distance that are due to each number of a view, of offsets from the mean (B, D)."""
        apart, usual = self._nearest(view, offset)
        axes = getattr(self, f"{view}_axes")
        back = axes / axes.square().sum(dim=0)  # the columns are orthogonal
        squares: Tensor = (apart @ back.mT) * (apart @ axes.mT)
        return (squares / length(apart)).mean(dim=1) / usual[:, None]

    def _nearest(self, view: str, offset: Tensor) -> tuple[Tensor, Tensor]:
        """Differences (B, k, J) from the nearest training windows, whitened, and what is usual there, (B,)."""
        axes, known, usual = (getattr(self, f"{view}_{part}") for part in ("axes", "known", "usual"))
        apart, which = nearest(offset @ axes, known, self.neighbours)
        return apart, usual[which].mean(dim=1)


class FeaturePCA(FeatureDistance):
    """Score a window by what the views' PCA subspaces leave of it, in several views at once.

    Args:
        window: T, frames the model sees at once.
        views: names of the views; `hands_` before a name takes neck, wrists and hips alone.
        dimensions: of each view, those of its subspace.
        max_windows: fit on this many training windows at most.
        ranks: see `FeatureDistance`.

    Raises:
        UserError: see `FeatureDistance`.
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
