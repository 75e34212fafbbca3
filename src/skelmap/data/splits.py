"""The rows of each split of a data set: segments, windows, labelled examples, index for evaluation."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from skelmap.data.cache import SkeletonCache
from skelmap.data.example_windows import ExampleWindows, find_example_windows
from skelmap.data.windows import EvalIndex, Segments, find_segments, window_starts
from skelmap.skeletons.examples import number_examples
from skelmap.skeletons.manifest import EXAMPLE, Recording
from skelmap.skeletons.person_filter import PersonFilter
from skelmap.skeletons.resampling import label_ticks


@dataclass(frozen=True, eq=False)
class Splits:
    """The rows of a cache by split.

    Attributes:
        recordings: of the cache, in its order, with their splits; labelled spans are frames of the recordings.
        cache: the frames of all recordings.
        seq_len: T, frames of a window.
    """

    recordings: tuple[Recording, ...]
    cache: SkeletonCache
    seq_len: int

    def rows(self, split: str) -> NDArray[np.int64]:
        """(n,) rows of a split; the rows of a recording are adjacent, so segments among them are those of the cache."""
        in_split = np.array([recording.split == split for recording in self.recordings])
        return np.flatnonzero(in_split[self.cache.clip])

    def segments(self, split: str) -> Segments:
        """Segments of successive frames of one person in a split."""
        rows, cache = self.rows(split), self.cache
        segments = find_segments(cache.clip[rows], cache.track[rows], cache.frame[rows])
        return Segments(rows[segments.first] if len(rows) else segments.first, segments.length)

    def starts(self, split: str, window: int, stride: int = 1, shortest: int = 1) -> NDArray[np.int64]:
        """First row of each window of a split, (W,) int64.

        Args:
            split: of the recordings.
            window: frames in a window.
            stride: frames from one window to the next.
            shortest: segments of fewer frames are left out.
        """
        return window_starts(self.segments(split).at_least(shortest), window, stride)

    def example_windows(self, window: int, stride: int) -> ExampleWindows:
        """Windows of all labelled examples, within segments of T frames.

        Args:
            window: frames in a window.
            stride: frames from one normal window to the next.
        """
        numbers = number_examples(self._at_clock, self.cache.clip, self.cache.frame)
        return find_example_windows(self.segments(EXAMPLE).at_least(self.seq_len), numbers, window, stride)

    def eval_index(self, split: str) -> EvalIndex:
        """Describe the rows of a split for evaluation."""
        index = [i for i, recording in enumerate(self.recordings) if recording.split == split]
        rows, cache = self.rows(split), self.cache
        number = np.full(len(self.recordings), -1)
        number[index] = np.arange(len(index))
        return EvalIndex(
            recordings=tuple(self._at_clock[i] for i in index),
            spans=tuple(cache.spans[i] for i in index),
            fps=cache.clock.fps,
            clip=number[cache.clip[rows]],
            track=cache.track[rows].astype(np.int64),
            frame=cache.frame[rows].astype(np.int64),
            starts=np.searchsorted(rows, self.starts(split, self.seq_len)),
            seq_len=self.seq_len,
        )

    def eval_rows(self, split: str, row: Tensor) -> Tensor:
        """Convert (B,) int64 rows of the cache, all of this split, to rows of the split's `eval_index`."""
        return torch.searchsorted(torch.from_numpy(self.rows(split)).to(row.device), row)

    def clips_of(self, row: Tensor) -> list[str]:
        """Names of the clips of (B,) rows, in the order of the manifest."""
        return [self.recordings[index].clip for index in np.unique(self.cache.clip[row.cpu().numpy()])]

    def groups_of(self, row: Tensor) -> Tensor:
        """Numbers of the groups of (B,) rows, (B,) int64."""
        groups = [r.group for r in self.recordings]
        number = np.unique(groups, return_inverse=True)[1]
        return torch.from_numpy(number[self.cache.clip[row.cpu().numpy()]])

    def explain_no_window(self, split: str, person_filter: PersonFilter) -> str:
        """Say why a split has no window of T frames, naming the detections that the filter left out."""
        if longest := self.segments(split).length.max(initial=0):
            return (
                f"no window of data.seq_len={self.seq_len} frames in split {split}: its longest segment of frames with "
                f"a person has {longest}; allowed are 1 to {longest}"
            )
        recordings = zip(self.recordings, self.cache.left_out, strict=True)
        left_out = sum(count for recording, count in recordings if recording.split == split)
        least = f"data.min_joints={person_filter.min_joints} or data.min_size={person_filter.min_size:g}"
        reason = f"; {left_out} detections have less than {least}" if left_out else ""
        return f"no frame of split {split} shows a person{reason}"

    @cached_property
    def _at_clock(self) -> list[Recording]:
        """The recordings with labelled spans in ticks of the clock."""
        rates = zip(self.recordings, self.cache.source_fps, strict=True)
        return [_at_clock(recording, source_fps, self.cache.clock.fps) for recording, source_fps in rates]


def _at_clock(recording: Recording, source_fps: float, fps: float) -> Recording:
    """Convert the labelled spans of a recording from its frames to ticks of the clock."""
    abnormal = recording.abnormal and tuple(label_ticks(span, source_fps, fps) for span in recording.abnormal)
    actions = tuple((name, label_ticks(span, source_fps, fps)) for name, span in recording.actions)
    return replace(recording, abnormal=abnormal, actions=actions)
