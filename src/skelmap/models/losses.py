"""Losses and scores of windows (B, T, C, H, W); each gives one number a window, (B,), unless said otherwise."""

import math

import torch
from torch import Tensor
from torch.nn import functional as F


def bernoulli_nll(logits: Tensor, maps: Tensor) -> Tensor:
    """Negative log likelihood of maps, summed over all pixels of the window, nats (Kingma & Welling 2014).

    Of grey levels it is the cross-entropy: the expectation over binary maps whose pixels are white with that
    probability.

    Args:
        logits: (B, T, C, H, W).
        maps: (B, T, C, H, W), 0..1.
    """
    return F.binary_cross_entropy_with_logits(logits, maps, reduction="none").flatten(1).sum(dim=1)


def gaussian_nll(mean: Tensor, keypoints: Tensor, log_sigma: Tensor) -> Tensor:
    """Negative log likelihood of coordinates with one standard deviation for all, summed over the window, nats.

    Args:
        mean: (B, T, 1, V, 2).
        keypoints: (B, T, 1, V, 2).
        log_sigma: () natural logarithm of the standard deviation.
    """
    assert mean.shape == keypoints.shape
    squares = ((keypoints - mean) / log_sigma.exp()).square()
    return (0.5 * squares + log_sigma + 0.5 * math.log(2 * math.pi)).flatten(1).sum(dim=1)


def gaussian_kl(mu: Tensor, logvar: Tensor) -> Tensor:
    """KL divergence of each latent's N(mu, exp(logvar)) from N(0, 1), (B, J), nats (Kingma & Welling 2014)."""
    return 0.5 * (mu.square() + logvar.exp() - 1 - logvar)


def reconstruction_error(reconstruction: Tensor, windows: Tensor) -> Tensor:
    """Mean squared error over all elements of the window: the paper's anomaly degree; 0..1 of maps."""
    assert reconstruction.shape == windows.shape
    return F.mse_loss(reconstruction, windows, reduction="none").flatten(1).mean(dim=1)


def active_units(mu: Tensor, threshold: float = 0.01) -> int:
    """Count the latents whose mean depends on the input: Var_x(mu) > 0.01 (Burda et al. 2016, section 5.2).

    Args:
        mu: (N, J) posterior means over a data set.
        threshold: variance above which a latent is active.

    Returns:
        A count from 0 to J.
    """
    return int((torch.var(mu, dim=0, correction=0) > threshold).sum())
