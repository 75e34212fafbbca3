"""Encoders and decoders of frames: convolutions for maps, perceptrons for keypoints."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise, zip_longest
from math import prod

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_weights

from skelmap.models.losses import bernoulli_nll, gaussian_nll
from skelmap.skeletons.layouts import LAYOUTS

SMALLEST = 4
"""Halving ends when the side is at most this, px."""


def stage_shapes(img_size: int, channels: Sequence[int], map_channels: int = 1) -> list[tuple[int, int, int]]:
    """List (channels, height, width) from the map itself to the last features.

    Args:
        img_size: side of the map, px.
        channels: of the features after each halving; the last number repeats for larger maps.
        map_channels: C, of the map.

    Returns:
        The shapes; the first is (C, img_size, img_size).
    """
    shapes = [(map_channels, img_size, img_size)]
    while shapes[-1][1] > SMALLEST:
        side = (shapes[-1][1] + 1) // 2
        shapes.append((channels[min(len(shapes), len(channels)) - 1], side, side))
    return shapes


class MapEncoder(nn.Module):
    """Turn maps into flat features.

    Args:
        img_size: side of the map, px.
        channels: see `stage_shapes`.
        map_channels: C.
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
    """Turn hidden vectors into the logits of maps.

    Args:
        inputs: size of the hidden vectors.
        img_size: side of the map, px.
        channels: see `stage_shapes`.
        map_channels: C.
    """

    def __init__(self, inputs: int, img_size: int, channels: Sequence[int], map_channels: int = 1) -> None:
        super().__init__()
        shapes = stage_shapes(img_size, channels, map_channels)[::-1]
        self.project = nn.Sequential(nn.Linear(inputs, prod(shapes[0])), nn.ReLU(), nn.Unflatten(1, shapes[0]))
        stages: list[nn.Module] = []
        for (before, small, _), (after, large, _) in pairwise(shapes):
            if stages:
                stages += [nn.BatchNorm2d(before), nn.ReLU()]
            odd = large - (2 * small - 1)  # 0 or 1: the side before it was halved
            stages.append(nn.ConvTranspose2d(before, after, 3, 2, 1, output_padding=odd))
        self.stages = nn.Sequential(*stages).to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, hidden: Tensor) -> Tensor:
        """Decode (N, inputs) as (N, C, H, W) logits."""
        features: Tensor = self.project(hidden)
        if self.training or torch.is_grad_enabled():
            logits: Tensor = self.stages(features)
            return logits
        for layer, norm in zip_longest(self.stages[::3], self.stages[1::3]):
            features = _doubled(features, layer, norm)
        return features


def _doubled(features: Tensor, layer: nn.Module, norm: nn.Module | None) -> Tensor:
    """Apply a transposed convolution of stride 2 and what follows it, without gradients, in less time on CPUs.

    Every 2x2 pixels of the result depend on 2x2 of the features, so they are four channels of an ordinary convolution
    (Shi et al. 2016, "Is the deconvolution layer the same as a convolutional layer?"). Batch normalisation is folded
    into the weights.
    """
    assert isinstance(layer, nn.ConvTranspose2d) and layer.bias is not None
    weight, bias = layer.weight, layer.bias
    if isinstance(norm, nn.BatchNorm2d):
        assert norm.running_mean is not None and norm.running_var is not None
        mean, variance = norm.running_mean, norm.running_var
        weight, bias = fuse_conv_bn_weights(
            weight, bias, mean, variance, norm.eps, norm.weight, norm.bias, transpose=True
        )
    taps = torch.tensor([[1, 3], [2, 0]], device=weight.device)  # of even and of odd pixels; tap 3 is zero
    blocks = F.pad(weight, (0, 1, 0, 1))[:, :, taps][..., taps]  # (before, after, row, tap, column, tap)
    kernel = blocks.permute(2, 4, 1, 0, 3, 5).reshape(-1, len(weight), 2, 2)  # (4 after, before, 2, 2)
    kernel = kernel.contiguous(memory_format=torch.channels_last)
    pixels = F.conv2d(F.pad(features, (0, 1, 0, 1)), kernel, bias.repeat(4))
    if norm is not None:
        pixels.relu_()
    (count, _, small, _), after = features.shape, len(bias)
    # as F.pixel_shuffle, which moves single numbers: here two neighbours with all their channels move together
    shuffled: Tensor = pixels.unflatten(1, (2, 2, after)).permute(0, 4, 1, 5, 2, 3)  # (N, small, 2, small, 2, after)
    shuffled = shuffled.reshape(count, 2 * small, 2 * small, after).permute(0, 3, 1, 2)
    side = 2 * small - 1 + int(layer.output_padding[0])
    return shuffled[..., :side, :side]


