"""Keypoints as a representation: maps of unlimited resolution, for comparison with maps of any size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from skelmap.data.rendering import MIN_CONFIDENCE, CropSide
from skelmap.skeletons.clip import Clip
from skelmap.skeletons.layouts import Layout, neck_positions, with_neck
from skelmap.utils.errors import UserError

if TYPE_CHECKING:  # a monitor places keypoints without torch
    from torch import Tensor

Representation = Literal["maps", "keypoints"]
"""What a frame is to a model."""


@dataclass(frozen=True)
class KeypointSettings:
    """How keypoints are represented: neck-centred, in units of half the crop, as an image of V joints by 2 coordinates.

    A packed row holds x, y and 1 or 0 (detected or not), float32, of each joint.

    The neck is found as for maps. A missing joint keeps its last position in the track, relative to the neck, and is at
    the neck before its first detection, so that a dropped joint does not look like a jump.

    Attributes:
        layout: of the keypoints; all clips of a data set share it.
        crop_size: side of the crop of maps, source px; its border is at -1 and 1.
    """

    layout: Layout
    crop_size: CropSide = 480

    @property
    def joints(self) -> int:
        """V, joints of the layout with its neck."""
        return self.layout.joints_with_neck

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width of a row: (1, V, 2)."""
        return 1, self.joints, 2

    @property
    def row_bytes(self) -> int:
        """Bytes of a packed row."""
        return self.joints * 3 * 4

    def pack(self, clip: Clip) -> NDArray[np.uint8]:
        """Pack the rows in which a joint was detected, (n, row_bytes) uint8.

        Raises:
            UserError: the clip has another layout.
        """
        rows = clip.present
        if clip.layout != self.layout:
            raise UserError(f"{clip.name}: its keypoints are {clip.layout.name}; allowed is {self.layout.name}")
        places, detected = self._places(clip.keypoints[rows], clip.layout)
        places = _fill_missing(places, detected, clip.track[rows])
        packed = np.concatenate([places, detected[..., None]], axis=-1, dtype=np.dtype("<f4"))
        return packed.reshape(len(places), 3 * self.joints).view(np.uint8)

    def frames(
        self,
        keypoints: NDArray[np.float32],
        layout: Layout,
        size: tuple[int, int],
        previous: NDArray[np.float32] | None = None,
    ) -> NDArray[np.float32]:
        """Frames as models see them.

        Args:
            keypoints: (N, V, 3) px, px, confidence.
            layout: the keypoints' layout.
            size: (width, height) of the camera image, px; not needed for keypoints.
            previous: (N, 1, V, 2) previous frames of the same people, for missing joints; None before the first.

        Returns:
            (N, 1, V, 2).
        """
        places, detected = self._places(keypoints, layout)
        last = np.zeros_like(places) if previous is None else previous[:, 0]
        return np.where(detected[..., None], places, last)[:, None]

    def _places(self, keypoints: NDArray[np.float32], layout: Layout) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Positions of the joints relative to the neck, (N, V, 2), and whether they were detected, (N, V)."""
        points = with_neck(keypoints, layout)
        centre = neck_positions(keypoints, layout)
        return (points[..., :2] - centre[:, None]) / (self.crop_size / 2), points[..., 2] > MIN_CONFIDENCE

    def unpack(self, packed: Tensor) -> Tensor:
        """Unpack (..., row_bytes) uint8 as (..., 1, V, 2) float32."""
        return self._joints(packed)[..., :2].unsqueeze(-3)

    def detected(self, packed: Tensor) -> Tensor:
        """Unpack whether each joint was detected, (..., V) bool."""
        return self._joints(packed)[..., 2] > 0

    def _joints(self, packed: Tensor) -> Tensor:
        import torch

        joints: Tensor = packed.contiguous().view(torch.float32).unflatten(-1, (self.joints, 3))
        return joints


def _fill_missing(
    places: NDArray[np.float32], detected: NDArray[np.bool_], track: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Give each missing joint its last position in the track, 0 before the first."""
    rows = np.arange(len(places))
    starts = np.maximum.accumulate(np.where(np.diff(track, prepend=track[:1] - 1) != 0, rows, 0))
    last = np.maximum.accumulate(np.where(detected, rows[:, None], -1), axis=0)
    known = last >= starts[:, None]
    filled = np.take_along_axis(places, np.maximum(last, 0)[..., None], axis=0)
    return np.where(known[..., None], filled, np.float32(0))
