"""The convolutional halves that AE, VAE and LSTM-VAE share: a map to features, features to a map.

The paper names a CNN with batch normalisation and a transposed CNN without their sizes. Here each stage halves the
map (rounding up) until its side is at most 4, so that maps of 14 to 256 pixels end in features of like size; the
decoder retraces the same sides exactly.
"""

from collections.abc import Sequence
from itertools import pairwise
from math import prod

import torch
from torch import Tensor, nn

SMALLEST = 4
"""Halving ends when the side is at most this, px."""


def stage_shapes(img_size: int, channels: Sequence[int]) -> list[tuple[int, int, int]]:
    """List (channels, height, width) from the map itself to the last features.

    Args:
        img_size: side of the map, px.
        channels: of the features after each halving; the last number repeats for larger maps.

    Returns:
        The shapes; the first is (1, img_size, img_size).
    """
    shapes = [(1, img_size, img_size)]
    while shapes[-1][1] > SMALLEST:
        side = (shapes[-1][1] + 1) // 2
        shapes.append((channels[min(len(shapes), len(channels)) - 1], side, side))
    return shapes


class MapEncoder(nn.Module):
    """Turn maps into flat features.

    Args:
        img_size: side of the map, px.
        channels: see `stage_shapes`.
    """

    def __init__(self, img_size: int, channels: Sequence[int]) -> None:
        super().__init__()
        shapes = stage_shapes(img_size, channels)
        self.features = prod(shapes[-1])
        stages: list[nn.Module] = []
        for (before, _, _), (after, _, _) in pairwise(shapes):
            stages += [nn.Conv2d(before, after, 3, 2, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU()]
        self.stages = nn.Sequential(*stages).to(memory_format=torch.channels_last)  # the faster layout

    def forward(self, maps: Tensor) -> Tensor:
        """Encode (N, 1, H, W) maps as (N, features)."""
        features: Tensor = self.stages(maps).flatten(1)
        return features


class MapDecoder(nn.Module):
    """Turn hidden vectors into the logits of maps.

    Args:
        inputs: size of the hidden vectors.
        img_size: side of the map, px.
        channels: see `stage_shapes`.
    """

    def __init__(self, inputs: int, img_size: int, channels: Sequence[int]) -> None:
        super().__init__()
        shapes = stage_shapes(img_size, channels)[::-1]
        self.project = nn.Sequential(nn.Linear(inputs, prod(shapes[0])), nn.ReLU(), nn.Unflatten(1, shapes[0]))
        stages: list[nn.Module] = []
        for (before, small, _), (after, large, _) in pairwise(shapes):
            if stages:
                stages += [nn.BatchNorm2d(before), nn.ReLU()]
            odd = large - (2 * small - 1)  # 0 or 1: the side before it was halved
            stages.append(nn.ConvTranspose2d(before, after, 3, 2, 1, output_padding=odd))
        self.stages = nn.Sequential(*stages).to(memory_format=torch.channels_last)

    def forward(self, hidden: Tensor) -> Tensor:
        """Decode (N, inputs) as (N, 1, H, W) logits."""
        logits: Tensor = self.stages(self.project(hidden))
        return logits
