"""The autoencoder of single frames (the paper's AE)."""

from collections.abc import Sequence

from torch import Tensor, nn

from skelmap.models.autoencoder import Autoencoder, LatentNetwork
from skelmap.models.networks import FrameCodec, frame_codec


class AENetwork(LatentNetwork):
    """CNN -> fully connected -> z -> fully connected -> transposed CNN."""

    def __init__(self, latent_dim: int, coding: FrameCodec) -> None:
        super().__init__()
        self.encoder = coding.encoder
        self.latent = nn.Linear(self.encoder.features, latent_dim)
        self.decoder = coding.decoder(latent_dim)

    def encode(self, maps: Tensor) -> tuple[Tensor, None]:
        """Encode (B, 1, C, H, W) maps as latents (B, J)."""
        return self.latent(self.encoder(maps.squeeze(1))), None

    def decode(self, z: Tensor) -> Tensor:
        """Decode latents (B, J) as log odds of pixels or places of joints, (B, 1, C, H, W)."""
        decoded: Tensor = self.decoder(z).unsqueeze(1)
        return decoded


class AE(Autoencoder):
    """Autoencoder of single skeleton maps.

    Args:
        img_size: side of the maps, px.
        latent_dim: J, numbers in the code.
        channels: of the features after each halving of the map; the last repeats.
        learning_rate: of Adam.
        score: see `Autoencoder`; recon_error or bce.
        representation: maps or keypoints.
        layout: of the keypoints.
        map_channels: C, channels of the maps.
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
        representation: str = "maps",
        layout: str = "BODY_25",
        map_channels: int = 1,
    ) -> None:
        coding = frame_codec(representation, img_size, channels, layout, map_channels)
        super().__init__(learning_rate, 0.0, score, 1, latent_dim, 1, coding.likelihood)
        self.save_hyperparameters(ignore="map_channels", logger=False)  # the data's say it
        self.network = AENetwork(latent_dim, coding)
