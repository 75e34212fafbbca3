"""Render skeleton maps and pack their pixels."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from math import prod
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from skelmap.skeletons.clip import Clip
from skelmap.skeletons.layouts import PARTS, Layout, neck_positions, with_neck
from skelmap.utils.errors import UserError

if TYPE_CHECKING:  # a monitor draws maps without torch
    import torch
    from torch import Tensor
if TYPE_CHECKING:  # a monitor draws maps without torch
    from torch import Tensor


Levels = NDArray[np.bool_] | NDArray[np.uint8]
"""Pixels of maps: black or white, or grey levels from 0 to 255."""


def packed_bytes(shape: tuple[int, int, int], bits: int) -> int:
    """Count the bytes of one packed map of this shape, (C, H, W), with 1 or 8 bits a pixel."""
    return -(-prod(shape) * bits // 8)


def pack_maps(maps: Levels) -> NDArray[np.uint8]:
    """Pack (N, C, H, W) maps into (N, bytes) uint8; of bool, the first pixel is in the highest bit."""
    rows = maps.reshape(len(maps), prod(maps.shape[1:]))
    return np.packbits(rows, axis=1) if rows.dtype == np.bool_ else rows.astype(np.uint8, copy=False)


def shares(levels: Levels, bits: int) -> NDArray[np.float32]:
    """Give levels of 1 or 8 bits as models see them: as shares of white, 0..1."""
    share: NDArray[np.float32] = np.divide(levels, 2**bits - 1, dtype=np.float32)
    return share


def unpack_maps(packed: Tensor, shape: tuple[int, int, int], bits: int) -> Tensor:
    """Unpack maps on the device where they lie.

    Args:
        packed: (..., bytes) uint8.
        shape: (C, H, W) of a map.
        bits: of a pixel, 1 or 8.

    Returns:
        (..., C, H, W) float32, 0..1.
    """
    from torch.nn import functional as F

    pixels = F.embedding(packed.int(), _pixels(bits, packed.device))  # (..., bytes) -> (..., bytes, 8 or 1)
    return pixels.flatten(-2)[..., : prod(shape)].reshape(*packed.shape[:-1], *shape)


@cache
def _pixels(bits: int, device: torch.device) -> Tensor:
    """(256, 8 or 1) float32: the pixels of every byte; a table look-up beats shifting and masking by far on a CPU."""
    import torch

    byte = np.arange(256, dtype=np.uint8)[:, None]
    return torch.from_numpy(shares(byte if bits == 8 else np.unpackbits(byte, axis=1), bits)).to(device)


RENDERER_VERSION = 3
"""Raised whenever the same keypoints and settings give other rows, so that caches are built anew."""
MIN_CONFIDENCE = 0.05
"""OpenPose draws joints above this confidence (its flag render_threshold)."""
JOINT_RATIO = 1.2
"""A joint's diameter over a limb's width: OpenPose's GPU renderer draws joints of radius side/100 and limbs of half
width side/120, side being the shorter side of the picture (480 px: limbs of 8 px)."""
WHITE = 255
RESAMPLE = {"bilinear": cv2.INTER_LINEAR, "area": cv2.INTER_AREA}
LINE_UNITS = ("source", "map")
CHANNELS = ("body", *PARTS, "motion")
"""What a channel can show: the whole skeleton, a part of it, or what changed in `body` since the frame before."""
ALLOWED_CHANNELS = f"a list of different names out of {', '.join(CHANNELS)}; motion only where body is, too"
"""What `are_channels` allows, in words."""


def are_channels(names: object) -> bool:
    """Say whether these may be the channels of a map."""
    if not isinstance(names, list | tuple) or not names or not all(name in CHANNELS for name in names):
        return False
    return len(set(names)) == len(names) and ("motion" not in names or "body" in names)


@dataclass(frozen=True)
class MapSettings:
    """How a skeleton map is made; the defaults are the paper's.

    Attributes:
        img_size: side of the map, px, 14..256.
        crop_size: side of the square cut out of the camera's picture around the neck, source px.
        resample: "bilinear" (as the paper; takes 2x2 source pixels for a map pixel) or "area" (averages all of them).
        line_width: width of limbs, in px of `line_unit`; joints are discs, 1.2 times as wide. 8 source px is OpenPose's
            on 640x480.
        line_unit: "source" (px of the cut: in smaller maps lines are thinner) or "map" (px of the map: lines look the
            same at every `img_size`). Lines are drawn in the cut, so their widths are whole source px; OpenCV draws one
            or two more than it is told.
        threshold: a map pixel is 1 where its grey level exceeds this share of white, 0..1; None keeps the grey levels.
        channels: what the map's channels show, in their order: "body", the whole skeleton; "left", "right" and "trunk",
            its parts (`Layout.limb_parts`); "motion", by how much `body` differs from the same person's frame before:
            all of it where there is none.
    """

    img_size: int = 28
    crop_size: int = 480
    resample: str = "bilinear"
    line_width: float = 8.0
    line_unit: str = "source"
    threshold: float | None = 0.1
    channels: tuple[str, ...] = ("body",)

    def __post_init__(self) -> None:
        object.__setattr__(self, "channels", tuple(self.channels))  # configurations and eye.json give lists
        if not are_channels(self.channels):
            raise UserError(f"data.maps.channels=[{', '.join(map(str, self.channels))}]; allowed: {ALLOWED_CHANNELS}")
        if self.resample not in RESAMPLE:
            raise UserError(f"data.maps.resample={self.resample}; allowed are {', '.join(RESAMPLE)}")
        if self.line_unit not in LINE_UNITS:
            raise UserError(f"data.maps.line_unit={self.line_unit}; allowed are {', '.join(LINE_UNITS)}")
        if not 0.5 <= self.source_width <= self.crop_size:
            raise UserError(
                f"data.maps.line_width={self.line_width} {self.line_unit} px is {self.source_width:.1f} px of the cut; "
                f"allowed are 0.5 to data.maps.crop_size={self.crop_size}"
            )

    @property
    def source_width(self) -> float:
        """Width of limbs, source px."""
        return self.line_width * (self.crop_size / self.img_size if self.line_unit == "map" else 1)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width of a map."""
        return len(self.channels), self.img_size, self.img_size

    @property
    def remembers(self) -> bool:
        """Whether a row depends on the same person's row before."""
        return "motion" in self.channels

    @property
    def bits(self) -> int:
        """Bits of a packed pixel: 1, or 8 of a grey level."""
        return 8 if self.threshold is None else 1

    @property
    def row_bytes(self) -> int:
        """Bytes of a packed map."""
        return packed_bytes(self.shape, self.bits)

    def frames(
        self,
        keypoints: NDArray[np.float32],
        layout: Layout,
        size: tuple[int, int],
        before: NDArray[np.float32] | None = None,
    ) -> NDArray[np.float32]:
        """Draw rows as models see them.

        Args:
            keypoints: (N, V, 3) px, px, confidence.
            layout: the keypoints' layout.
            size: (width, height) of the camera's picture, px.
            before: (N, C, H, W) the same people's frames before, from which `motion` is told; None before the first.

        Returns:
            (N, C, H, W), 0..1.
        """
        maps = draw_maps(keypoints, layout, size, self)
        if self.remembers:
            white = 2**self.bits - 1
            self._tell_motion(maps, np.zeros_like(maps) if before is None else np.rint(before * white))
        return shares(maps, self.bits)

    def pack(self, clip: Clip) -> NDArray[np.uint8]:
        """Draw and pack the rows in which a joint was seen, (n, row_bytes) uint8."""
        maps = draw_maps(clip.keypoints[clip.present], clip.layout, clip.size, self)
        if self.remembers:
            track = clip.track[clip.present]
            goes_on = np.diff(track, prepend=track[:1] - 1) == 0
            self._tell_motion(maps, np.roll(maps, 1, axis=0) * goes_on[:, None, None, None])
        return pack_maps(maps)

    def unpack(self, packed: Tensor) -> Tensor:
        """Unpack (..., row_bytes) uint8 as (..., C, H, W) float32, 0..1."""
        return unpack_maps(packed, self.shape, self.bits)

    def _tell_motion(self, maps: Levels, before: Levels | NDArray[np.float32]) -> None:
        """Fill the channel `motion` of maps, given the levels of the frames before; both (N, C, H, W)."""
        body, motion = (self.channels.index(name) for name in ("body", "motion"))
        maps[:, motion] = np.abs(maps[:, body].astype(np.int16) - before[:, body])


