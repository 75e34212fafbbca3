"""What a model could not judge: frames and events of people who are seen for less than a window."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from skelmap.data.windows import EvalIndex, find_segments


@dataclass(frozen=True)
class Counts:
    """Numbers of evaluated frames and events, and of those that could not be judged.

    An event is a span of successive abnormal frames of a clip. It is judged if one of its frames with people has a
    primary score.

    Attributes:
        frames: evaluated frames, including those without people.
        abnormal: evaluated frames with label 1.
        empty: evaluated frames without people, and nobody's last score is recent enough; they have the lowest score.
        empty_abnormal: those of them with label 1.
        scored: evaluated frames with a primary score; the others come before the first full window of their people.
        held: those of them in which everybody's score is an earlier one.
        partly: frames with a window that ends with them, but not of everybody.
        left_out: frames in which everybody is in a segment shorter than a window; no metric includes them.
        left_out_abnormal: those of them with label 1.
        rows_left_out: rows in segments shorter than a window.
        clips: clips with evaluated frames.
        clips_left_out: clips with people but without a window.
        windows: windows of T rows.
        events: abnormal events.
        unjudged: for each event that is not judged, the longest window, frames, that would judge it; 0 if nobody is
            seen; descending.
    """

    frames: int
    abnormal: int
    empty: int
    empty_abnormal: int
    scored: int
    held: int
    partly: int
    left_out: int
    left_out_abnormal: int
    rows_left_out: int
    clips: int
    clips_left_out: int
    windows: int
    events: int
    unjudged: tuple[int, ...]

    def message(self, seq_len: int) -> str:
        """State the frames and events that could not be judged, and how a shorter window helps; empty if all were.

        Args:
            seq_len: T, frames in a window.
        """
        parts = []
        missing = self.frames + self.left_out - self.scored
        if missing or self.unjudged:
            parts.append(
                f"{missing:,} of {self.frames + self.left_out:,} frames and {len(self.unjudged)} of {self.events} "
                f"events come before anybody has been seen for {seq_len} frames: they could not be judged"
            )
        if self.left_out:
            parts.append(
                f"{self.left_out:,} of these frames, {self.left_out_abnormal:,} of them abnormal, have no score"
            )
        reached = next((n for n in (seq_len // 2, seq_len // 4) if n > 0 and any(r >= n for r in self.unjudged)), 0)
        if reached:
            count = sum(longest >= reached for longest in self.unjudged)
            parts.append(f"data.seq_len={reached} would judge {count} of these {len(self.unjudged)} events")
        if self.empty_abnormal:
            parts.append(f"{self.empty_abnormal:,} abnormal frames show nobody and have the lowest score")
        return "; ".join(parts)


def count(
    rows: EvalIndex,
    frame_of_row: NDArray[np.int64],
    clip: NDArray[np.int64],
    label: NDArray[np.int64],
    row_scores: tuple[Tensor, Tensor],
    reached: NDArray[np.bool_],
    window: int,
) -> Counts:
    """Count the frames and events of the test split that are judged, and those that are not.

    Args:
        rows: the test split.
        frame_of_row: (N,) index of each row's frame.
        clip: (F,) clip of each frame of the split, ascending.
        label: (F,) 1 = abnormal.
        row_scores: (N,) primary and second score of each row, NaN for rows without one.
        reached: (F,) bool: somebody has a primary score in the frame, or had one that is recent enough.
        window: rows of the model's windows, 1 for a frame model.
    """
    first, second = ((~score.isnan()).cpu().numpy() for score in row_scores)
    total, in_window = len(label), first | second
    people = np.bincount(frame_of_row, minlength=total)
    judged, covered = (np.bincount(frame_of_row[known], minlength=total) for known in (first, in_window))
    empty = (people == 0) & ~reached
    evaluated = empty | reached | (covered > 0)
    longest = _longest_windows(rows, frame_of_row, total, window)
    starts, stops = _events(clip, label)
    events = [(slice(a, b), bool(judged[a:b].any())) for a, b in zip(starts, stops, strict=True)]
    return Counts(
        frames=int(evaluated.sum()),
        abnormal=int(label[evaluated].sum()),
        empty=int(empty.sum()),
        empty_abnormal=int(label[empty].sum()),
        scored=int((empty | reached).sum()),
        held=int((reached & (judged == 0)).sum()),
        partly=int(((judged > 0) & (judged < people)).sum()),
        left_out=int((~evaluated).sum()),
        left_out_abnormal=int(label[~evaluated].sum()),
        rows_left_out=int((~in_window).sum()),
        clips=len(np.unique(clip[evaluated])),
        clips_left_out=len(np.unique(rows.clip)) - len(np.unique(rows.clip[in_window])),
        windows=len(rows.starts),
        events=len(events),
        unjudged=tuple(sorted((int(longest[frames].max()) for frames, seen in events if not seen), reverse=True)),
    )


def _longest_windows(rows: EvalIndex, frame_of_row: NDArray[np.int64], frames: int, window: int) -> NDArray[np.int64]:
    """Longest window of successive rows, (F,), that would give each frame a primary score; 0 without people."""
    segments = find_segments(rows.clip, rows.track, rows.frame)
    length = np.repeat(segments.length, segments.length)
    since = np.arange(len(length)) - np.repeat(segments.first, segments.length) + 1
    longest = np.zeros(frames, np.int64)
    np.maximum.at(longest, frame_of_row, length if window == 1 else since)
    return longest


def _events(clip: NDArray[np.int64], label: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First index and one past the last of each span of successive abnormal frames of a clip."""
    change = np.flatnonzero((np.diff(label) != 0) | (np.diff(clip) != 0)) + 1
    starts, stops = np.append(0, change), np.append(change, len(label))
    abnormal = label[starts] == 1
    return starts[abnormal], stops[abnormal]
