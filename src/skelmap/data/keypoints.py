"""Keypoints as a representation: the limit of infinite resolution that maps of any size are compared with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from skelmap.data.rendering import MIN_CONFIDENCE
from skelmap.skeletons.clip import Clip
from skelmap.skeletons.layouts import Layout, neck_positions, with_neck
from skelmap.utils.errors import UserError

if TYPE_CHECKING:  # a monitor places keypoints without torch
    from torch import Tensor


@dataclass(frozen=True)
class KeypointSettings:
    """How keypoints are served: neck-centred, in units of half the cut, as a "picture" of V joints by 2 coordinates.

    A packed row holds x, y and 1 or 0 for seen or not, float32, of each joint.

    The neck is found as for maps. A missing joint keeps the place (relative to the neck) where the track last had it,
    and is at the neck before it was first seen: a detector that drops a joint should not look like a jump.

    Attributes:
        layout: of the keypoints; all clips of a data set share it.
        crop_size: side of the square that maps show, source px; its border is at -1 and 1.
    """

    layout: Layout
    crop_size: int = 480

    remembers: ClassVar = True
    """A row depends on the same person's row before."""

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
        """Pack the rows in which a joint was seen, (n, row_bytes) uint8.

        Raises:
            UserError: the clip has another layout.
        """
        rows = clip.present
        if clip.layout != self.layout:
            raise UserError(f"{clip.name}: its keypoints are {clip.layout.name}; allowed is {self.layout.name}")
        places, seen = self._places(clip.keypoints[rows], clip.layout)
        places = _hold(places, seen, clip.track[rows])
        packed = np.concatenate([places, seen[..., None]], axis=-1, dtype=np.dtype("<f4"))
        return packed.reshape(len(places), 3 * self.joints).view(np.uint8)

    def frames(
        self,
        keypoints: NDArray[np.float32],
        layout: Layout,
        size: tuple[int, int],
        before: NDArray[np.float32] | None = None,
    ) -> NDArray[np.float32]:
        """Place rows as models see them.

        Args:
            keypoints: (N, V, 3) px, px, confidence.
            layout: the keypoints' layout.
            size: (width, height) of the camera's picture, px; keypoints need none.
            before: (N, 1, V, 2) the same people's frames before, where missing joints keep their places; None before
                the first.

        Returns:
            (N, 1, V, 2).
        """
        places, seen = self._places(keypoints, layout)
        held = np.zeros_like(places) if before is None else before[:, 0]
        return np.where(seen[..., None], places, held)[:, None]

    def _places(self, keypoints: NDArray[np.float32], layout: Layout) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Place joints around the neck, (N, V, 2), and say which were seen, (N, V)."""
        points = with_neck(keypoints, layout)
        centre = neck_positions(keypoints, layout)
        return (points[..., :2] - centre[:, None]) / (self.crop_size / 2), points[..., 2] > MIN_CONFIDENCE

    def unpack(self, packed: Tensor) -> Tensor:
        """Unpack (..., row_bytes) uint8 as (..., 1, V, 2) float32."""
        return self._joints(packed)[..., :2].unsqueeze(-3)

    def seen(self, packed: Tensor) -> Tensor:
        """Unpack which joints were seen, (..., V) bool."""
        return self._joints(packed)[..., 2] > 0

    def _joints(self, packed: Tensor) -> Tensor:
        import torch

        joints: Tensor = packed.contiguous().view(torch.float32).unflatten(-1, (self.joints, 3))
        return joints


def _hold(places: NDArray[np.float32], seen: NDArray[np.bool_], track: NDArray[np.int64]) -> NDArray[np.float32]:
    """Fill each missing joint with its last place in the track, 0 before the first."""
    rows = np.arange(len(places))
    starts = np.maximum.accumulate(np.where(np.diff(track, prepend=track[:1] - 1) != 0, rows, 0))
    last = np.maximum.accumulate(np.where(seen, rows[:, None], -1), axis=0)
    known = last >= starts[:, None]
    held = np.take_along_axis(places, np.maximum(last, 0)[..., None], axis=0)
    return np.where(known[..., None], held, np.float32(0))
