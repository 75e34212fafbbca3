"""Three views of a window of keypoints: where the joints are, how far each moves, and the course of it.

A view turns (B, T, V, 2) places into (B, D) numbers that a distance can compare. Reconstruction errors measure how
difficult a movement is; these are compared with what was seen in training and do not have that fault.
"""

from collections.abc import Callable

from torch import Tensor

STILL = 0.01
"""Movement below this, in units of the body's size, is taken for the detector's jitter."""


def scaled(places: Tensor) -> Tensor:
    """Divide each window by the body's size in it: the root mean square distance of the joints from their centre.

    People near the camera and far from it, tall and short, become comparable, whatever the layout of the joints.

    Args:
        places: (B, T, V, 2) on any scale.
    """
    offsets = places - places.mean(dim=2, keepdim=True)
    size = offsets.square().sum(dim=3).mean(dim=(1, 2)).sqrt()
    return places / size.clamp_min(1e-6)[:, None, None, None]


def posture(places: Tensor) -> Tensor:
    """Mean place of each joint, (B, 2 V)."""
    return places.mean(dim=1).flatten(1)


def spread(places: Tensor) -> Tensor:
    """Log of the standard deviation of each coordinate over the window, (B, 2 V): how far each joint moves."""
    return (places.std(dim=1, correction=0) + STILL).log().flatten(1)


def course(places: Tensor) -> Tensor:
    """All places of every second frame, (B, 2 V ceil(T / 2)): what happens when."""
    return places[:, ::2].flatten(1)


VIEWS: dict[str, Callable[[Tensor], Tensor]] = {"posture": posture, "spread": spread, "course": course}
