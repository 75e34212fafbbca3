"""A model of the pose detector: what OpenPose would report of the true picture points."""

from dataclasses import dataclass

import numpy as np

from skelmap.factory.curves import Floats

JITTER = 0.008
CORRELATION = 0.6


@dataclass(frozen=True)
class Detector:
    """Simple first version: correlated jitter in proportion to the person's size."""

    def detect(self, points: Floats, hidden: "np.typing.NDArray[np.bool_]", rng: np.random.Generator) -> "np.typing.NDArray[np.float32]":
        """(N, 25, 2) px -> (N, 25, 3) float32."""
        count = len(points)
        torso = np.linalg.norm(points[:, 1] - points[:, 8], axis=1)
        noise = rng.standard_normal((count, 25, 2))
        for i in range(1, count):
            noise[i] = CORRELATION * noise[i - 1] + np.sqrt(1 - CORRELATION**2) * noise[i]
        found = points + noise * (JITTER * np.maximum(torso, 60.0))[:, None, None]
        confidence = np.clip(0.82 + 0.05 * rng.standard_normal((count, 25)) - 0.3 * hidden, 0.1, 1.0)
        result = np.concatenate([np.round(found, 2), np.round(confidence, 3)[..., None]], axis=2)
        seen = (points[..., 0] >= 0) & (points[..., 0] < 640) & (points[..., 1] >= 0) & (points[..., 1] < 480)
        result[~seen] = 0
        return result.astype(np.float32)
