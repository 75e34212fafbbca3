"""What is judged: the test split's rows, and a model's scores of windows of them."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from skelmap.poses import Recording, Span


@dataclass(frozen=True, eq=False)
class TestRows:
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

    __test__: ClassVar[bool] = False  # the name is not a test case of pytest's

    recordings: tuple[Recording, ...]
    spans: tuple[Span, ...]
    fps: tuple[float, ...]
    clip: NDArray[np.int64]
    frame: NDArray[np.int64]
    starts: NDArray[np.int64]
    seq_len: int


@dataclass(frozen=True, eq=False)
class Predictions:
    """A model's scores of the test windows, in any order.

    Attributes:
        start: (W,) int64 first row of each window. For `window = seq_len` these are `TestRows.starts`, for
            `window = 1` the rows that they cover.
        score: (W,) floating, higher = more abnormal, any finite values.
        latent: (W, J) mu of each window, or None where a model has no latents.
        window: rows a window holds: T for a sequence model, 1 for a frame model.
    """

    start: Tensor
    score: Tensor
    latent: Tensor | None
    window: int
