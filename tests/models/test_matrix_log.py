"""The matrix logarithm against known logarithms."""

import numpy as np
import pytest
import torch
from scipy.stats import ortho_group

from skelmap.models.pose_features import MIN_EIGENVALUE, matrix_log

COUNT, DIMENSIONS = 6, 20


def with_eigenvalues(axes: np.ndarray, values: np.ndarray) -> np.ndarray:
    made: np.ndarray = np.einsum("bij,bj,bkj->bik", axes, values, axes)
    return made


@pytest.mark.parametrize("size", [2e-3, 1.0, 1e6])
def test_eigenvalues_of_the_logarithm_are_logarithms_of_eigenvalues(size: float) -> None:
    """Eigenvalues over the whole allowed range; one large and all others small; all equal."""
    share = np.random.default_rng(0).uniform(0, 1, (COUNT, DIMENSIONS))
    share[0], share[1, 1:] = 0, 1
    values = MIN_EIGENVALUE**share
    values = size * np.maximum(values / values.sum(axis=1, keepdims=True), MIN_EIGENVALUE)
    axes = ortho_group.rvs(DIMENSIONS, COUNT, random_state=0)
    expected = with_eigenvalues(axes, np.log(values))
    scale = np.linalg.norm(expected, axis=(1, 2), keepdims=True)
    for kind, error in ((torch.float64, 1e-6), (torch.float32, 1e-4)):  # a third is due to rounding the matrix
        found = matrix_log(torch.from_numpy(with_eigenvalues(axes, values)).to(kind))
        np.testing.assert_allclose(found / scale, expected / scale, rtol=0, atol=error)
