"""What the judgement must know of the test split."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from skelmap.poses import Recording, Span


class TestRows(NamedTuple):
    """The rows of the test split; a row is one person in one frame in which a joint was seen.

    Frames of a recording's span without any row are frames with nobody. Rows that no window of `starts` covers are in
    runs shorter than T and are left out.

    Attributes:
        recordings: of the test split.
        spans: first frame of each recording and one past its last.
        fps: frames a second of each recording.
        clip: (N,) int64 index into `recordings`.
        frame: (N,) int64 frame number.
        starts: (S,) int64 first row of every window of T rows, at stride 1.
        seq_len: T.
    """

    recordings: tuple[Recording, ...]
    spans: tuple[Span, ...]
    fps: tuple[float, ...]
    clip: NDArray[np.int64]
    frame: NDArray[np.int64]
    starts: NDArray[np.int64]
    seq_len: int
