"""What AE, VAE and LSTM-VAE have in common: loss, logging, scoring."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from pytorch_lightning.core.optimizer import LightningOptimizer
from torch import Tensor, nn

from skelmap.data.datamodule import Batch, SkeletonDataModule
from skelmap.models.base import Model
from skelmap.models.latent_scores import SCORES as BY_REFERENCE
from skelmap.models.latent_scores import Reference
from skelmap.models.losses import active_units, gaussian_kl, reconstruction_error
from skelmap.models.masking import SCORES as BY_HIDING
from skelmap.models.masking import masks
from skelmap.models.networks import Bernoulli, Gaussian
from skelmap.utils.errors import UserError
from skelmap.utils.runtime import broadcast_buffers, gather_concat

SCORES = ("recon_error", "bce", "elbo", "recon_prob")
"""Scores by reconstruction; the last two need a posterior."""
REMEMBERED = 5000
"""Training or validation windows that a network is judged against, at most."""


class LatentNetwork(nn.Module, ABC):
    """What `Autoencoder` asks of a network."""

    def forward(self, maps: Tensor) -> tuple[Tensor, ...]:
        """Reconstruct (B, T, C, H, W) maps; while training from a sample of the latents, else from their mean.

        Returns:
            What `Reconstruction` names, without a logvar where there is none.
        """
        mu, logvar = self.encode(maps)
        if logvar is None:
            return self.decode(mu), mu
        z = mu + torch.randn_like(mu) * (0.5 * logvar).exp() if self.training else mu
        return self.decode(z), mu, logvar

    @abstractmethod
    def encode(self, maps: Tensor) -> tuple[Tensor, Tensor | None]:
        """Encode (B, T, C, H, W) maps as mu and logvar, each (B, J); logvar is None without a posterior."""

    @abstractmethod
    def decode(self, z: Tensor) -> Tensor:
        """Decode latents (B, J) as log odds of pixels or places of joints, (B, T, C, H, W)."""


class Reconstruction(NamedTuple):
    """What a network makes of a batch.

    Attributes:
        decoded: (B, T, C, H, W) log odds of each pixel; of keypoints, their places.
        mu: (B, J) the latents' means; of a plain autoencoder, the latents.
        logvar: (B, J) the latents' log variances, or None without a posterior.
    """

    decoded: Tensor
    mu: Tensor
    logvar: Tensor | None = None


class Autoencoder(Model):
    """Train a network on the negative ELBO and score windows by how badly it reconstructs them.

    A subclass has a `title` for readers and sets `self.network`.

    Args:
        learning_rate: of Adam.
        beta: weight of the KL divergence; 1 is the ELBO.
        score: what a window is judged by: `recon_error` (mean squared error, the paper's), `bce` (negative log
            likelihood), `elbo` (bce + KL), `recon_prob` (expected negative log likelihood over samples of the
            latents: An & Cho 2015), or one that compares the latents with those of normal windows (`Reference`):
            `relative_error`, `mahalanobis`, `neighbours`, or `error_and_neighbours`, the sum of recon_error and
            neighbours, each in units of its mean over normal validation windows. Networks of several frames can
            also be judged by the mean squared error of frames that they were not shown: `masked_frames` and
            `next_frames` (`hiding.masks`). With these two they are trained to fill in such frames: in the ELBO the
            latents are of what was shown, the likelihood is of the whole window.
        samples: of the latents for `recon_prob`.
        latent_dim: J, dimensions of the latent space.
        frames: T, that the network sees at once.
        likelihood: of a window, given what the network decodes.

    Raises:
        UserError: the score is unknown, or needs a posterior or several frames, which the network lacks.
    """

    without_validation = "the last epoch's weights are judged, not the best epoch's"
    network: LatentNetwork
    noise: Tensor
    masks: Tensor
    has_posterior = True

    def __init__(
        self,
        learning_rate: float,
        beta: float,
        score: str,
        samples: int,
        latent_dim: int,
        frames: int,
        likelihood: Bernoulli | Gaussian,
    ) -> None:
        super().__init__()
        by_reconstruction = SCORES if self.has_posterior else SCORES[:2]
        allowed = (*by_reconstruction, *(BY_HIDING if frames > 1 else ()), *BY_REFERENCE)
        if score not in allowed:
            raise UserError(f"model.score={score}; allowed for {type(self).__name__} are {', '.join(allowed)}")
        self.learning_rate, self.beta, self.score = learning_rate, beta, score
        self.likelihood = likelihood
        self.reference = Reference()
        noise = torch.randn(samples, latent_dim, generator=torch.Generator().manual_seed(0))
        self.register_buffer("noise", noise, persistent=False)
        self.register_buffer("masks", masks(score, frames), persistent=False)
        self.hides = score in BY_HIDING
        self._val_mu: list[Tensor] = []
        self._val_kl: list[Tensor] = []

    def forward(self, maps: Tensor) -> Reconstruction:
        """Reconstruct (B, T, C, H, W) maps; while training from a sample of the latents, else from their mean."""
        return Reconstruction(*self.network(maps))

    def losses(self, maps: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Mean negative log likelihood of a window, mean KL of each latent (J,), and the latents' means (B, J).

        Args:
            maps: (B, T, C, H, W).
            hidden: (B or 1, T) bool, frames that the network does not see.
        """
        out = self(self._shown(maps, hidden))
        recon = self.likelihood.nll(out.decoded.float(), maps).mean()
        if out.logvar is None:
            return recon, torch.zeros(0, device=maps.device), out.mu
        return recon, gaussian_kl(out.mu.float(), out.logvar.float()).mean(dim=0), out.mu

    def _shown(self, maps: Tensor, hidden: Tensor) -> Tensor:
        """Blacken the hidden frames of windows (B, T, C, H, W); of keypoints, put all joints at the neck."""
        return maps.masked_fill(hidden[..., None, None, None], 0) if self.hides else maps

    def on_train_start(self) -> None:
        """Forget what the weights said of normal windows, and fit what a checkpoint kept of Adam to this run.

        The learning rate is this run's. The moments lie in memory as the weights do: Adam's fused kernel walks over
        both without looking. Those of a checkpoint keep the layout they were saved with, and weights were not always
        channels last.
        """
        self.reference.forget()
        optimiser = self.optimizers()
        assert isinstance(optimiser, LightningOptimizer)
        for group in optimiser.param_groups:
            group["lr"] = self.learning_rate
        for weights, moments in optimiser.state.items():
            for name in ("exp_avg", "exp_avg_sq"):
                if name in moments:
                    moments[name] = torch.empty_like(weights).copy_(moments[name])

    def training_step(self, batch: Batch) -> Tensor:
        """Return the negative ELBO of a batch, nats a window."""
        hidden = self.masks
        if len(hidden) > 1:
            hidden = hidden[torch.randint(len(hidden), (len(batch.start),), device=self.device)]
        recon, kl, _ = self.losses(batch.windows, hidden)
        loss = recon + self.beta * kl.sum()
        self._log("train", loss, recon, kl.sum(), len(batch.start))
        return loss

    def validation_step(self, batch: Batch) -> Tensor:
        """Return and log the loss on validation windows and remember the latents."""
        passes = [self.losses(batch.windows, hidden) for hidden in self.masks.split(1)]
        recon, kl, mu = (torch.stack(part).mean(dim=0) for part in zip(*passes, strict=True))
        loss = recon + self.beta * kl.sum()
        self._log("val", loss, recon, kl.sum(), len(batch.start))
        self._val_mu.append(mu.float())
        self._val_kl.append(kl * len(batch.start))
        return loss

    def on_validation_start(self) -> None:
        """Validate what will be saved."""
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

    def _log(self, split: str, loss: Tensor, recon: Tensor, kl: Tensor, count: int) -> None:
        values = {f"{split}/loss": loss, f"{split}/recon": recon} | ({f"{split}/kl": kl} if self.has_posterior else {})
        # Lightning divides the windows of all processes by their number and drops what is left over
        count *= self.trainer.world_size
        self.log_dict(values, on_step=False, on_epoch=True, batch_size=count, sync_dist=True)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Adam in one fused kernel (a tenth of a step otherwise)."""
        return torch.optim.Adam(self.parameters(), lr=self.learning_rate, fused=True)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Make room for the reference, whose size depends on the data."""
        self.reference.make_room(checkpoint["state_dict"], "reference.")

    def on_predict_start(self) -> None:
        """Refuse a score that this checkpoint cannot give."""
        if self.score in BY_REFERENCE:
            self.reference.check(self.score)

    @torch.no_grad()
    def remember(self, data: SkeletonDataModule) -> bool:
        """Take the reference from the data's training and validation windows, evenly spread, unless it is known."""
        if self.reference.known:
            return False
        self.eval()
        train, val = (self._describe(data, split) for split in ("train", "val"))
        self.reference.fit(train[0], *val)
        return True

    def _describe(self, data: SkeletonDataModule, split: str) -> tuple[Tensor, Tensor]:
        """Latents (N, J) and reconstruction errors (N,) of a split's windows."""
        starts = torch.from_numpy(data.starts(split))
        starts = starts[:: max(-(-len(starts) // REMEMBERED), 1)].to(self.device)
        latents, errors = [torch.zeros(0, device=self.device)], [torch.zeros(0, device=self.device)]
        for part in starts.split(64):
            maps = data.gather(part)
            out: Reconstruction = self(maps)
            latents.append(out.mu.float())
            errors.append(reconstruction_error(self.likelihood.mean(out.decoded.float()), maps))
        return torch.cat(latents), torch.cat(errors)

    def score_windows(self, windows: Tensor) -> tuple[Tensor, Tensor]:
        """Score windows (B, T, C, H, W): scores (B,) and the latents' means (B, J), float32."""
        out = self._look(windows)
        return self._score(out, windows), out.mu.float()

    def _filled_in(self, look: Callable[[Tensor], Reconstruction]) -> Reconstruction:
        """Put together what the network makes of each frame when it does not see it.

        Args:
            look: reconstructs all windows, without (1, T) frames that are hidden.

        Returns:
            Frames that are never hidden are those of the last look; the latents are means over all looks.
        """
        looks = [look(hidden) for hidden in self.masks.split(1)]
        if len(looks) == 1:
            return looks[0]
        decoded = looks[-1].decoded
        for hidden, out in zip(self.masks.split(1), looks, strict=True):
            decoded = torch.where(hidden[..., None, None, None], out.decoded, decoded)
        return Reconstruction(decoded, torch.stack([out.mu for out in looks]).mean(dim=0))

    def _look(self, maps: Tensor) -> Reconstruction:
        """Reconstruct windows (B, T, C, H, W), frames that the score hides without having seen them."""
        return self._filled_in(lambda hidden: self(self._shown(maps, hidden)))

    def _score(self, out: Reconstruction, maps: Tensor) -> Tensor:
        decoded = out.decoded.float()
        if self.hides:
            asked = self.masks.any(dim=0)
            return reconstruction_error(self.likelihood.mean(decoded)[:, asked], maps[:, asked])
        if self.score == "recon_error" or self.score in BY_REFERENCE:
            error = reconstruction_error(self.likelihood.mean(decoded), maps)
            if self.score == "recon_error" or not self.reference.known:  # which `on_predict_start` refuses
                return error
            return self.reference.score(self.score, out.mu.float(), error)
        if self.score == "recon_prob":
            return self._expected_nll(out, maps)
        nll = self.likelihood.nll(decoded, maps)
        if self.score == "elbo" and out.logvar is not None:
            return nll + gaussian_kl(out.mu.float(), out.logvar.float()).sum(dim=1)
        return nll

    def _expected_nll(self, out: Reconstruction, maps: Tensor) -> Tensor:
        """Monte-Carlo estimate with the same noise for every batch, so that a score does not change from run to run."""
        assert out.logvar is not None
        sigma = (0.5 * out.logvar).exp()
        latents = [out.mu + e * sigma for e in self.noise.to(out.mu)]
        return torch.stack([self.likelihood.nll(self.network.decode(z).float(), maps) for z in latents]).mean(dim=0)

    def reconstruct(self, maps: Tensor) -> Tensor:
        """Give the probability of each pixel, (B, T, C, H, W) in 0..1; of keypoints, their places."""
        return self.likelihood.mean(self._look(maps).decoded.float())

    def score_and_contributions(self, maps: Tensor) -> tuple[Tensor, Tensor]:
        """Score windows (B, T, C, H, W), (B,), and give the squared error of each element, (B, T, C, H, W)."""
        out = self._look(maps)
        errors = (self.likelihood.mean(out.decoded.float()) - maps).square()
        return self._score(out, maps), errors * self.masks.any(dim=0)[:, None, None, None] if self.hides else errors
