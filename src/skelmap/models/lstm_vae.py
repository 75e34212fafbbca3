"""The LSTM-VAE of sequences of frames (the paper's model)."""

from collections.abc import Mapping
from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor, nn

from skelmap.data.keypoints import Representation
from skelmap.data.rendering import MapSide
from skelmap.data.windows import WindowLength
from skelmap.models.autoencoder_base import Autoencoder, Beta, LatentSamples, Score
from skelmap.models.base import Channels, InputDefaults, LatentDim, LearningRate
from skelmap.models.networks import FrameCodec, LatentNetwork, Posterior, frame_codec
from skelmap.utils.schema import PositiveInt


class LSTMVAENetwork(LatentNetwork):
    """CNN on each frame -> LSTM over T -> mu, log variance; z at each of T steps -> LSTM -> transposed CNN."""

    def __init__(self, seq_len: int, latent_dim: int, hidden_size: int, codec: FrameCodec) -> None:
        super().__init__()
        self.seq_len = seq_len
        self.encoder = codec.encoder
        self.encoder_lstm = _lstm(self.encoder.features, hidden_size)
        self.posterior = nn.Linear(hidden_size, 2 * latent_dim)
        self.decoder_lstm = _lstm(latent_dim, hidden_size)
        self.decoder = codec.decoder(hidden_size)

    def encode(self, windows: Tensor) -> Posterior:
        """Encode windows (B, T, C, H, W) as mu and logvar, each (B, J), from the LSTM's last output."""
        features = self.encoder(windows.flatten(0, 1))  # (B, T, C, H, W) -> (B*T, features)
        hidden, _ = self.encoder_lstm(features.unflatten(0, windows.shape[:2]))  # (B, T, hidden)
        return Posterior(*self.posterior(hidden[:, -1]).chunk(2, dim=1))

    def decode(self, z: Tensor) -> Tensor:
        """Decode latents (B, J), repeated at each step, as logits or coordinates (B, T, C, H, W)."""
        steps = z[:, None].expand(-1, self.seq_len, -1)
        hidden, _ = self.decoder_lstm(steps)  # (B, T, hidden)
        decoded: Tensor = self.decoder(hidden.flatten(0, 1)).unflatten(0, hidden.shape[:2])
        return decoded


class LSTMVAE(Autoencoder):
    """LSTM-VAE of windows of T frames.

    Args:
        seq_len: T, frames in a window.
        img_size: side of the maps, px.
        latent_dim: J, dimensions of the latent space.
        hidden_size: units of each LSTM.
        channels: feature channels after each halving of the map; the last number repeats.
        learning_rate: of Adam.
        beta: weight of the KL divergence; 1 gives the ELBO.
        score: anomaly score, see `Autoencoder`.
        samples: number of latent samples for score `recon_prob`.
        representation: maps or keypoints.
        layout: name of the keypoints' layout.
        map_channels: C, channels of the maps.
    """

    title = "LSTM-VAE"

    def __init__(
        self,
        seq_len: WindowLength = 30,
        img_size: MapSide = 28,
        latent_dim: LatentDim = 16,
        hidden_size: Annotated[int, Field(ge=1, le=8192)] = 300,
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
        self.network = LSTMVAENetwork(seq_len, latent_dim, hidden_size, codec)

    @classmethod
    def input_defaults(cls, parameters: Mapping[str, Any]) -> InputDefaults:
        """Ask for sequences, in batches of 16 as in the paper."""
        return InputDefaults(window="sequence", batch_size=16)


def _lstm(inputs: int, hidden_size: int) -> nn.LSTM:
    """Build an LSTM with forget-gate bias 1, as Keras does by default (Jozefowicz et al. 2015)."""
    lstm = nn.LSTM(inputs, hidden_size, batch_first=True)
    with torch.no_grad():
        lstm.get_parameter("bias_ih_l0")[hidden_size : 2 * hidden_size] = 1
        lstm.get_parameter("bias_hh_l0")[hidden_size : 2 * hidden_size] = 0
    return lstm
