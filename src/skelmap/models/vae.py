"""The variational autoencoder of single frames (the paper's VAE; Kingma & Welling 2014)."""

from collections.abc import Sequence

from torch import Tensor, nn

from skelmap.models.autoencoder import Autoencoder, LatentNetwork
from skelmap.models.networks import FrameCodec, frame_codec


class VAENetwork(LatentNetwork):
    """CNN -> fully connected -> mu, log variance; z -> fully connected -> transposed CNN."""

    def __init__(self, latent_dim: int, coding: FrameCodec) -> None:
        super().__init__()
        self.encoder = coding.encoder
        self.posterior = nn.Linear(self.encoder.features, 2 * latent_dim)
        self.decoder = coding.decoder(latent_dim)

    def encode(self, maps: Tensor) -> tuple[Tensor, Tensor]:
        """Encode (B, 1, C, H, W) maps as mu and logvar, each (B, J)."""
        mu, logvar = self.posterior(self.encoder(maps.squeeze(1))).chunk(2, dim=1)
        return mu, logvar

    def decode(self, z: Tensor) -> Tensor:
        """Decode latents (B, J) as log odds of pixels or places of joints, (B, 1, C, H, W)."""
        decoded: Tensor = self.decoder(z).unsqueeze(1)
        return decoded


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
        representation: maps or keypoints.
        layout: of the keypoints.
        map_channels: C, channels of the maps.
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
        representation: str = "maps",
        layout: str = "BODY_25",
        map_channels: int = 1,
    ) -> None:
        coding = frame_codec(representation, img_size, channels, layout, map_channels)
        super().__init__(learning_rate, beta, score, samples, latent_dim, 1, coding.likelihood)
        self.save_hyperparameters(ignore="map_channels", logger=False)  # the data's say it
        self.network = VAENetwork(latent_dim, coding)
