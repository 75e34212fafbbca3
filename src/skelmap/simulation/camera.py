"""Pinhole camera above the floor with one radial distortion coefficient."""

from dataclasses import dataclass

import numpy as np

from skelmap.simulation.motion import Floats
from skelmap.utils.errors import UserError

NEAR_PLANE = 0.2
"""Points with a smaller depth than this, m, are not projected."""


@dataclass(frozen=True)
class Camera:
    """Pinhole camera above the world's origin that looks along y; default height and image size are the paper's.

    Attributes:
        height: height of the lens above the floor, m.
        pitch: angle of the optical axis below the horizon, degrees.
        focal: focal length, px; 580 px gives a field of view of 58 degrees across 640 px, as common webcams have.
        image_width: px.
        image_height: px.
        distortion: first radial coefficient k1 of the Brown-Conrady model; negative = barrel.

    Raises:
        UserError: a value is out of range.
    """

    height: float = 2.7
    pitch: float = 25.0
    focal: float = 580.0
    image_width: int = 640
    image_height: int = 480
    distortion: float = -0.03

    def __post_init__(self) -> None:
        limits = {"height": (1.0, 10.0), "pitch": (0.0, 80.0), "focal": (100.0, 5000.0), "distortion": (-0.2, 0.2)}
        for key, (low, high) in limits.items():
            if not low <= getattr(self, key) <= high:
                raise UserError(f"camera.{key}={getattr(self, key)}; {low} to {high} are allowed")

    @property
    def position(self) -> Floats:
        """(3,) position of the lens, m."""
        return np.array([0.0, 0.0, self.height])

    @property
    def axes(self) -> Floats:
        """(3, 3) right, down and optical axis as unit vectors in world coordinates."""
        sine, cosine = np.sin(np.deg2rad(self.pitch)), np.cos(np.deg2rad(self.pitch))
        return np.array([[1.0, 0.0, 0.0], [0.0, -sine, -cosine], [0.0, cosine, -sine]])

    def project(self, points: Floats) -> tuple[Floats, Floats]:
        """Project world points into the image.

        Args:
            points: (..., 3) m.

        Returns:
            (..., 2) x and y in px from the image's upper left corner, NaN behind the near plane; (...,) depth along
            the optical axis, m.
        """
        # written out, not as a matrix product: the same bits on any machine, whatever BLAS it has
        right, down, axis = self.axes
        offset = points - self.position
        across, below, depth = (
            offset[..., 0] * a[0] + offset[..., 1] * a[1] + offset[..., 2] * a[2] for a in (right, down, axis)
        )
        with np.errstate(divide="ignore", invalid="ignore"):
            u, v = (np.where(depth > NEAR_PLANE, value / depth, np.nan) for value in (across, below))
        radial = 1.0 + self.distortion * (u**2 + v**2)
        x = self.image_width / 2 + self.focal * u * radial
        y = self.image_height / 2 + self.focal * v * radial
        return np.stack([x, y], axis=-1), depth
