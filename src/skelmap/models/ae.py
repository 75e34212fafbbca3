"""The autoencoder of single frames (the paper's AE)."""

from typing import Literal

from torch import Tensor, nn

from skelmap.data.keypoints import Representation
from skelmap.data.rendering import MapSide
from skelmap.models.autoencoder_base import Autoencoder
from skelmap.models.base import Channels, LatentDim, LearningRate
from skelmap.models.networks import FrameCodec, LatentNetwork, Posterior, frame_codec
from skelmap.utils.schema import PositiveInt


class AENetwork(LatentNetwork):
    """CNN -> fully connected -> z -> fully connected -> transposed CNN."""

    def __init__(self, latent_dim: int, codec: FrameCodec) -> None:
        super().__init__()
        self.encoder = codec.encoder
        self.latent = nn.Linear(self.encoder.features, latent_dim)
        self.decoder = codec.decoder(latent_dim)

    def encode(self, windows: Tensor) -> Posterior:
        """Encode windows of one frame (B, 1, C, H, W) as latents (B, J); logvar is None."""
        return Posterior(self.latent(self.encoder(windows.squeeze(1))))

    def decode(self, z: Tensor) -> Tensor:
        """Decode latents (B, J) as logits of pixels or coordinates of keypoints, (B, 1, C, H, W)."""
        decoded: Tensor = self.decoder(z).unsqueeze(1)
        return decoded


class AE(Autoencoder):
    """Autoencoder of single frames.

    Args:
        img_size: side of the maps, px.
        latent_dim: J, dimensions of the latent space.
        channels: feature channels after each halving of the map; the last number repeats.
        learning_rate: of Adam.
        score: anomaly score, see `Autoencoder`.
        representation: maps or keypoints.
        layout: name of the keypoints' layout.
        map_channels: C, channels of the maps.
    """

    title = "AE"
    has_posterior = False

    def __init__(
        self,
        img_size: MapSide = 28,
        latent_dim: LatentDim = 16,
        channels: Channels = (8, 16, 32),
        learning_rate: LearningRate = 1e-3,
        score: Literal["recon_error", "bce"] = "recon_error",
        representation: Representation = "maps",
        layout: str = "BODY_25",
        map_channels: PositiveInt = 1,
    ) -> None:
        codec = frame_codec(representation, img_size, channels, layout, map_channels)
        super().__init__(learning_rate, 0.0, score, 1, latent_dim, codec.likelihood)
        self.save_hyperparameters(ignore="map_channels", logger=False)  # checkpoints name the data's map channels
        self.network = AENetwork(latent_dim, codec)
