"""Why an alarm was given: the joints that contribute most to the score."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from skelmap.data.keypoints import KeypointSettings
from skelmap.data.rendering import MapSettings
from skelmap.skeletons.layouts import Layout, neck_positions

SPOT = 0.03
"""What counts at a joint is averaged around it with a Gaussian of this standard deviation, in sides of the map."""
NAMED = 3


def most_unusual_joints(
    contributions: NDArray[np.float32],
    keypoints: Sequence[NDArray[np.float32]],
    layout: Layout,
    settings: MapSettings | KeypointSettings,
) -> tuple[str, ...]:
    """Name the joints that contribute most to a window's being unusual, the worst first.

    Args:
        contributions: (T, C, H, W), of the model; of several channels all count.
        keypoints: of the T frames, (V, 3) each.
        layout: of the keypoints.
        settings: what the frames are.

    Returns:
        Three names at most; joints that were not seen cannot be named.
    """
    points = np.stack(list(keypoints))
    seen = points[..., 2] > 0
    found: NDArray[np.floating] = contributions.sum(axis=1)
    if isinstance(settings, MapSettings):
        found = _at_joints(found, _places(points, layout, settings))
    else:
        found = found[:, : len(layout.joints)].sum(axis=2, dtype=np.float32)
    count = seen.sum(axis=0)
    mean = np.where(seen, found, 0).sum(axis=0) / np.maximum(count, 1)
    order = np.argsort(-mean, kind="stable")[:NAMED]
    return tuple(layout.joints[i] for i in order if count[i] and mean[i] > 0)


def _places(points: NDArray[np.float32], layout: Layout, settings: MapSettings) -> NDArray[np.float32]:
    """Place joints on the map, (T, V, 2) in sides of it from its corner."""
    centre = neck_positions(points, layout)
    places = (points[..., :2] - centre[:, None]) / settings.crop_size + 0.5
    return places.astype(np.float32)


def _at_joints(contributions: NDArray[np.float32], places: NDArray[np.float32]) -> NDArray[np.float32]:
    """Average (T, H, W) contributions around each joint, (T, V)."""
    side = contributions.shape[1]
    middle = (np.arange(side) + 0.5) / side
    spot = max(SPOT, 0.5 / side)  # a pixel, where they are large
    near_x, near_y = (np.exp(-0.5 * ((middle - places[..., i, None]) / spot) ** 2) for i in (0, 1))  # (T, V, W or H)
    total = np.einsum("tvh,thw,tvw->tv", near_y, contributions, near_x)
    weight = near_y.sum(axis=2) * near_x.sum(axis=2)
    mean: NDArray[np.float32] = (total / np.maximum(weight, 1e-12)).astype(np.float32)
    return mean
