"""Nearest neighbours on three views of keypoint windows: what skelmap recommends for real people."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from skelmap.data import Batch
from skelmap.errors import UserError
from skelmap.maps import KeypointSettings
from skelmap.models.baselines import Baseline
from skelmap.models.views import VIEWS, scaled

OFTEN = 0.5
"""Joints that the detector finds in fewer of the training frames are left out: held places would look like jumps."""
FLAT = 1e-6
"""Directions of less than this share of the largest variance are rounding errors, and whitening would blow them up."""


class Neighbours(Baseline):
    """Score a window by how far it lies from the nearest training windows, in three views at once.

    Each view (`skelmap.models.views`) is whitened by its PCA, so distances in it are Mahalanobis distances; the view's
    distance is the mean over the k nearest training windows (Ramaswamy et al. 2000, with the mean in place of the
    k-th), in units of the mean that normal validation windows have. The score is the mean over the views: 1 is as far
    as normal work usually is from the training windows. Without validation windows distances are taken as they are.

    Args:
        window: T, frames the model sees at once.
        posture: whitened dimensions of that view, at most.
        spread: likewise.
        course: likewise.
        neighbours: k.
        max_windows: compare with this many training windows at most.
    """

    name = "KNN on posture, spread and course"
    joints: Tensor
    usual: Tensor

    def __init__(self, window: int, posture: int, spread: int, course: int, neighbours: int, max_windows: int) -> None:
        super().__init__(window, max_windows)
        self.save_hyperparameters(logger=False)
        self.title = self.name
        self.window, self.neighbours = window, neighbours
        self.dims = {"posture": posture, "spread": spread, "course": course}
        self._val_distances: list[Tensor] = []
        self.register_buffer("joints", torch.zeros(0, dtype=torch.int64))
        self.register_buffer("usual", torch.ones(len(VIEWS)))  # distance of each view in normal validation windows
        for view in VIEWS:
            for part in ("mean", "axes", "known"):
                self.register_buffer(f"{view}_{part}", torch.zeros(0))

    def on_fit_start(self) -> None:
        """Choose the joints that are seen often.

        Raises:
            UserError: the data are not keypoints.
        """
        data = self.trainer.datamodule
        if not isinstance(data.settings, KeypointSettings):
            raise UserError("model=neighbours compares keypoints; allowed is data.representation=keypoints")
        self.joints = self.often_seen(data.seen_share("train")).to(self.device)

    @staticmethod
    def often_seen(share: Tensor) -> Tensor:
        """List the joints that are seen in at least half of the frames, or, failing that, all that are ever seen."""
        often = (share >= OFTEN).nonzero()[:, 0]
        return often if len(often) > 1 else (share > 0).nonzero()[:, 0]

    def fit(self, x: NDArray[np.float32]) -> None:
        """Fit each view's whitened subspace and remember the training windows in it.

        Args:
            x: (N, T V 2) flattened windows.

        Raises:
            UserError: no more windows than neighbours.
        """
        from sklearn.decomposition import PCA as SklearnPCA

        if len(x) <= self.neighbours:
            raise UserError(f"model.neighbours={self.neighbours}; {len(x)} training windows allow fewer")
        for view, seen in self._views(torch.from_numpy(x)).items():
            values = seen.numpy().astype(np.float64)  # the covariance would cancel in single precision
            pca = SklearnPCA(min(self.dims[view], *values.shape), svd_solver="covariance_eigh").fit(values)
            real = pca.explained_variance_ > FLAT * pca.explained_variance_[0]
            axes = pca.components_[real].T / np.sqrt(pca.explained_variance_[real])
            fitted = {"mean": pca.mean_, "axes": axes, "known": (values - pca.mean_) @ axes}
            self._keep(**{f"{view}_{part}": array for part, array in fitted.items()})

    def _views(self, x: Tensor) -> dict[str, Tensor]:
        """Take the views of (B, T V 2) flattened windows."""
        places = scaled(x.unflatten(1, (self.window, -1, 2))[:, :, self.joints.to(x.device)])
        return {name: view(places) for name, view in VIEWS.items()}

    def distances(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Give the distance in each view, (B, 3), and the whitened posture, (B, J), of flattened windows."""
        found, latents = [], []
        for view, seen in self._views(x).items():
            mean, axes, known = (getattr(self, f"{view}_{part}") for part in ("mean", "axes", "known"))
            latents.append((seen - mean) @ axes)
            found.append(torch.cdist(latents[-1], known).topk(self.neighbours, largest=False).values.mean(dim=1))
        return torch.stack(found, dim=1), latents[0]

    def describe(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Give the mean distance over the views (B,), 1 being usual, and the whitened posture (B, J)."""
        distances, latent = self.distances(x)
        return (distances / self.usual).mean(dim=1), latent

    def validation_step(self, batch: Batch) -> Tensor:
        """Return and log the mean distance as the loss and remember the distances."""
        with self.exactly():
            distances, _ = self.distances(batch.maps.flatten(1))
        self._val_distances.append(distances)
        self.log("val/loss", distances.mean(), batch_size=len(batch.start))
        return distances.mean()

    def on_validation_epoch_end(self) -> None:
        """Take the usual distances from the normal validation windows."""
        self.usual = torch.cat(self._val_distances).mean(dim=0).clamp_min(1e-6)
        self._val_distances.clear()
