"""Losses and scores of the networks against NumPy and torch.distributions."""

from typing import get_args

import numpy as np
import pytest
import torch
from torch.distributions import Bernoulli, Normal, kl_divergence
from torch.utils.data import DataLoader

from model_cases import NETWORKS, network, some_maps, trainer
from skelmap.data.datamodule import Batch
from skelmap.models.autoencoder_base import Score
from skelmap.models.losses import active_units, bernoulli_nll, gaussian_kl, gaussian_nll, reconstruction_error

each_score = pytest.mark.parametrize(
    ("name", "score"),
    [
        (name, score)
        for name in NETWORKS
        for score in get_args(Score)
        if name != "ae" or score in ("recon_error", "bce")
    ],
)


def nll(logits: torch.Tensor, maps: torch.Tensor) -> np.ndarray:
    """Sum of the binary cross entropy over each window's pixels, in double precision."""
    p = 1 / (1 + np.exp(-logits.detach().double().numpy()))
    x = maps.double().numpy()
    return -(x * np.log(p) + (1 - x) * np.log(1 - p)).sum(axis=(1, 2, 3, 4))


def kl(mu: torch.Tensor, logvar: torch.Tensor) -> torch.Tensor:
    return kl_divergence(Normal(mu, (0.5 * logvar).exp()), Normal(0.0, 1.0))


def batch_of(name: str, count: int = 6) -> Batch:
    window = 4 if name == "lstm_vae" else 1
    return Batch(torch.arange(count), some_maps(count, window, 28))


def test_the_negative_log_likelihood_is_a_sum_over_pixels() -> None:
    logits, maps = torch.randn(3, 4, 1, 9, 9) * 4, some_maps(3, 4, 9)
    np.testing.assert_allclose(bernoulli_nll(logits, maps), nll(logits, maps), rtol=1e-5)
    by_torch = -Bernoulli(logits=logits).log_prob(maps).flatten(1).sum(1)
    torch.testing.assert_close(bernoulli_nll(logits, maps), by_torch)


def test_the_kl_divergence_is_torch_s() -> None:
    mu, logvar = torch.randn(5, 3) * 2, torch.randn(5, 3) * 2
    torch.testing.assert_close(gaussian_kl(mu, logvar), kl(mu, logvar))
    assert torch.equal(gaussian_kl(torch.zeros(1, 1), torch.zeros(1, 1)), torch.zeros(1, 1))


def test_the_reconstruction_error_is_the_mean_squared_difference() -> None:
    logits, maps = torch.randn(3, 4, 1, 9, 9), some_maps(3, 4, 9)
    expected = [((1 / (1 + np.exp(-a)) - b) ** 2).mean() for a, b in zip(logits.numpy(), maps.numpy(), strict=True)]
    np.testing.assert_allclose(reconstruction_error(logits.sigmoid(), maps), expected, rtol=1e-5)


def test_windows_of_another_shape_are_not_broadcast() -> None:
    maps = some_maps(3, 4, 9)
    with pytest.raises(AssertionError):
        reconstruction_error(maps[:, :1], maps)
    with pytest.raises(AssertionError):
        gaussian_nll(maps[:, :1], maps, torch.zeros(()))


def test_active_units_are_latents_whose_mean_varies() -> None:
    mu = torch.tensor([[0.0, 0.0, 0.0, 1.0], [0.0, 0.19, 0.21, 2.0]])  # variances 0, 0.009, 0.011, 0.25
    assert active_units(mu) == 2
    assert active_units(mu, threshold=0.1) == 1


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("training", [True, False])
def test_the_loss_terms_are_means_over_windows(name: str, training: bool) -> None:
    model, windows = network(name).train(training), batch_of(name).windows
    torch.manual_seed(7)
    terms = model.losses(windows)
    torch.manual_seed(7)
    out = model(windows)
    assert terms.nll.item() == pytest.approx(nll(out.decoded, windows).mean(), rel=1e-4)
    if out.logvar is None:
        assert terms.kl.shape == (0,)
    else:
        torch.testing.assert_close(terms.kl, kl(out.mu, out.logvar).mean(dim=0))


