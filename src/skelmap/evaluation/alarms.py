"""What a detection rate would cost: false alarms an hour and the delay to detection."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from skelmap.evaluation.metrics import Curve, Floats, Labels

DETECTION_RATE = 0.8


@dataclass(frozen=True)
class OperatingPoint:
    """A point of the ROC curve, in units of the workplace.

    Its threshold is read off the labels of the test split itself: it describes the curve and was not chosen
    beforehand. A threshold for use comes from normal validation data.

    Attributes:
        detection_rate: share of abnormal frames asked for, at least so many score at or above the threshold.
        threshold: the highest threshold that reaches it.
        false_alarms: runs of successive normal frames at or above the threshold, also such that follow an abnormal one.
        normal_hours: judged normal footage.
        false_alarms_per_hour: false alarms by normal hours.
        spans: abnormal spans with judged frames.
        spans_detected: those with a frame at or above the threshold.
        median_delay: from the start of a detected span to its first such frame, seconds; None if none was detected.
    """

    detection_rate: float
    threshold: float
    false_alarms: int
    normal_hours: float
    false_alarms_per_hour: float
    spans: int
    spans_detected: int
    median_delay: float | None


def operating_point(
    curve: Curve,
    score: Floats,
    label: Labels,
    onset: NDArray[np.int64],
    clip: NDArray[np.int64],
    frame: NDArray[np.int64],
    fps: Floats,
) -> OperatingPoint:
    """Describe the point of the curve where 80 % of the abnormal frames are detected.

    Args:
        curve: of `score` and `label`, with both classes.
        score: (F,) of frames sorted by (clip, frame).
        label: (F,) 1 = abnormal.
        onset: (F,) first frame of the abnormal span that a frame lies in.
        clip: (F,) index of the clip.
        frame: (F,) frame number.
        fps: (C,) frames a second of each clip.

    Returns:
        The operating point.
    """
    reached = np.flatnonzero(curve.detected >= DETECTION_RATE * curve.detected[-1])[0]
    threshold = float(curve.threshold[reached])
    above = score >= threshold

    false = above & (label == 0)
    follows = np.append(False, (np.diff(clip) == 0) & (np.diff(frame) == 1) & false[:-1])
    false_alarms = int((false & ~follows).sum())
    hours = float(np.sum((label == 0) / fps[clip]) / 3600)

    abnormal = label == 1
    spans = np.unique(np.stack([clip, onset], axis=1)[abnormal], axis=0)
    hits, first = np.unique(np.stack([clip, onset], axis=1)[abnormal & above], axis=0, return_index=True)
    delay = (frame[abnormal & above][first] - hits[:, 1]) / fps[hits[:, 0]]
    return OperatingPoint(
        detection_rate=DETECTION_RATE,
        threshold=threshold,
        false_alarms=false_alarms,
        normal_hours=hours,
        false_alarms_per_hour=false_alarms / hours,
        spans=len(spans),
        spans_detected=len(hits),
        median_delay=float(np.median(delay)) if len(delay) else None,
    )
