"""The matrix logarithm by products, of matrices whose logarithm is known."""

import numpy as np
import pytest
import torch
from scipy.stats import ortho_group

from skelmap.models.pose_features import LOWEST, logarithm

COUNT, DIMENSIONS = 6, 20


def of_values(axes: np.ndarray, values: np.ndarray) -> np.ndarray:
    made: np.ndarray = np.einsum("bij,bj,bkj->bik", axes, values, axes)
    return made


@pytest.mark.parametrize("size", [2e-3, 1.0, 1e6])
def test_its_eigenvalues_are_the_logarithms_of_the_matrix_s(size: float) -> None:
    """Spread over all that is allowed, one large and the others small, all alike."""
    share = np.random.default_rng(0).uniform(0, 1, (COUNT, DIMENSIONS))
    share[0], share[1, 1:] = 0, 1
    values = LOWEST**share
    values = size * np.maximum(values / values.sum(axis=1, keepdims=True), LOWEST)
    axes = ortho_group.rvs(DIMENSIONS, COUNT, random_state=0)
    expected = of_values(axes, np.log(values))
    scale = np.linalg.norm(expected, axis=(1, 2), keepdims=True)
    for kind, error in ((torch.float64, 1e-6), (torch.float32, 1e-4)):  # of which rounding the matrix is a third
        found = logarithm(torch.from_numpy(of_values(axes, values)).to(kind))
        np.testing.assert_allclose(found / scale, expected / scale, rtol=0, atol=error)
