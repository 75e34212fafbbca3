"""Render skeleton maps and pack their pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from math import prod
from typing import TYPE_CHECKING, Annotated, Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, Field

from skelmap.skeletons.clip import Clip
from skelmap.skeletons.layouts import PARTS, Layout, neck_positions, with_neck
from skelmap.utils.errors import UserError
from skelmap.utils.schema import validate_signature

if TYPE_CHECKING:  # a monitor draws maps without torch
    import torch
    from torch import Tensor


Levels = NDArray[np.bool_] | NDArray[np.uint8]
"""Pixels of maps: black or white, or grey levels from 0 to 255."""


def packed_bytes(shape: tuple[int, int, int], bits: int) -> int:
    """Bytes of one packed map of shape (C, H, W) with 1 or 8 bits a pixel."""
    return -(-prod(shape) * bits // 8)


def pack_maps(maps: Levels) -> NDArray[np.uint8]:
    """Pack (N, C, H, W) maps into (N, bytes) uint8; of bool, the first pixel is in the highest bit."""
    rows = maps.reshape(len(maps), prod(maps.shape[1:]))
    return np.packbits(rows, axis=1) if rows.dtype == np.bool_ else rows.astype(np.uint8, copy=False)


def to_float(levels: Levels, bits: int) -> NDArray[np.float32]:
    """Convert levels of 1 or 8 bits to shares of white, float32 in 0..1."""
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

    pixels = F.embedding(packed.int(), _pixel_table(bits, packed.device))  # (..., bytes) -> (..., bytes, 8 or 1)
    return pixels.flatten(-2)[..., : prod(shape)].reshape(*packed.shape[:-1], *shape)


@cache
def _pixel_table(bits: int, device: torch.device) -> Tensor:
    """(256, 8 or 1) float32 pixels of every byte; on a CPU a table look-up is much faster than shifting and masking."""
    import torch

    byte = np.arange(256, dtype=np.uint8)[:, None]
    return torch.from_numpy(to_float(byte if bits == 8 else np.unpackbits(byte, axis=1), bits)).to(device)


RENDERER_VERSION = 4
"""Raised whenever the same keypoints and settings give other rows, so that caches are built anew."""
MIN_CONFIDENCE = 0.05
"""OpenPose draws joints above this confidence (its flag render_threshold)."""
JOINT_RATIO = 1.2
"""A joint's diameter over a limb's width: OpenPose's GPU renderer draws joints of radius side/100 and limbs of half
width side/120, side being the shorter side of the image (480 px: limbs of 8 px)."""
WHITE = 255
INTERPOLATION = {"bilinear": cv2.INTER_LINEAR, "area": cv2.INTER_AREA}
CHANNELS = ("body", *PARTS, "motion")
"""Content of a channel: the whole skeleton, a part of it, or the change of `body` since the previous frame."""
ALLOWED_CHANNELS = f"a list of different names out of {', '.join(CHANNELS)}; motion only where body is, too"


def _check_channels(names: Sequence[str]) -> Sequence[str]:
    different = len(set(names)) == len(names) > 0 and set(names) <= set(CHANNELS)
    if not different or ("motion" in names and "body" not in names):
        raise ValueError("not channels of a map")
    return names


MapSide = Annotated[int, Field(ge=14, le=256)]
CropSide = Annotated[int, Field(ge=14, le=4096)]


@dataclass(frozen=True)
class MapSettings:
    """How a skeleton map is rendered; the defaults are the paper's.

    Attributes:
        img_size: side of the map, px, 14..1024 (networks take up to 256).
        crop_size: side of the square cropped around the neck, source px.
        resample: "bilinear" (the paper's; a map pixel takes 2x2 source pixels) or "area" (the mean of all of them).
        line_width: width of limbs, in px of `line_unit`; joints are discs, 1.2 times as wide. 8 source px is OpenPose's
            on 640x480.
        line_unit: "source" (px of the crop: lines are thinner in smaller maps) or "map" (px of the map: lines look the
            same at every `img_size`). Lines are drawn in the crop, so their widths are whole source px; OpenCV draws
            them one or two px wider than asked.
        threshold: a map pixel is 1 where its grey level exceeds this share of white, 0..1; None keeps the grey levels.
        channels: content of the channels, in order: "body", the whole skeleton; "left", "right" and "trunk", its parts
            (`Layout.limb_parts`); "motion", absolute difference of `body` from the previous frame of the same person
            (all of `body` in their first frame).
    """

    img_size: Annotated[int, Field(ge=14, le=1024)] = 28
    crop_size: CropSide = 480
    resample: Literal["bilinear", "area"] = "bilinear"
    line_width: Annotated[float, Field(gt=0, le=200)] = 8.0
    line_unit: Literal["source", "map"] = "source"
    threshold: Annotated[float, Field(ge=0, le=0.999)] | None = 0.1
    channels: Annotated[Sequence[str], Field(description=ALLOWED_CHANNELS), AfterValidator(_check_channels)] = ("body",)

    def __post_init__(self) -> None:
        validate_signature(MapSettings, vars(self), "data.maps")
        object.__setattr__(self, "channels", tuple(self.channels))  # configurations and input_spec.json give lists
        if not 0.5 <= self.source_width <= self.crop_size:
            raise UserError(
                f"data.maps.line_width={self.line_width} {self.line_unit} px is {self.source_width:.1f} px of the crop"
                f"; allowed are 0.5 to data.maps.crop_size={self.crop_size}"
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
    def has_motion(self) -> bool:
        """Whether a row depends on the previous row of the same person."""
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
        previous: NDArray[np.float32] | None = None,
    ) -> NDArray[np.float32]:
        """Render frames as models see them.

        Args:
            keypoints: (N, V, 3) px, px, confidence.
            layout: the keypoints' layout.
            size: (width, height) of the camera image, px.
            previous: (N, C, H, W) previous frames of the same people, for `motion`; None before the first.

        Returns:
            (N, C, H, W), 0..1.
        """
        maps = render_maps(keypoints, layout, size, self)
        if self.has_motion:
            white = 2**self.bits - 1
            self._fill_motion(maps, np.zeros_like(maps) if previous is None else np.rint(previous * white))
        return to_float(maps, self.bits)

    def pack(self, clip: Clip) -> NDArray[np.uint8]:
        """Render and pack the rows in which a joint was detected, (n, row_bytes) uint8."""
        maps = render_maps(clip.keypoints[clip.present], clip.layout, clip.size, self)
        if self.has_motion:
            track = clip.track[clip.present]
            same_track = np.diff(track, prepend=track[:1] - 1) == 0
            self._fill_motion(maps, np.roll(maps, 1, axis=0) * same_track[:, None, None, None])
        return pack_maps(maps)

    def unpack(self, packed: Tensor) -> Tensor:
        """Unpack (..., row_bytes) uint8 as (..., C, H, W) float32, 0..1."""
        return unpack_maps(packed, self.shape, self.bits)

    def _fill_motion(self, maps: Levels, previous: Levels | NDArray[np.float32]) -> None:
        """Fill the channel `motion` of maps, given the levels of the previous frames; both (N, C, H, W)."""
        body, motion = (self.channels.index(name) for name in ("body", "motion"))
        maps[:, motion] = np.abs(maps[:, body].astype(np.int16) - previous[:, body])


def count_cropped(clip: Clip, settings: MapSettings) -> tuple[int, int]:
    """Number of detected joints outside the crop of the maps, and of all detected joints."""
    points = with_neck(clip.keypoints[clip.present], clip.layout)
    detected = points[..., 2] > MIN_CONFIDENCE
    from_neck = np.abs(points[..., :2] - neck_positions(clip.keypoints[clip.present], clip.layout)[:, None]).max(
        axis=-1
    )
    return int((detected & (from_neck > settings.crop_size / 2)).sum()), int(detected.sum())


def render_maps(keypoints: NDArray[np.float32], layout: Layout, size: tuple[int, int], settings: MapSettings) -> Levels:
    """Render the skeleton map of each row; the channel `motion` stays black, because it needs the previous row.

    The crop is centred on the neck, where that is missing on the midpoint of the shoulders, else on the mean of the
    detected joints. A row without joints gives an empty map. The area outside the camera image is black.

    Args:
        keypoints: (N, V, 3) float32: x px, y px, confidence 0..1 (0 = not detected).
        layout: the keypoints' layout.
        size: (width, height) of the camera image, px.
        settings: the map's size and style.

    Returns:
        (N, C, H, W) bool; without a threshold uint8 grey levels.
    """
    points = with_neck(keypoints, layout)
    detected = points[..., 2] > MIN_CONFIDENCE
    centre = neck_positions(keypoints, layout)
    corner = np.floor(np.nan_to_num(centre) - settings.crop_size / 2 + 0.5).astype(np.int64)
    pixels = (np.floor(points[..., :2] + 0.5) - corner[:, None]).astype(np.int32)
    limb_width = max(round(settings.source_width), 1)
    joint_width = max(round(settings.source_width * JOINT_RATIO), 1)
    starts, ends = np.array(layout.limbs).T
    drawn_limbs = detected[:, starts] & detected[:, ends]
    limbs = np.stack([pixels[:, starts], pixels[:, ends]], axis=2)  # (N, limbs, 2 ends, xy)

    canvas = np.zeros((settings.crop_size, settings.crop_size), np.uint8)
    maps: Levels = np.zeros((len(points), *settings.shape), np.uint8 if settings.threshold is None else np.bool_)
    side = settings.img_size, settings.img_size
    level = None if settings.threshold is None else settings.threshold * WHITE
    for channel, name in enumerate(settings.channels):
        if name == "motion":
            continue
        shown_joints, shown_limbs = detected, drawn_limbs
        if name in PARTS:
            shown_joints = detected & (np.array(layout.joint_parts) == name)
            shown_limbs = drawn_limbs & (np.array(layout.limb_parts) == name)
        for i in np.flatnonzero(shown_joints.any(axis=1)):
            canvas[:] = 0
            cv2.polylines(canvas, list(limbs[i, shown_limbs[i]]), False, WHITE, limb_width)
            cv2.polylines(canvas, list(pixels[i, shown_joints[i], None]), True, WHITE, joint_width)  # to itself: a disc
            _blacken_outside(canvas, corner[i], size)
            grey = cv2.resize(canvas, side, interpolation=INTERPOLATION[settings.resample])
            maps[i, channel] = grey if level is None else grey > level
    return maps


def _blacken_outside(canvas: NDArray[np.uint8], corner: NDArray[np.int64], size: tuple[int, int]) -> None:
    """Blacken the part of the crop outside the camera image."""
    left, top = (int(max(-c, 0)) for c in corner)
    right, bottom = (int(max(s - c, 0)) for s, c in zip(size, corner, strict=True))
    canvas[:top] = 0
    canvas[bottom:] = 0
    canvas[:, :left] = 0
    canvas[:, right:] = 0
