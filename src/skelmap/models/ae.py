"""The autoencoder of single frames (the paper's AE)."""

from collections.abc import Sequence

from torch import Tensor, nn

from skelmap.models.autoencoder import Autoencoder
from skelmap.models.convolutions import MapDecoder, MapEncoder


class AENetwork(nn.Module):
    """CNN -> fully connected -> z -> fully connected -> transposed CNN."""

    def __init__(self, img_size: int, latent_dim: int, channels: Sequence[int]) -> None:
        super().__init__()
        self.encoder = MapEncoder(img_size, channels)
        self.latent = nn.Linear(self.encoder.features, latent_dim)
        self.decoder = MapDecoder(latent_dim, img_size, channels)

    def encode(self, maps: Tensor) -> tuple[Tensor, None]:
        """Encode (B, 1, 1, H, W) maps as latents (B, J)."""
        return self.latent(self.encoder(maps.squeeze(1))), None

    def decode(self, z: Tensor) -> Tensor:
        """Decode latents (B, J) as logits (B, 1, 1, H, W)."""
        logits: Tensor = self.decoder(z).unsqueeze(1)
        return logits


class AE(Autoencoder):
    """Autoencoder of single skeleton maps.

    Args:
        img_size: side of the maps, px.
        latent_dim: J, numbers in the code.
        channels: of the features after each halving of the map; the last repeats.
        learning_rate: of Adam.
        score: see `Autoencoder`; recon_error or bce.
    """

    title = "AE"
    has_posterior = False

    def __init__(
        self,
        img_size: int,
        latent_dim: int,
        channels: Sequence[int],
        learning_rate: float,
        score: str = "recon_error",
    ) -> None:
        super().__init__(learning_rate, beta=0.0, score=score, samples=1)
        self.save_hyperparameters(logger=False)
        self.network = AENetwork(img_size, latent_dim, channels)
