"""Building blocks of the networks: latent-variable base class, frame encoders and decoders, likelihoods."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise, zip_longest
from math import prod
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_weights

from skelmap.models.losses import bernoulli_nll, gaussian_nll
from skelmap.skeletons.layouts import LAYOUTS

SMALLEST_SIDE = 4
"""Maps are halved until their side is at most this, px."""
KEYPOINT_WIDTH = 128
"""Hidden units of the perceptrons for keypoints."""
INITIAL_SIGMA = 0.1
"""Standard deviation of keypoints before training, in units of half the crop."""


class Posterior(NamedTuple):
    """Parameters of the latents' distribution.

    Attributes:
        mu: (B, J) means; of a plain autoencoder, the latents.
        logvar: (B, J) log variances, or None without a posterior.
    """

    mu: Tensor
    logvar: Tensor | None = None


class Reconstruction(NamedTuple):
    """Output of a network.

    Attributes:
        decoded: (B, T, C, H, W) logits of pixels, or coordinates of keypoints.
        mu: (B, J) means of the latents; of a plain autoencoder, the latents.
        logvar: (B, J) log variances of the latents, or None without a posterior.
    """

    decoded: Tensor
    mu: Tensor
    logvar: Tensor | None = None


class LatentNetwork(nn.Module, ABC):
    """Encode windows as latents and decode these."""

    def forward(self, windows: Tensor) -> tuple[Tensor, ...]:
        """Reconstruct windows (B, T, C, H, W): from sampled latents in training mode, else from their means.

        Returns:
            The tensors of `Reconstruction`, without logvar if it is None: CUDA graphs return tensors only.
        """
        mu, logvar = self.encode(windows)
        if logvar is None:
            return self.decode(mu), mu
        z = mu + torch.randn_like(mu) * (0.5 * logvar).exp() if self.training else mu
        return self.decode(z), mu, logvar

    @abstractmethod
    def encode(self, windows: Tensor) -> Posterior:
        """Encode windows (B, T, C, H, W) as latents (B, J)."""

    @abstractmethod
    def decode(self, z: Tensor) -> Tensor:
        """Decode latents (B, J) as logits of pixels or coordinates of keypoints, (B, T, C, H, W)."""


def stage_shapes(img_size: int, channels: Sequence[int], map_channels: int = 1) -> list[tuple[int, int, int]]:
    """List the shapes of the encoder's feature maps.

    Args:
        img_size: side of the map, px.
        channels: feature channels after each halving; the last number repeats for larger maps.
        map_channels: C, channels of the map.

    Returns:
        (channels, height, width) of each stage; the first is (C, img_size, img_size).
    """
    shapes = [(map_channels, img_size, img_size)]
    while shapes[-1][1] > SMALLEST_SIDE:
        side = (shapes[-1][1] + 1) // 2
        shapes.append((channels[min(len(shapes), len(channels)) - 1], side, side))
    return shapes


class MapEncoder(nn.Module):
    """Convolutional encoder: maps to feature vectors.

    Args:
        img_size: side of the map, px.
        channels: see `stage_shapes`.
        map_channels: C, channels of the map.
    """

    def __init__(self, img_size: int, channels: Sequence[int], map_channels: int = 1) -> None:
        super().__init__()
        shapes = stage_shapes(img_size, channels, map_channels)
        self.features = prod(shapes[-1])
        stages: list[nn.Module] = []
        for (before, _, _), (after, _, _) in pairwise(shapes):
            stages += [nn.Conv2d(before, after, 3, 2, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU()]
        self.stages = nn.Sequential(*stages).to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, maps: Tensor) -> Tensor:
        """Encode (N, C, H, W) maps as (N, features)."""
        features: Tensor = self.stages(maps).flatten(1)
        return features


class MapDecoder(nn.Module):
    """Transposed-convolutional decoder: hidden vectors to the logits of maps.

    Args:
        inputs: size of the hidden vectors.
        img_size: side of the map, px.
        channels: see `stage_shapes`.
        map_channels: C, channels of the map.
    """

    def __init__(self, inputs: int, img_size: int, channels: Sequence[int], map_channels: int = 1) -> None:
        super().__init__()
        shapes = stage_shapes(img_size, channels, map_channels)[::-1]
        self.project = nn.Sequential(nn.Linear(inputs, prod(shapes[0])), nn.ReLU(), nn.Unflatten(1, shapes[0]))
        stages: list[nn.Module] = []
        for (before, small, _), (after, large, _) in pairwise(shapes):
            if stages:
                stages += [nn.BatchNorm2d(before), nn.ReLU()]
            odd = large - (2 * small - 1)  # 0 or 1: parity of the side before halving
            stages.append(nn.ConvTranspose2d(before, after, 3, 2, 1, output_padding=odd))
        self.stages = nn.Sequential(*stages).to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, hidden: Tensor) -> Tensor:
        """Decode (N, inputs) as (N, C, H, W) logits."""
        features: Tensor = self.project(hidden)
        if self.training or torch.is_grad_enabled():
            logits: Tensor = self.stages(features)
            return logits
        for layer, norm in zip_longest(self.stages[::3], self.stages[1::3]):
            features = _fast_transposed_conv(features, layer, norm)
        return features


def _fast_transposed_conv(features: Tensor, layer: nn.Module, norm: nn.Module | None) -> Tensor:
    """Apply a transposed convolution of stride 2 with batch normalisation and ReLU, faster on CPUs; inference only.

    Each 2x2 output pixels depend on 2x2 input pixels, so the layer is an ordinary convolution with four times the
    channels and a pixel shuffle (Shi et al. 2016, "Is the deconvolution layer the same as a convolutional layer?").
    Batch normalisation is folded into the weights.

    Args:
        features: (N, C, S, S).
        layer: the transposed convolution, C to D channels.
        norm: the batch normalisation after it; None of the last layer, which has no ReLU either.

    Returns:
        (N, D, S', S'), S' = 2S - 1 + output padding.
    """
    assert isinstance(layer, nn.ConvTranspose2d) and layer.bias is not None
    weight, bias = layer.weight, layer.bias
    if isinstance(norm, nn.BatchNorm2d):
        assert norm.running_mean is not None and norm.running_var is not None
        mean, variance = norm.running_mean, norm.running_var
        weight, bias = fuse_conv_bn_weights(
            weight, bias, mean, variance, norm.eps, norm.weight, norm.bias, transpose=True
        )
    taps = torch.tensor([[1, 3], [2, 0]], device=weight.device)  # of even and of odd output pixels; tap 3 is zero
    blocks = F.pad(weight, (0, 1, 0, 1))[:, :, taps][..., taps]  # (before, after, row, tap, column, tap)
    kernel = blocks.permute(2, 4, 1, 0, 3, 5).reshape(-1, len(weight), 2, 2)  # (4 after, before, 2, 2)
    kernel = kernel.contiguous(memory_format=torch.channels_last)
    pixels = F.conv2d(F.pad(features, (0, 1, 0, 1)), kernel, bias.repeat(4))
    if norm is not None:
        pixels.relu_()
    (count, _, small, _), after = features.shape, len(bias)
    # F.pixel_shuffle for channels-last memory: moves pairs of pixels with all their channels, not single numbers
    shuffled: Tensor = pixels.unflatten(1, (2, 2, after)).permute(0, 4, 1, 5, 2, 3)  # (N, small, 2, small, 2, after)
    shuffled = shuffled.reshape(count, 2 * small, 2 * small, after).permute(0, 3, 1, 2)
    side = 2 * small - 1 + int(layer.output_padding[0])
    return shuffled[..., :side, :side]


class BernoulliLikelihood(nn.Module):
    """Likelihood of map pixels; the decoder gives logits. A grey level is the expected share of white."""

    def nll(self, decoded: Tensor, windows: Tensor) -> Tensor:
        """Negative log likelihood of each window, (B,) nats."""
        return bernoulli_nll(decoded, windows)

    def mean(self, decoded: Tensor) -> Tensor:
        """Probability of each pixel, 0..1."""
        return decoded.sigmoid()


class GaussianLikelihood(nn.Module):
    """Likelihood of keypoint coordinates with one learnt standard deviation; the decoder gives means.

    A fixed standard deviation would set the weight of the KL divergence by hand (Rybkin et al. 2021).
    """

    def __init__(self) -> None:
        super().__init__()
        self.log_sigma = nn.Parameter(torch.tensor(math.log(INITIAL_SIGMA)))

    def nll(self, decoded: Tensor, windows: Tensor) -> Tensor:
        """Negative log likelihood of each window, (B,) nats."""
        return gaussian_nll(decoded, windows, self.log_sigma)

    def mean(self, decoded: Tensor) -> Tensor:
        """Coordinates of each joint, in units of half the crop."""
        return decoded


class KeypointEncoder(nn.Sequential):
    """Perceptron: keypoints (N, 1, V, 2) to feature vectors.

    Args:
        joints: V.
    """

    def __init__(self, joints: int) -> None:
        super().__init__(nn.Flatten(), nn.Linear(2 * joints, KEYPOINT_WIDTH), nn.ReLU())
        self.features = KEYPOINT_WIDTH


class KeypointDecoder(nn.Sequential):
    """Perceptron: hidden vectors to keypoints (N, 1, V, 2).

    Args:
        inputs: size of the hidden vectors.
        joints: V.
    """

    def __init__(self, inputs: int, joints: int) -> None:
        super().__init__(
            nn.Linear(inputs, KEYPOINT_WIDTH),
            nn.ReLU(),
            nn.Linear(KEYPOINT_WIDTH, 2 * joints),
            nn.Unflatten(1, (1, joints, 2)),
        )


@dataclass(frozen=True)
class FrameCodec:
    """Encoder, decoder and likelihood of single frames in one representation.

    Attributes:
        encoder: frames (N, C, H, W) -> (N, features).
        decoder: builds the decoder for hidden vectors of a given size, (N, inputs) -> (N, C, H, W).
        likelihood: of a frame, given the decoder's output.
    """

    encoder: MapEncoder | KeypointEncoder
    decoder: Callable[[int], nn.Module]
    likelihood: BernoulliLikelihood | GaussianLikelihood


def frame_codec(
    representation: str, img_size: int, channels: Sequence[int], layout: str, map_channels: int
) -> FrameCodec:
    """Build the frame codec of a representation.

    Args:
        representation: "maps" or "keypoints".
        img_size: side of the maps, px.
        channels: feature channels after each halving of the map; the last number repeats.
        layout: name of the keypoints' layout.
        map_channels: C, channels of the maps.
    """
    if representation == "maps":
        return FrameCodec(
            MapEncoder(img_size, channels, map_channels),
            lambda inputs: MapDecoder(inputs, img_size, channels, map_channels),
            BernoulliLikelihood(),
        )
    joints = LAYOUTS[layout].joints_with_neck
    return FrameCodec(KeypointEncoder(joints), lambda inputs: KeypointDecoder(inputs, joints), GaussianLikelihood())
