"""Recordings: clips and video files."""

from collections.abc import Iterator
from time import perf_counter

import numpy as np

from skelmap.estimation import PoseEstimator, Video
from skelmap.monitor.sight import Sight
from skelmap.monitor.sources.source import Source
from skelmap.poses import Clip, PeopleTracker, Recording

LONGEST_STEP = 10.0
"""Seconds between two frames of a video beyond which its time stamps are not believed."""


class ClipSource(Source):
    """A recorded clip.

    Args:
        clip: its keypoints.
        truth: the manifest's line, if there is one.
    """

    def __init__(self, clip: Clip, truth: Recording | None = None) -> None:
        first, stop = clip.span
        super().__init__(clip.name, clip.layout, clip.fps, stop - first)
        self.clip, self.first, self.truth = clip, first, truth

    def __iter__(self) -> Iterator[Sight]:
        """Give every frame of the span, with or without people."""
        clip = self.clip
        order = np.argsort(clip.frame, kind="stable")
        first, stop = clip.span
        bounds = np.searchsorted(clip.frame[order], np.arange(first, stop + 1))
        for number in range(first, stop):
            rows = order[bounds[number - first] : bounds[number - first + 1]]
            yield Sight(number, number / clip.fps, clip.size, clip.keypoints[rows], clip.track[rows])


class VideoSource(Source):
    """A video file, looked at by a pose estimator.

    Args:
        video: the file.
        estimator: finds the people; closed by who opened it.
    """

    def __init__(self, video: Video, estimator: PoseEstimator) -> None:
        super().__init__(video.path.stem, estimator.layout, video.fps, video.count)
        self.video, self.estimator = video, estimator

    def __iter__(self) -> Iterator[Sight]:
        """Give every frame at the time that the file states, which never goes back."""
        tracker, now, before = PeopleTracker(), 0.0, 0.0
        for number, (seconds, picture) in enumerate(self.video.frames()):
            came, step = perf_counter(), seconds - before
            if number:  # time stamps jump where recorders joined files
                now += step if 0 < step <= LONGEST_STEP else 1 / self.fps
            before = seconds
            people = self.estimator.people(picture)
            size = (picture.shape[1], picture.shape[0])
            yield Sight(number, now, size, people, tracker.track(people), picture, came)
