"""Sources of pose frames: the base class, recorded clips and video files."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from time import perf_counter
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skelmap.pose_estimation.base import PoseEstimator
from skelmap.pose_estimation.video import Video
from skelmap.skeletons.clip import Clip, clean_keypoints
from skelmap.skeletons.layouts import Layout
from skelmap.skeletons.manifest import Recording
from skelmap.skeletons.readers import PoseFormat
from skelmap.skeletons.tracking import PeopleTracker

LONGEST_STEP = 10.0
"""Longest credible time between two frames of a video file, seconds."""


@dataclass(frozen=True, eq=False)
class PoseFrame:
    """Keypoints of the people in one frame.

    Attributes:
        number: frame number, from 0.
        time: seconds since the start of the stream.
        size: (width, height) of the image, px.
        keypoints: (P, V, 3) x px, y px and confidence of the V joints of P people.
        person_ids: (P,) track number of each person, constant over time.
        image: (H, W, 3) uint8 BGR; None where the source has keypoints only.
        arrived_at: value of `time.perf_counter`, seconds, when the image or the keypoints were available.
    """

    number: int
    time: float
    size: tuple[int, int]
    keypoints: NDArray[np.float32]
    person_ids: NDArray[np.int64]
    image: NDArray[np.uint8] | None = None
    arrived_at: float = field(default_factory=perf_counter)


@dataclass(frozen=True)
class SourceError:
    """Temporary failure of a source, in place of a frame.

    Attributes:
        time: seconds since the start of the stream.
        text: message, constant while the failure lasts.
    """

    time: float
    text: str


class Source(ABC):
    """Camera or recording. Iteration yields its frames as they arrive.

    Attributes:
        name: for file names and messages.
        layout: of the keypoints.
        fps: frame rate, as far as it is known in advance.
        count: number of frames; None for a live source, which runs until it is stopped.
        first: number of the first frame.
        step: difference of the numbers of successive frames.
        truth: labels of a manifest; None without a manifest.
        stated: keys of `pose_format` that the source states itself, with their values; empty for JSON files.
        warning: what is wrong with the source as a whole, in constant words while the cause lasts; empty if nothing is.
    """

    first = 0
    step = 1
    truth: Recording | None = None
    stated: Mapping[str, Any] = MappingProxyType({})
    warning = ""

    def __init__(self, name: str, layout: Layout, fps: float, count: int | None = None) -> None:
        self.name, self.layout, self.fps, self.count = name, layout, fps, count

    @abstractmethod
    def __iter__(self) -> Iterator[PoseFrame | SourceError]:
        """Yield frames, or an error while there are none."""


class ClipSource(Source):
    """Recorded clip.

    Args:
        clip: its keypoints.
        truth: its line of a manifest, if there is one.
        is_archive: whether it is read from an archive, which states its pose format.
    """

    def __init__(self, clip: Clip, truth: Recording | None = None, is_archive: bool = False) -> None:
        self.numbers = range(*clip.span, clip.step)
        super().__init__(clip.name, clip.layout, clip.frame_rate, len(self.numbers))
        self.clip, self.first, self.step, self.truth = clip, clip.span[0], clip.step, truth
        if is_archive:
            self.stated = PoseFormat(clip.layout, clip.size, clip.fps).plain()

    def __iter__(self) -> Iterator[PoseFrame]:
        """Yield every frame of the clip's span, including frames without people."""
        clip = self.clip
        order = np.argsort(clip.frame, kind="stable")
        frame = clip.frame[order]
        for number in self.numbers:
            rows = order[slice(*np.searchsorted(frame, (number, number + 1)))]
            yield PoseFrame(number, number / clip.fps, clip.size, clip.keypoints[rows], clip.track[rows])


class VideoSource(Source):
    """Video file with a pose estimator.

    Args:
        video: the file.
        estimator: detects people; the caller closes it.
    """

    def __init__(self, video: Video, estimator: PoseEstimator) -> None:
        super().__init__(video.path.stem, estimator.layout, video.fps, video.count)
        self.video, self.estimator = video, estimator
        self.stated = PoseFormat(estimator.layout, video.size, video.fps).plain()

    def __iter__(self) -> Iterator[PoseFrame]:
        """Yield every frame with its time stamp; stamps that jump, as in joined files, are replaced by 1/fps."""
        tracker, now, previous = PeopleTracker(), 0.0, 0.0
        for number, (seconds, image) in enumerate(self.video.frames()):
            arrived_at, step = perf_counter(), seconds - previous
            if number:
                now += step if 0 < step <= LONGEST_STEP else 1 / self.fps
            previous = seconds
            size = (image.shape[1], image.shape[0])
            people = clean_keypoints(self.estimator.detect(image), size)
            yield PoseFrame(number, now, size, people, tracker.track(people), image, arrived_at)
