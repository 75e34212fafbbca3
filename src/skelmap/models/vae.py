"""The variational autoencoder of single frames (the paper's VAE; Kingma & Welling 2014)."""

from collections.abc import Sequence

from torch import Tensor, nn

from skelmap.models.autoencoder import Autoencoder
from skelmap.models.convolutions import MapDecoder, MapEncoder


class VAENetwork(nn.Module):
    """CNN -> fully connected -> mu, log variance; z -> fully connected -> transposed CNN."""

    def __init__(self, img_size: int, latent_dim: int, channels: Sequence[int]) -> None:
        super().__init__()
        self.encoder = MapEncoder(img_size, channels)
        self.posterior = nn.Linear(self.encoder.features, 2 * latent_dim)
        self.decoder = MapDecoder(latent_dim, img_size, channels)

    def encode(self, maps: Tensor) -> tuple[Tensor, Tensor]:
        """Encode (B, 1, 1, H, W) maps as mu and logvar, each (B, J)."""
        mu, logvar = self.posterior(self.encoder(maps.squeeze(1))).chunk(2, dim=1)
        return mu, logvar

    def decode(self, z: Tensor) -> Tensor:
        """Decode latents (B, J) as logits (B, 1, 1, H, W)."""
        logits: Tensor = self.decoder(z).unsqueeze(1)
        return logits


class VAE(Autoencoder):
    """Variational autoencoder of single skeleton maps.

    Args:
        img_size: side of the maps, px.
        latent_dim: J, dimensions of the latent space.
        channels: of the features after each halving of the map; the last repeats.
        learning_rate: of Adam.
        beta: weight of the KL divergence.
        score: see `Autoencoder`.
        samples: of the latents for `recon_prob`.
    """

    title = "VAE"

    def __init__(
        self,
        img_size: int,
        latent_dim: int,
        channels: Sequence[int],
        learning_rate: float,
        beta: float = 1.0,
        score: str = "recon_error",
        samples: int = 16,
    ) -> None:
        super().__init__(learning_rate, beta, score, samples)
        self.save_hyperparameters(logger=False)
        self.network = VAENetwork(img_size, latent_dim, channels)
