"""What the judgement must know of the test split."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from skelmap.poses import Recording, Span


@dataclass(frozen=True, eq=False)
class JudgedRows:
    """The rows of the test split: one person in one frame, with at least one joint.

    The rows `start .. start + seq_len - 1` of a window are successive frames of one person. A frame of a clip's span
    without any row is a frame with nobody in it. Rows that no window covers belong to runs shorter than `seq_len`.

    Attributes:
        recordings: the test clips, C of them.
        spans: (first frame, one past the last) of each clip.
        fps: frames a second of each clip.
        clip: (N,) int64 index into `recordings`.
        frame: (N,) int64 frame number within the clip's span.
        starts: (S,) int64 first row of every window of `seq_len` rows, at stride 1.
        seq_len: T, rows of a window.
    """

    recordings: tuple[Recording, ...]
    spans: tuple[Span, ...]
    fps: tuple[float, ...]
    clip: NDArray[np.int64]
    frame: NDArray[np.int64]
    starts: NDArray[np.int64]
    seq_len: int
