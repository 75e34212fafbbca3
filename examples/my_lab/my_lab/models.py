"""A GRU autoencoder of windows of T frames."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from torch import Tensor, nn

from skelmap.models import Autoencoder, InputDefaults
from skelmap.models.networks import FrameCodec, LatentNetwork, Posterior, frame_codec


class GRUNetwork(LatentNetwork):
    """CNN on each frame -> GRU over T -> z; z at each of T steps -> GRU -> transposed CNN."""

    def __init__(self, seq_len: int, latent_dim: int, hidden_size: int, codec: FrameCodec) -> None:
        super().__init__()
        self.seq_len = seq_len
        self.encoder = codec.encoder
        self.encoder_gru = nn.GRU(self.encoder.features, hidden_size, batch_first=True)
        self.latent = nn.Linear(hidden_size, latent_dim)
        self.decoder_gru = nn.GRU(latent_dim, hidden_size, batch_first=True)
        self.decoder = codec.decoder(hidden_size)

    def encode(self, windows: Tensor) -> Posterior:
        """Encode windows (B, T, C, H, W) as latents (B, J); logvar is None."""
        features = self.encoder(windows.flatten(0, 1)).unflatten(0, windows.shape[:2])
        return Posterior(self.latent(self.encoder_gru(features)[0][:, -1]))

    def decode(self, z: Tensor) -> Tensor:
        """Decode latents (B, J) as logits or coordinates, (B, T, C, H, W)."""
        hidden, _ = self.decoder_gru(z[:, None].expand(-1, self.seq_len, -1))
        decoded: Tensor = self.decoder(hidden.flatten(0, 1)).unflatten(0, hidden.shape[:2])
        return decoded


class GRUAE(Autoencoder):
    """GRU autoencoder; arguments as of `skelmap.models.LSTMVAE`, without those of a posterior."""

    title = "GRU autoencoder"
    has_posterior = False

    def __init__(
        self,
        seq_len: int = 30,
        img_size: int = 28,
        latent_dim: int = 16,
        hidden_size: int = 300,
        channels: Sequence[int] = (8, 16, 32),
        learning_rate: float = 1e-3,
        score: Literal["recon_error", "bce"] = "recon_error",
        representation: Literal["maps", "keypoints"] = "maps",
        layout: str = "BODY_25",
        map_channels: int = 1,
    ) -> None:
        codec = frame_codec(representation, img_size, channels, layout, map_channels)
        super().__init__(learning_rate, 0.0, score, 1, latent_dim, codec.likelihood)
        self.save_hyperparameters(ignore="map_channels", logger=False)
        self.network = GRUNetwork(seq_len, latent_dim, hidden_size, codec)

    @classmethod
    def input_defaults(cls, parameters: Mapping[str, Any]) -> InputDefaults:
        """Ask for sequences."""
        return InputDefaults(window="sequence", batch_size=16)
