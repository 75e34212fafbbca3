"""Movement primitives: the time base, minimum-jerk steps and smooth idle noise."""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

FPS = 30.0
"""Frame rate of the simulation and of the paper's camera, 1/s."""
SIDE_SIGN = np.array([-1.0, 1.0])
"""Sign of the leftward direction for the right and the left side."""
NOISE_SECONDS = (0.5, 2.5)
"""Time constants of the fast and the slow component of idle movement, s."""


def minimum_jerk(phase: Floats) -> Floats:
    """Minimum-jerk position from 0 to 1: 0 before phase 0, 1 after phase 1 (Flash & Hogan 1985, eq. 4)."""
    s = np.clip(phase, 0.0, 1.0)
    result: Floats = s**3 * (10 - 15 * s + 6 * s**2)
    return result


def smooth_noise(count: int, rng: np.random.Generator) -> Floats:
    """Draw unit-variance noise with a fast and a slow component.

    Args:
        count: number of frames N.
        rng: random generator.

    Returns:
        (N,) noise.
    """
    total = np.zeros(count)
    for seconds in NOISE_SECONDS:
        sigma = seconds * FPS / 2
        noise = gaussian_filter1d(rng.standard_normal(count), sigma, mode="wrap")
        total += noise * np.sqrt(2 * np.sqrt(np.pi) * sigma)  # a Gaussian filter divides the variance by this
    result: Floats = total / np.sqrt(len(NOISE_SECONDS))
    return result


def wrap_angle(angle: float) -> float:
    """Map an angle, rad, to the range -pi to pi."""
    return float((angle + np.pi) % (2 * np.pi) - np.pi)