HIDDEN = 128
"""Width of the perceptrons for keypoints."""
FIRST_SIGMA = 0.1
"""Standard deviation of keypoints before training, in units of half the cut."""


class Bernoulli(nn.Module):
    """Likelihood of pixels, whose log odds the decoder gives; grey levels are taken for the share of white in them."""

    def nll(self, decoded: Tensor, maps: Tensor) -> Tensor:
        """Negative log likelihood of each window, (B,) nats."""
        return bernoulli_nll(decoded, maps)

    def mean(self, decoded: Tensor) -> Tensor:
        """Probability of each pixel, 0..1."""
        return decoded.sigmoid()


class Gaussian(nn.Module):
    """Likelihood of coordinates, whose means the decoder gives; one standard deviation is learnt (Rybkin et al. 2021).

    A fixed one would set the weight of the KL divergence by hand.
    """

    def __init__(self) -> None:
        super().__init__()
        self.log_sigma = nn.Parameter(torch.tensor(math.log(FIRST_SIGMA)))

    def nll(self, decoded: Tensor, places: Tensor) -> Tensor:
        """Negative log likelihood of each window, (B,) nats."""
        return gaussian_nll(decoded, places, self.log_sigma)

    def mean(self, decoded: Tensor) -> Tensor:
        """Place of each joint, in units of half the cut."""
        return decoded


class KeypointEncoder(nn.Sequential):
    """Turn keypoints (N, 1, V, 2) into flat features.

    Args:
        joints: V.
    """

    def __init__(self, joints: int) -> None:
        super().__init__(nn.Flatten(), nn.Linear(2 * joints, HIDDEN), nn.ReLU())
        self.features = HIDDEN


class KeypointDecoder(nn.Sequential):
    """Turn hidden vectors into keypoints (N, 1, V, 2).

    Args:
        inputs: size of the hidden vectors.
        joints: V.
    """

    def __init__(self, inputs: int, joints: int) -> None:
        super().__init__(
            nn.Linear(inputs, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 2 * joints), nn.Unflatten(1, (1, joints, 2))
        )


@dataclass(frozen=True)
class FrameCodec:
    """The parts of a network that depend on what a frame is.

    Attributes:
        encoder: frames (N, C, H, W) -> (N, features).
        decoder: makes the way back from hidden vectors of a given size, (N, inputs) -> (N, C, H, W).
        likelihood: of a frame, given what the decoder says.
    """

    encoder: MapEncoder | KeypointEncoder
    decoder: Callable[[int], nn.Module]
    likelihood: Bernoulli | Gaussian


def frame_codec(
    representation: str, img_size: int, channels: Sequence[int], layout: str, map_channels: int
) -> FrameCodec:
    """Choose the parts for a representation.

    Args:
        representation: "maps" or "keypoints".
        img_size: side of the maps, px.
        channels: of maps' features after each halving; the last repeats.
        layout: of the keypoints, by name.
        map_channels: C, of the maps.
    """
    if representation == "maps":
        return FrameCodec(
            MapEncoder(img_size, channels, map_channels),
            lambda inputs: MapDecoder(inputs, img_size, channels, map_channels),
            Bernoulli(),
        )
    joints = LAYOUTS[layout].joints_with_neck
    return FrameCodec(KeypointEncoder(joints), lambda inputs: KeypointDecoder(inputs, joints), Gaussian())