@pytest.mark.parametrize("name", NETWORKS)
def test_the_loss_is_the_negative_elbo(name: str) -> None:
    model, batch = network(name) if name == "ae" else network(name, beta=2.5), batch_of(name)
    batches = DataLoader([batch], batch_size=None)
    terms = model.losses(batch.windows)
    quiet = trainer(1)
    quiet.validate(model, batches, verbose=False)
    logged = {key: float(value) for key, value in quiet.callback_metrics.items()}
    assert logged["val/recon"] == pytest.approx(terms.nll.item(), rel=1e-5)
    assert logged["val/loss"] == pytest.approx((terms.nll + 2.5 * terms.kl.sum()).item(), rel=1e-5)
    quiet.fit(model, batches)
    logged = {key: float(value) for key, value in quiet.callback_metrics.items()}
    assert logged["train/loss"] == pytest.approx(logged["train/recon"] + 2.5 * logged.get("train/kl", 0), rel=1e-5)


def test_training_samples_the_latents_with_the_posterior_s_spread() -> None:
    model, maps = network("vae").train(), some_maps(1, 1, 28).expand(4000, -1, -1, -1, -1)
    model.network.posterior.bias.data[3:] -= 3
    seen: list[torch.Tensor] = []
    model.network.decode = lambda z: seen.append(z) or torch.zeros_like(maps)
    out = model(maps)
    torch.testing.assert_close(seen[0].mean(0), out.mu[0], atol=0.1, rtol=0.1)
    torch.testing.assert_close(seen[0].std(0), (0.5 * out.logvar[0]).exp(), atol=0, rtol=0.1)
    model.eval()(maps)
    assert torch.equal(seen[1], model(maps).mu)


@each_score
def test_each_score_equals_its_numpy_version(name: str, score: str) -> None:
    model, batch = network(name, score=score), batch_of(name)
    out = model(batch.windows)
    expected = {
        "recon_error": lambda: (out.decoded.sigmoid() - batch.windows).square().flatten(1).mean(1).detach().numpy(),
        "bce": lambda: nll(out.decoded, batch.windows),
        "elbo": lambda: nll(out.decoded, batch.windows) + kl(out.mu, out.logvar).sum(1).detach().numpy(),
        "recon_prob": lambda: expected_nll(model, batch.windows),
    }[score]()
    found = model.predict_step(batch)
    np.testing.assert_allclose(found.score.detach(), expected, rtol=2e-4)
    assert torch.equal(found.start, batch.start)
    torch.testing.assert_close(found.latent, out.mu, rtol=1e-5, atol=1e-6)


def expected_nll(model: torch.nn.Module, maps: torch.Tensor) -> np.ndarray:
    """The Monte-Carlo mean, with the model's 16 noise samples."""
    out = model(maps)
    noise = torch.randn(16, 3, generator=torch.Generator().manual_seed(0))
    return np.mean([nll(model.network.decode(out.mu + e * (out.logvar / 2).exp()), maps) for e in noise], axis=0)


@each_score
def test_scores_are_deterministic_and_independent_of_the_batch(name: str, score: str) -> None:
    model, batch = network(name, score=score), batch_of(name)
    once = model.predict_step(batch).score
    torch.manual_seed(99)
    assert torch.equal(model.predict_step(batch).score, once)
    halves = [model.predict_step(Batch(batch.start[i : i + 3], batch.windows[i : i + 3])).score for i in (0, 3)]
    torch.testing.assert_close(torch.cat(halves), once, rtol=1e-4, atol=1e-6)


@each_score
def test_the_fast_decoder_of_scoring_gives_the_scores_of_the_training_decoder(name: str, score: str) -> None:
    model, batch = network(name, score=score), batch_of(name)
    with torch.inference_mode():
        fast = model.predict_step(batch)
    torch.testing.assert_close(fast, model.predict_step(batch), rtol=1e-5, atol=1e-6)
