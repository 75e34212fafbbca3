"""Keypoints at the model's frame rate, whatever the camera's: by time, not by count."""

import math

import numpy as np
from numpy.typing import NDArray

BRIDGE = 0.2
"""A person unseen for longer, in seconds, has left: what lies between two sightings is made up otherwise."""
LOST_FRAMES = 3.5
"""... unless the camera is so slow that this many of its frames take longer."""
ON_TIME = 1e-3
"""A sighting this close to a tick, in ticks, is taken as it is."""


class Resampler:
    """One person's keypoints at the ticks of the model's clock, 0, 1, 2, ... from the beginning of the stream.

    Between two sightings joints move in a straight line; one that was seen in the nearer sighting alone stays there.

    Args:
        fps: ticks a second.
    """

    def __init__(self, fps: float) -> None:
        self.fps = fps
        self._at = -math.inf  # ticks
        self._seen: NDArray[np.float32] | None = None

    def see(
        self, time: float, keypoints: NDArray[np.float32], bridge: float = BRIDGE
    ) -> tuple[bool, list[tuple[int, NDArray[np.float32]]]]:
        """Take a sighting.

        Args:
            time: seconds from the beginning of the stream, later than the last.
            keypoints: (V, 3) x px, y px, confidence.
            bridge: longest time since the last sighting that is filled, seconds.

        Returns:
            Whether the person is there anew, with nothing before; and (tick, keypoints) of each tick since the last
            sighting.
        """
        now = time * self.fps
        before, since = self._seen, self._at
        self._seen, self._at = keypoints, now
        if before is None or now - since > bridge * self.fps:
            nearest = round(now)
            return True, [(nearest, keypoints)] if abs(now - nearest) < ON_TIME else []
        ticks = range(math.floor(since + ON_TIME) + 1, math.floor(now + ON_TIME) + 1)
        return False, [(tick, _between(before, keypoints, (tick - since) / (now - since))) for tick in ticks]


def _between(one: NDArray[np.float32], other: NDArray[np.float32], share: float) -> NDArray[np.float32]:
    """Keypoints at a share of the way from one sighting to the other."""
    if share > 1 - ON_TIME:
        return other
    both = (one[:, 2] > 0) & (other[:, 2] > 0)
    nearer = one if share < 0.5 else other
    return np.where(both[:, None], one + np.float32(share) * (other - one), nearer)


def bridge_for(interval: float, fps: float) -> float:
    """Longest gap that is filled, seconds.

    Args:
        interval: seconds from one picture of the camera to the next.
        fps: ticks a second.
    """
    return max(BRIDGE, LOST_FRAMES * max(interval, 1 / fps))
