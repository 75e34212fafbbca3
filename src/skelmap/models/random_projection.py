"""Nearest neighbours in a random subspace: a control without learnt features."""

import numpy as np
import torch
from numpy.typing import NDArray

from skelmap.data.keypoints import Representation
from skelmap.data.windows import WindowKind
from skelmap.models.base import LatentDim
from skelmap.models.baselines import KNN, Neighbors
from skelmap.utils.schema import PositiveInt


class RandomProjection(KNN):
    """Mean Euclidean distance to the k nearest training windows in a random subspace.

    The subspace does not depend on the data, so what another method gains over it is due to its features (random
    projections keep distances: Johnson and Lindenstrauss 1984).

    Args:
        latent_dim: J, dimensions of the subspace.
        n_neighbors: k.
        max_windows: number of training windows in the memory bank at most.
        window: score single frames or sequences of T frames.
        representation: of the data that the model asks for.
    """

    name = "random projection"

    def __init__(
        self,
        latent_dim: LatentDim = 60,
        n_neighbors: Neighbors = 5,
        max_windows: PositiveInt = 5000,
        window: WindowKind = "sequence",
        representation: Representation = "maps",
    ) -> None:
        super().__init__(latent_dim, n_neighbors, max_windows, window, representation)
        self.save_hyperparameters(logger=False)

    def _fit_components(self, centered: NDArray[np.float32]) -> NDArray[np.floating]:
        """Draw an orthonormal basis (J, D) by the run's seed."""
        basis: NDArray[np.floating] = torch.linalg.qr(torch.randn(centered.shape[1], self.latent_dim)).Q.T.numpy()
        return basis
