"""What a camera sees, frame by frame."""

from dataclasses import dataclass, field
from time import perf_counter

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Sight:
    """What a camera sees in one frame.

    Attributes:
        number: of the frame, from 0.
        time: seconds from the beginning of the stream.
        size: (width, height) of the picture, px.
        keypoints: (P, V, 3) x px, y px, confidence of each person.
        person: (P,) number of each person, the same from frame to frame.
        picture: (H, W, 3) uint8 BGR, or None where the source has poses only.
        came: when the picture or pose was there to be looked at, `time.perf_counter`.
    """

    number: int
    time: float
    size: tuple[int, int]
    keypoints: NDArray[np.float32]
    person: NDArray[np.int64]
    picture: NDArray[np.uint8] | None = None
    came: float = field(default_factory=perf_counter)


@dataclass(frozen=True)
class Trouble:
    """What is wrong with a camera at the moment, in place of a frame.

    Attributes:
        time: seconds from the beginning of the stream.
        text: for readers.
    """

    time: float
    text: str
