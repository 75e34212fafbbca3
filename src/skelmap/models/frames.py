"""How a network sees one frame: convolutions for skeleton maps, a small perceptron for keypoints.

Each has its likelihood: pixels are Bernoulli (the paper's), coordinates Gaussian with one learnt standard deviation.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from skelmap.models.convolutions import MapDecoder, MapEncoder
from skelmap.models.scores import bernoulli_nll, gaussian_nll
from skelmap.poses import LAYOUTS

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
class FrameCoding:
    """The parts of a network that depend on what a frame is.

    Attributes:
        encoder: frames (N, C, H, W) -> (N, features).
        decoder: makes the way back from hidden vectors of a given size, (N, inputs) -> (N, C, H, W).
        likelihood: of a frame, given what the decoder says.
    """

    encoder: MapEncoder | KeypointEncoder
    decoder: Callable[[int], nn.Module]
    likelihood: Bernoulli | Gaussian


def frame_coding(
    representation: str, img_size: int, channels: Sequence[int], layout: str, map_channels: int
) -> FrameCoding:
    """Choose the parts for a representation.

    Args:
        representation: "maps" or "keypoints".
        img_size: side of the maps, px.
        channels: of maps' features after each halving; the last repeats.
        layout: of the keypoints, by name.
        map_channels: C, of the maps.
    """
    if representation == "maps":
        return FrameCoding(
            MapEncoder(img_size, channels, map_channels),
            lambda inputs: MapDecoder(inputs, img_size, channels, map_channels),
            Bernoulli(),
        )
    joints = LAYOUTS[layout].joints_with_neck
    return FrameCoding(KeypointEncoder(joints), lambda inputs: KeypointDecoder(inputs, joints), Gaussian())
