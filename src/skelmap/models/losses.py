"""What a model's reconstruction says about a window: losses to train on and scores to judge by.

Maps and what a decoder says of them are (B, T, C, H, W), both alike; a loss or a score is one number a window, (B,).
"""

import math

import torch
from torch import Tensor
from torch.nn import functional as F


def bernoulli_nll(logits: Tensor, maps: Tensor) -> Tensor:
    """Negative log likelihood of maps, summed over the D pixels of the window, nats (Kingma & Welling 2014).

    Of grey levels it is the cross-entropy: the mean over binary maps whose pixels are white so often.
    """
    return F.binary_cross_entropy_with_logits(logits, maps, reduction="none").flatten(1).sum(dim=1)


def gaussian_nll(mean: Tensor, places: Tensor, log_sigma: Tensor) -> Tensor:
    """Negative log likelihood of coordinates with one standard deviation for all, summed over the window, nats."""
    assert mean.shape == places.shape
    squares = ((places - mean) / log_sigma.exp()).square()
    return (0.5 * squares + log_sigma + 0.5 * math.log(2 * math.pi)).flatten(1).sum(dim=1)


def gaussian_kl(mu: Tensor, logvar: Tensor) -> Tensor:
    """KL divergence of each latent's N(mu, exp(logvar)) from N(0, 1), (B, J), nats (Kingma & Welling 2014)."""
    return 0.5 * (mu.square() + logvar.exp() - 1 - logvar)


def reconstruction_error(recon: Tensor, maps: Tensor) -> Tensor:
    """Mean squared difference of map and reconstruction over the window's pixels, 0..1: the paper's anomaly degree."""
    assert recon.shape == maps.shape
    return F.mse_loss(recon, maps, reduction="none").flatten(1).mean(dim=1)


def active_units(mu: Tensor, threshold: float = 0.01) -> int:
    """Count the latents whose mean moves with the input: Var_x(mu) > 0.01 (Burda et al. 2016, section 5.2).

    Args:
        mu: (N, J) posterior means over a data set.
        threshold: variance above which a latent is active.

    Returns:
        A count from 0 to J.
    """
    return int((torch.var(mu, dim=0, correction=0) > threshold).sum())
