"""Training and scoring that AE, VAE and LSTM-VAE share."""

from typing import Annotated, Literal, NamedTuple

import torch
from pydantic import Field
from pytorch_lightning.core.optimizer import LightningOptimizer
from torch import Tensor

from skelmap.data.datamodule import Batch
from skelmap.models.base import Model
from skelmap.models.losses import active_units, gaussian_kl, reconstruction_error
from skelmap.models.networks import BernoulliLikelihood, GaussianLikelihood, LatentNetwork, Reconstruction
from skelmap.utils.runtime import broadcast_buffers, gather_concat

Score = Literal["recon_error", "bce", "elbo", "recon_prob"]
"""Anomaly scores; the last two need a posterior."""
Beta = Annotated[float, Field(ge=0, le=1e6)]
LatentSamples = Annotated[int, Field(ge=1, le=10_000)]


class LossTerms(NamedTuple):
    """Terms of the negative ELBO of a batch.

    Attributes:
        nll: () mean negative log likelihood of a window, nats.
        kl: (J,) mean KL divergence of each latent, nats; (0,) without a posterior.
        mu: (B, J) means of the latents.
    """

    nll: Tensor
    kl: Tensor
    mu: Tensor


class Autoencoder(Model):
    """Train a network on the negative ELBO and score windows by their reconstruction.

    A subclass sets `title` and `self.network`.

    Args:
        learning_rate: of Adam.
        beta: weight of the KL divergence; 1 gives the ELBO.
        score: `recon_error` (mean squared error, the paper's), `bce` (negative log likelihood), `elbo` (bce + KL) or
            `recon_prob` (expected negative log likelihood over samples of the latents: An & Cho 2015).
        samples: number of latent samples for `recon_prob`.
        latent_dim: J, dimensions of the latent space.
        likelihood: of a window, given the decoder's output.
    """

    no_validation_warning = "the last epoch's weights are evaluated, not the best epoch's"
    has_posterior = True
    network: LatentNetwork
    noise: Tensor

    def __init__(
        self,
        learning_rate: float,
        beta: float,
        score: Score,
        samples: int,
        latent_dim: int,
        likelihood: BernoulliLikelihood | GaussianLikelihood,
    ) -> None:
        super().__init__()
        self.learning_rate, self.beta, self.score = learning_rate, beta, score
        self.likelihood = likelihood
        noise = torch.randn(samples, latent_dim, generator=torch.Generator().manual_seed(0))
        self.register_buffer("noise", noise, persistent=False)
        self._val_mu: list[Tensor] = []
        self._val_kl: list[Tensor] = []

    def forward(self, windows: Tensor) -> Reconstruction:
        """Reconstruct windows (B, T, C, H, W): from sampled latents in training mode, else from their means."""
        return Reconstruction(*self.network(windows))

    def losses(self, windows: Tensor) -> LossTerms:
        """Compute the terms of the negative ELBO of windows (B, T, C, H, W)."""
        out = self(windows)
        nll = self.likelihood.nll(out.decoded.float(), windows).mean()
        if out.logvar is None:
            return LossTerms(nll, torch.zeros(0, device=windows.device), out.mu)
        return LossTerms(nll, gaussian_kl(out.mu.float(), out.logvar.float()).mean(dim=0), out.mu)

    def training_step(self, batch: Batch) -> Tensor:
        """Return the negative ELBO of a batch, nats a window."""
        nll, kl, _ = self.losses(batch.windows)
        loss = nll + self.beta * kl.sum()
        self._log("train", loss, nll, kl.sum(), len(batch.start))
        return loss

    def validation_step(self, batch: Batch) -> Tensor:
        """Return and log the loss of validation windows; collect their latents."""
        nll, kl, mu = self.losses(batch.windows)
        loss = nll + self.beta * kl.sum()
        self._log("val", loss, nll, kl.sum(), len(batch.start))
        self._val_mu.append(mu.float())
        self._val_kl.append(kl * len(batch.start))
        return loss

    def on_train_start(self) -> None:
        """Adapt the optimiser state of a checkpoint to this run.

        The learning rate is this run's, unless a schedule continues. Adam's fused kernel needs the moments in the
        weights' memory layout; a checkpoint keeps the layout in which they were saved, and older ones are not channels
        last.
        """
        optimiser = self.optimizers()
        assert isinstance(optimiser, LightningOptimizer)
        if not self.trainer.lr_scheduler_configs:
            for group in optimiser.param_groups:
                group["lr"] = optimiser.optimizer.defaults["lr"]
        for weights, moments in optimiser.state.items():
            for name in ("exp_avg", "exp_avg_sq"):
                if name in moments:
                    moments[name] = torch.empty_like(weights).copy_(moments[name])

    def on_validation_start(self) -> None:
        """Give all processes the same batch normalisation statistics: those of the process that saves checkpoints."""
        broadcast_buffers(self)

    def on_validation_epoch_end(self) -> None:
        """Log the KL divergence of each latent and the number of active units."""
        mu = gather_concat(torch.cat(self._val_mu))
        if self.has_posterior:
            kl = gather_concat(torch.stack(self._val_kl)).sum(dim=0) / len(mu)
            self.log_dict({f"val/kl_{j:02d}": value for j, value in enumerate(kl)}, sync_dist=True)
        self.log("val/active_units", float(active_units(mu)), sync_dist=True)
        self._val_mu.clear()
        self._val_kl.clear()

    def _log(self, split: str, loss: Tensor, nll: Tensor, kl: Tensor, count: int) -> None:
        """Log the epoch means of a loss and its terms over windows, of which this batch has `count`."""
        values = {f"{split}/loss": loss, f"{split}/recon": nll} | ({f"{split}/kl": kl} if self.has_posterior else {})
        # Lightning divides the sum over processes by the number of processes and truncates
        count *= self.trainer.world_size
        self.log_dict(values, on_step=False, on_epoch=True, batch_size=count, sync_dist=True)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Adam; the fused kernel saves a tenth of a training step."""
        return torch.optim.Adam(self.parameters(), lr=self.learning_rate, fused=True)

    def score_windows(self, windows: Tensor) -> tuple[Tensor, Tensor]:
        """Score windows (B, T, C, H, W): scores (B,) and means of the latents (B, J), float32."""
        out = self(windows)
        return self._score(out, windows), out.mu.float()

    def _score(self, out: Reconstruction, windows: Tensor) -> Tensor:
        decoded = out.decoded.float()
        if self.score == "recon_error":
            return reconstruction_error(self.likelihood.mean(decoded), windows)
        if self.score == "recon_prob":
            return self._expected_nll(out, windows)
        nll = self.likelihood.nll(decoded, windows)
        if self.score == "elbo" and out.logvar is not None:
            return nll + gaussian_kl(out.mu.float(), out.logvar.float()).sum(dim=1)
        return nll

    def _expected_nll(self, out: Reconstruction, windows: Tensor) -> Tensor:
        """Estimate the expected negative log likelihood by Monte Carlo, with the same noise for every batch."""
        assert out.logvar is not None
        sigma = (0.5 * out.logvar).exp()
        latents = [out.mu + e * sigma for e in self.noise.to(out.mu)]
        return torch.stack([self.likelihood.nll(self.network.decode(z).float(), windows) for z in latents]).mean(dim=0)

    def reconstruct(self, windows: Tensor) -> Tensor:
        """Reconstruct windows (B, T, C, H, W): probabilities of pixels, 0..1, or coordinates of keypoints."""
        return self.likelihood.mean(self(windows).decoded.float())

    def score_and_attribution(self, windows: Tensor) -> tuple[Tensor, Tensor]:
        """Score windows (B, T, C, H, W): scores (B,) and squared errors of the reconstruction, (B, T, C, H, W)."""
        out = self(windows)
        errors = (self.likelihood.mean(out.decoded.float()) - windows).square()
        return self._score(out, windows), errors