def outside_cut(clip: Clip, settings: MapSettings) -> tuple[int, int]:
    """Count the joints that were seen in a clip and lie outside the maps' cut, and all that were seen."""
    points = with_neck(clip.keypoints[clip.present], clip.layout)
    seen = points[..., 2] > MIN_CONFIDENCE
    from_neck = np.abs(points[..., :2] - neck_positions(clip.keypoints[clip.present], clip.layout)[:, None]).max(
        axis=-1
    )
    return int((seen & (from_neck > settings.crop_size / 2)).sum()), int(seen.sum())


def draw_maps(keypoints: NDArray[np.float32], layout: Layout, size: tuple[int, int], settings: MapSettings) -> Levels:
    """Draw the skeleton map of each row; its channel `motion` stays black, for one row alone does not tell it.

    The cut is centred on the neck. Where the neck is missing, its place is taken by the midpoint of the shoulders,
    else by the mean of the detected joints; a row without joints gives an empty map. What lies outside the picture
    is black.

    Args:
        keypoints: (N, V, 3) float32: x px, y px, confidence 0..1 (0 = not detected).
        layout: the keypoints' layout.
        size: (width, height) of the camera's picture, px.
        settings: the map's size and style.

    Returns:
        (N, C, H, W) bool; without a threshold uint8 grey levels.
    """
    points = with_neck(keypoints, layout)
    seen = points[..., 2] > MIN_CONFIDENCE
    centre = neck_positions(keypoints, layout)
    corner = np.floor(np.nan_to_num(centre) - settings.crop_size / 2 + 0.5).astype(np.int64)
    pixels = (np.floor(points[..., :2] + 0.5) - corner[:, None]).astype(np.int32)
    limb_width = max(round(settings.source_width), 1)
    joint_width = max(round(settings.source_width * JOINT_RATIO), 1)
    starts, ends = np.array(layout.limbs).T
    drawn_limbs = seen[:, starts] & seen[:, ends]
    limbs = np.stack([pixels[:, starts], pixels[:, ends]], axis=2)  # (N, limbs, 2 ends, xy)

    canvas = np.zeros((settings.crop_size, settings.crop_size), np.uint8)
    maps: Levels = np.zeros((len(points), *settings.shape), np.uint8 if settings.threshold is None else np.bool_)
    side = settings.img_size, settings.img_size
    level = None if settings.threshold is None else settings.threshold * WHITE
    for channel, name in enumerate(settings.channels):
        if name == "motion":
            continue
        shown_joints, shown_limbs = seen, drawn_limbs
        if name in PARTS:
            shown_joints = seen & (np.array(layout.joint_parts) == name)
            shown_limbs = drawn_limbs & (np.array(layout.limb_parts) == name)
        for i in np.flatnonzero(shown_joints.any(axis=1)):
            canvas[:] = 0
            cv2.polylines(canvas, list(limbs[i, shown_limbs[i]]), False, WHITE, limb_width)
            cv2.polylines(canvas, list(pixels[i, shown_joints[i], None]), True, WHITE, joint_width)  # to itself: a disc
            _blacken_outside(canvas, corner[i], size)
            grey = cv2.resize(canvas, side, interpolation=RESAMPLE[settings.resample])
            maps[i, channel] = grey if level is None else grey > level
    return maps


def _blacken_outside(canvas: NDArray[np.uint8], corner: NDArray[np.int64], size: tuple[int, int]) -> None:
    """Blacken what the cut shows beyond the borders of the camera's picture."""
    left, top = (int(max(-c, 0)) for c in corner)
    right, bottom = (int(max(s - c, 0)) for s, c in zip(size, corner, strict=True))
    canvas[:top] = 0
    canvas[bottom:] = 0
    canvas[:, :left] = 0
    canvas[:, right:] = 0
