"""From a video to a clip."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from skelmap.estimation.estimator import PoseEstimator
from skelmap.estimation.video import Video
from skelmap.poses import Clip, PeopleTracker

READ = 0.95
"""A file of which a smaller share of the stated frames can be read is damaged; statements are a few frames off."""
UNEVEN = 2.0
"""A longest time between two frames above so many usual ones is worth a remark."""


@dataclass(frozen=True, eq=False)
class Extraction:
    """What a video gave.

    Attributes:
        clip: its people; a frame without any is a row of zeros.
        remarks: what its owner should know.
    """

    clip: Clip
    remarks: tuple[str, ...]


def extract_clip(video: Video, name: str, estimator: PoseEstimator, advance: Callable[[], None]) -> Extraction:
    """Find the people in every frame of a video.

    Args:
        video: the video; its frames' numbers are the clip's.
        name: the clip's name.
        estimator: fresh, as it may follow people from frame to frame.
        advance: called after each frame.

    Raises:
        UserError: the estimator failed, or the clip would not be allowed (its picture is too small).
    """
    nobody = np.zeros((1, len(estimator.layout.joints), 3), np.float32)
    tracker = PeopleTracker()
    rows: list[NDArray[np.float32]] = []
    tracks: list[NDArray[np.int64]] = []
    seconds: list[float] = []
    for time, picture in video.frames():
        people = estimator.people(picture)
        rows.append(people if len(people) else nobody)
        tracks.append(tracker.track(rows[-1]))
        seconds.append(time)
        advance()
    frame = np.repeat(np.arange(len(rows)), [len(people) for people in rows])
    clip = Clip.build(
        name, np.concatenate(rows), estimator.layout, video.size, video.fps, frame, np.concatenate(tracks)
    )
    return Extraction(clip, tuple(_remarks(video, np.array(seconds))))


def _remarks(video: Video, seconds: NDArray[np.float64]) -> list[str]:
    remarks = []
    if len(seconds) < READ * video.count:
        remarks.append(f"only {len(seconds)} of the {video.count} frames that the file states could be read")
    steps = 1000 * np.diff(seconds)
    if len(steps) and steps.max() > UNEVEN * np.median(steps):
        remarks.append(
            f"its frames are {steps.min():.0f} to {steps.max():.0f} ms apart; the clip takes them as even, "
            f"{video.fps:.1f} a second"
        )
    return remarks
