"""From pictures to people: pose estimators behind one interface, and video files."""

from skelmap.estimation.ended import EstimatorEnded
from skelmap.estimation.estimator import ESTIMATORS, PoseEstimator, open_estimator
from skelmap.estimation.video import Video

__all__ = ["ESTIMATORS", "EstimatorEnded", "PoseEstimator", "Video", "open_estimator"]
