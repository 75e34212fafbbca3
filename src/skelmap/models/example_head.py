"""Linear evidence that a window resembles labelled abnormal examples."""

import numpy as np
from numpy.typing import NDArray

REGULARIZATION = 1e-3
"""Inverse strength C of the logistic regression's L2 penalty: there are more features than examples."""
THRESHOLD = 1.0
"""Evidence begins this many standard deviations above the mean of normal validation windows, so that it does not
disturb the order of windows that resemble no example."""


def fit_evidence(
    normal: NDArray[np.float32], abnormal: NDArray[np.float32], validation: NDArray[np.float32]
) -> tuple[NDArray[np.float64], float]:
    """Fit a logistic regression with equal weight of both classes, and standardise it on validation windows.

    Args:
        normal: (N, D) whitened features of training windows.
        abnormal: (E, D) of windows of abnormal examples.
        validation: (M, D) of normal validation windows.

    Returns:
        Weights (D,) and bias of the evidence relu(x @ weights + bias): how many standard deviations of the
        validation windows a window is beyond `THRESHOLD`.
    """
    from sklearn.linear_model import LogisticRegression

    label = np.repeat([0, 1], [len(normal), len(abnormal)])
    classifier = LogisticRegression(C=REGULARIZATION, class_weight="balanced", max_iter=500)
    weights = classifier.fit(np.concatenate([normal, abnormal]).astype(np.float64), label).coef_[0]
    usual = validation @ weights
    deviation = max(float(usual.std()), 1e-12)
    return weights / deviation, -float(usual.mean()) / deviation - THRESHOLD
