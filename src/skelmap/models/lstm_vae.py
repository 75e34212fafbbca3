"""The LSTM-VAE of sequential skeleton maps (the paper's model)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from skelmap.models.autoencoder import Autoencoder, LatentNetwork
from skelmap.models.networks import FrameCodec, frame_codec


class LSTMVAENetwork(LatentNetwork):
    """CNN on each frame -> LSTM over T -> mu, log variance; z at each of T steps -> LSTM -> transposed CNN."""

    def __init__(self, seq_len: int, latent_dim: int, hidden_size: int, coding: FrameCodec) -> None:
        super().__init__()
        self.seq_len = seq_len
        self.encoder = coding.encoder
        self.encoder_lstm = _lstm(self.encoder.features, hidden_size)
        self.posterior = nn.Linear(hidden_size, 2 * latent_dim)
        self.decoder_lstm = _lstm(latent_dim, hidden_size)
        self.decoder = coding.decoder(hidden_size)

    def encode(self, maps: Tensor) -> tuple[Tensor, Tensor]:
        """Encode (B, T, C, H, W) maps as mu and logvar, each (B, J), from the LSTM's last output."""
        features = self.encoder(maps.flatten(0, 1))  # (B, T, C, H, W) -> (B*T, features)
        hidden, _ = self.encoder_lstm(features.unflatten(0, maps.shape[:2]))  # (B, T, hidden)
        mu, logvar = self.posterior(hidden[:, -1]).chunk(2, dim=1)
        return mu, logvar

    def decode(self, z: Tensor) -> Tensor:
        """Decode latents (B, J) as log odds or places, (B, T, C, H, W): every step sees the same z."""
        steps = z[:, None].expand(-1, self.seq_len, -1)
        hidden, _ = self.decoder_lstm(steps)  # (B, T, hidden)
        decoded: Tensor = self.decoder(hidden.flatten(0, 1)).unflatten(0, hidden.shape[:2])
        return decoded


class LSTMVAE(Autoencoder):
    """LSTM-VAE of windows of T skeleton maps.

    Args:
        seq_len: T, frames in a window.
        img_size: side of the maps, px.
        latent_dim: J, dimensions of the latent space.
        hidden_size: of both LSTMs.
        channels: of the features after each halving of the map; the last repeats.
        learning_rate: of Adam.
        beta: weight of the KL divergence.
        score: see `Autoencoder`.
        samples: of the latents for `recon_prob`.
        representation: maps or keypoints.
        layout: of the keypoints.
        map_channels: C, channels of the maps.
    """

    title = "LSTM-VAE"

    def __init__(
        self,
        seq_len: int,
        img_size: int,
        latent_dim: int,
        hidden_size: int,
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
        super().__init__(learning_rate, beta, score, samples, latent_dim, seq_len, coding.likelihood)
        self.save_hyperparameters(ignore="map_channels", logger=False)  # the data's say it
        self.network = LSTMVAENetwork(seq_len, latent_dim, hidden_size, coding)


def _lstm(inputs: int, hidden_size: int) -> nn.LSTM:
    """An LSTM that starts out remembering: forget-gate bias 1 (Jozefowicz et al. 2015; Keras' default too)."""
    lstm = nn.LSTM(inputs, hidden_size, batch_first=True)
    with torch.no_grad():
        lstm.get_parameter("bias_ih_l0")[hidden_size : 2 * hidden_size] = 1
        lstm.get_parameter("bias_hh_l0")[hidden_size : 2 * hidden_size] = 0
    return lstm
