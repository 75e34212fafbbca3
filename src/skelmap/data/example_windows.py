"""Windows of labelled examples: which of them are abnormal, and which are confirmed to be normal."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from skelmap.data.windows import Segments, window_starts
from skelmap.skeletons.examples import NORMAL
from skelmap.utils.errors import UserError


class ExampleWindows(NamedTuple):
    """Windows of labelled recordings.

    Attributes:
        abnormal: (E,) int64 first row of each window whose middle frame is abnormal.
        example: (E,) int64 number of the abnormal example of each of them.
        normal: (M,) int64 first row of each window without abnormal frames.
    """

    abnormal: NDArray[np.int64]
    example: NDArray[np.int64]
    normal: NDArray[np.int64]

    @classmethod
    def none(cls) -> "ExampleWindows":
        """Without examples."""
        return cls(*(np.zeros(0, np.int64) for _ in range(3)))

    @property
    def number(self) -> int:
        """Number of abnormal examples."""
        return len(np.unique(self.example))

    def choose(self, number: int | None, seed: int) -> "ExampleWindows":
        """Choose abnormal examples at random; choices of different size with the same seed contain each other.

        Args:
            number: abnormal examples to choose; None for all.
            seed: of the choice.

        Raises:
            UserError: there are fewer, or no windows at all.
        """
        available = np.unique(self.example)
        if not len(self.abnormal) and not len(self.normal):
            raise UserError("no labelled recording is as long as a window")
        if (number or 0) > len(available):
            raise UserError(f"data.n_examples={number}; {len(available)} abnormal examples have windows")
        chosen = np.isin(self.example, np.random.default_rng(seed).permutation(available)[:number])
        return ExampleWindows(self.abnormal[chosen], self.example[chosen], self.normal)


def find_example_windows(segments: Segments, example: NDArray[np.int64], window: int, stride: int) -> ExampleWindows:
    """Find the windows of labelled recordings.

    Windows that begin or end in an abnormal span without their middle frame are neither abnormal nor normal.

    Args:
        segments: of the labelled recordings.
        example: (N,) number of the abnormal example of each row (`number_examples`).
        window: rows in a window.
        stride: rows from one normal window to the next; abnormal windows have stride 1.
    """
    starts = window_starts(segments, window)
    middle = example[starts + window // 2]
    normal = window_starts(segments, window, stride)
    count = np.concatenate([[0], np.cumsum(example != NORMAL)])
    return ExampleWindows(
        abnormal=starts[middle != NORMAL],
        example=middle[middle != NORMAL],
        normal=normal[count[normal + window] == count[normal]],
    )
