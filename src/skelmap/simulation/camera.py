"""A pinhole camera above the floor, looking down."""

from dataclasses import dataclass

import numpy as np

from skelmap.simulation.gait import Floats
from skelmap.utils.errors import UserError

NEAREST = 0.2
"""Points less than this far in front of the lens, m, are not pictured."""


@dataclass(frozen=True)
class Camera:
    """Where the camera hangs and how it sees; the default height and picture are the paper's.

    The camera is above the world's origin and looks along y.

    Attributes:
        height: of the lens above the floor, m.
        pitch: degrees below the horizon that the optical axis points.
        focal: focal length, px; 580 px gives 58 degrees across 640 px, a common webcam.
        width: of the picture, px.
        rows: height of the picture, px.
        distortion: first radial coefficient k1 of the Brown-Conrady model; negative bulges.
    """

    height: float = 2.7
    pitch: float = 25.0
    focal: float = 580.0
    width: int = 640
    rows: int = 480
    distortion: float = -0.03

    def __post_init__(self) -> None:
        limits = {"height": (1.0, 10.0), "pitch": (0.0, 80.0), "focal": (100.0, 5000.0), "distortion": (-0.2, 0.2)}
        for key, (low, high) in limits.items():
            if not low <= getattr(self, key) <= high:
                raise UserError(f"camera.{key}={getattr(self, key)}; {low} to {high} are allowed")

    @property
    def centre(self) -> Floats:
        """(3,) the lens, m."""
        return np.array([0.0, 0.0, self.height])

    @property
    def axes(self) -> Floats:
        """(3, 3) right, down and optical axis as unit vectors of the world."""
        sine, cosine = np.sin(np.deg2rad(self.pitch)), np.cos(np.deg2rad(self.pitch))
        return np.array([[1.0, 0.0, 0.0], [0.0, -sine, -cosine], [0.0, cosine, -sine]])

    def project(self, points: Floats) -> tuple[Floats, Floats]:
        """Picture points of the world.

        Args:
            points: (..., 3) m.

        Returns:
            (..., 2) x and y in px, from the picture's upper left corner, NaN behind the lens; (...,) depth along the
            optical axis, m.
        """
        # written out, not as a matrix product: the same bits on any machine, whatever BLAS it has
        right, down, axis = self.axes
        away = points - self.centre
        across, below, depth = (
            away[..., 0] * a[0] + away[..., 1] * a[1] + away[..., 2] * a[2] for a in (right, down, axis)
        )
        with np.errstate(divide="ignore", invalid="ignore"):
            u, v = (np.where(depth > NEAREST, value / depth, np.nan) for value in (across, below))
        bend = 1.0 + self.distortion * (u**2 + v**2)
        return np.stack([self.width / 2 + self.focal * u * bend, self.rows / 2 + self.focal * v * bend], axis=-1), depth
