"""Pose estimators by name."""

from collections.abc import Callable
from pathlib import Path

from skelmap.pose_estimation.base import PoseEstimator
from skelmap.pose_estimation.mediapipe import MediaPipe
from skelmap.pose_estimation.rtmo import Rtmo
from skelmap.utils.errors import UserError

ESTIMATORS: dict[str, Callable[[Path | None], PoseEstimator]] = {"mediapipe": MediaPipe, "rtmo": Rtmo}


def open_estimator(name: str, weights: Path | None = None) -> PoseEstimator:
    """Start a pose estimator.

    Args:
        name: one of ESTIMATORS.
        weights: the network's file; None for its default path. MediaPipe has its own.

    Raises:
        UserError: unknown name; a package or weights file is missing (the message says how to get it).
    """
    if name not in ESTIMATORS:
        raise UserError(f"estimator {name!r}; allowed are {', '.join(ESTIMATORS)}")
    return ESTIMATORS[name](weights)
