"""What all sources have in common."""

from abc import ABC, abstractmethod
from collections.abc import Iterator

from skelmap.monitor.sight import Sight, Trouble
from skelmap.poses import Layout, Recording


class Source(ABC):
    """One camera or recording; iterating gives what is seen, as it is seen.

    Attributes:
        name: for files and readers.
        layout: of the keypoints.
        fps: frames a second, as far as is known beforehand.
        count: frames in all; None where it goes on until it is stopped.
        first: number of the first frame.
        truth: what is abnormal in it, where a manifest says so.
    """

    first = 0
    truth: Recording | None = None

    def __init__(self, name: str, layout: Layout, fps: float, count: int | None = None) -> None:
        self.name, self.layout, self.fps, self.count = name, layout, fps, count

    @abstractmethod
    def __iter__(self) -> Iterator[Sight | Trouble]:
        """Give each frame, or what is wrong in place of frames."""
