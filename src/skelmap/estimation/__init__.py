"""From pictures to people: pose estimators behind one interface, and video files."""

from skelmap.estimation.estimator import ESTIMATORS, PoseEstimator, open_estimator
from skelmap.estimation.video import Video

__all__ = ["ESTIMATORS", "PoseEstimator", "Video", "open_estimator"]
