"""The variational autoencoder of single frames (the paper's VAE; Kingma & Welling 2014)."""

from torch import Tensor, nn

from skelmap.data.keypoints import Representation
from skelmap.data.rendering import MapSide
from skelmap.models.autoencoder_base import Autoencoder, Beta, LatentSamples, Score
from skelmap.models.base import Channels, LatentDim, LearningRate
from skelmap.models.networks import FrameCodec, LatentNetwork, Posterior, frame_codec
from skelmap.utils.schema import PositiveInt


class VAENetwork(LatentNetwork):
    """CNN -> fully connected -> mu, log variance; z -> fully connected -> transposed CNN."""

    def __init__(self, latent_dim: int, codec: FrameCodec) -> None:
        super().__init__()
        self.encoder = codec.encoder
        self.posterior = nn.Linear(self.encoder.features, 2 * latent_dim)
        self.decoder = codec.decoder(latent_dim)

    def encode(self, windows: Tensor) -> Posterior:
        """Encode windows of one frame (B, 1, C, H, W) as mu and logvar, each (B, J)."""
        return Posterior(*self.posterior(self.encoder(windows.squeeze(1))).chunk(2, dim=1))

    def decode(self, z: Tensor) -> Tensor:
        """Decode latents (B, J) as logits of pixels or coordinates of keypoints, (B, 1, C, H, W)."""
        decoded: Tensor = self.decoder(z).unsqueeze(1)
        return decoded


class VAE(Autoencoder):
    """Variational autoencoder of single frames.

    Args:
        img_size: side of the maps, px.
        latent_dim: J, dimensions of the latent space.
        channels: feature channels after each halving of the map; the last number repeats.
        learning_rate: of Adam.
        beta: weight of the KL divergence; 1 gives the ELBO.
        score: anomaly score, see `Autoencoder`.
        samples: number of latent samples for score `recon_prob`.
        representation: maps or keypoints.
        layout: name of the keypoints' layout.
        map_channels: C, channels of the maps.
    """

    title = "VAE"

    def __init__(
        self,
        img_size: MapSide = 28,
        latent_dim: LatentDim = 16,
        channels: Channels = (8, 16, 32),
        learning_rate: LearningRate = 1e-3,
        beta: Beta = 1.0,
        score: Score = "recon_error",
        samples: LatentSamples = 16,
        representation: Representation = "maps",
        layout: str = "BODY_25",
        map_channels: PositiveInt = 1,
    ) -> None:
        codec = frame_codec(representation, img_size, channels, layout, map_channels)
        super().__init__(learning_rate, beta, score, samples, latent_dim, codec.likelihood)
        self.save_hyperparameters(ignore="map_channels", logger=False)  # checkpoints name the data's map channels
        self.network = VAENetwork(latent_dim, codec)
