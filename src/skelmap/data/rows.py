"""What the judgement must know of the test split."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from skelmap.data.windows import span
from skelmap.poses import Recording, Span


@dataclass(frozen=True, eq=False)
class JudgedRows:
    """The rows of the test split: one person in one frame, with at least one joint.

    A window consists of every `frame_step`-th of the rows `start .. start + span - 1`, which are successive frames of
    one person. A frame of a clip's span without any row is a frame with nobody in it. Rows that no window covers belong
    to runs shorter than `shortest`.

    Attributes:
        recordings: the test clips, C of them.
        spans: (first frame, one past the last) of each clip.
        fps: frames a second of each clip.
        clip: (N,) int64 index into `recordings`.
        frame: (N,) int64 frame number within the clip's span.
        starts: (S,) int64 first row of every window of `seq_len` rows, at stride 1.
        seq_len: T, rows of a window.
        frame_step: rows from one row of a window to the next.
    """

    recordings: tuple[Recording, ...]
    spans: tuple[Span, ...]
    fps: tuple[float, ...]
    clip: NDArray[np.int64]
    frame: NDArray[np.int64]
    starts: NDArray[np.int64]
    seq_len: int
    frame_step: int = 1

    @property
    def span(self) -> int:
        """Rows from the first row of a window to one past its last."""
        return span(self.seq_len, self.frame_step)

    @property
    def shortest(self) -> int:
        """Rows that a run must have, so that windows cover all of them."""
        return self.seq_len * self.frame_step
