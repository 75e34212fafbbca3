"""Joints of an alarm: those with the largest part in the score."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from skelmap.data.keypoints import KeypointSettings
from skelmap.data.rendering import MapSettings
from skelmap.skeletons.layouts import Layout, neck_positions

KERNEL_WIDTH = 0.03
"""Standard deviation of the Gaussian kernel around a joint, in sides of the map; at least half a pixel."""
NAMED_JOINTS = 3


def most_unusual_joints(
    attribution: NDArray[np.float32],
    keypoints: Sequence[NDArray[np.float32]],
    layout: Layout,
    settings: MapSettings | KeypointSettings,
) -> tuple[str, ...]:
    """Name the joints with the largest attribution in a window, averaged over the frames in which they were detected.

    Args:
        attribution: (T, C, H, W) part of each input element in the score; channels are added up.
        keypoints: of the T frames, (V, 3) each.
        layout: of the keypoints.
        settings: how frames are made from keypoints.

    Returns:
        At most three joints, the most unusual first; only joints that were detected in the window.
    """
    points = np.stack(list(keypoints))
    detected = points[..., 2] > 0
    by_joint: NDArray[np.floating] = attribution.sum(axis=1)
    if isinstance(settings, MapSettings):
        by_joint = _average_at_joints(by_joint, _map_positions(points, layout, settings))
    else:
        by_joint = by_joint[:, : len(layout.joints)].sum(axis=2, dtype=np.float32)
    count = detected.sum(axis=0)
    mean = np.where(detected, by_joint, 0).sum(axis=0) / np.maximum(count, 1)
    order = np.argsort(-mean, kind="stable")[:NAMED_JOINTS]
    return tuple(layout.joints[i] for i in order if count[i] and mean[i] > 0)


def _map_positions(points: NDArray[np.float32], layout: Layout, settings: MapSettings) -> NDArray[np.float32]:
    """Positions of joints on the map, (T, V, 2), in sides of the map from its top left corner."""
    centre = neck_positions(points, layout)
    positions = (points[..., :2] - centre[:, None]) / settings.crop_size + 0.5
    return positions.astype(np.float32)


def _average_at_joints(attribution: NDArray[np.float32], positions: NDArray[np.float32]) -> NDArray[np.float32]:
    """Average (T, H, W) values around each joint with a Gaussian kernel, (T, V)."""
    side = attribution.shape[1]
    pixels = (np.arange(side) + 0.5) / side
    width = max(KERNEL_WIDTH, 0.5 / side)
    weight_x, weight_y = (
        np.exp(-0.5 * ((pixels - positions[..., i, None]) / width) ** 2)  # (T, V, W or H)
        for i in (0, 1)
    )
    total = np.einsum("tvh,thw,tvw->tv", weight_y, attribution, weight_x)
    weight = weight_y.sum(axis=2) * weight_x.sum(axis=2)
    mean: NDArray[np.float32] = (total / np.maximum(weight, 1e-12)).astype(np.float32)
    return mean
