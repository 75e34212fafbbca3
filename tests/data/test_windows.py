"""Segments and windows against brute force."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skelmap.data.windows import Segments, find_segments, window_length, window_starts
from skelmap.utils.errors import UserError

Rows = list[tuple[int, int, int]]
rows_of_people = st.sets(st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(0, 15)), max_size=60).map(sorted)


def columns(rows: Rows) -> list[np.ndarray]:
    return list(np.array(rows, np.int32).reshape(-1, 3).T)


def is_window(rows: Rows) -> bool:
    """Whether these rows are successive frames of one person of one clip."""
    clip, track, frame = rows[0]
    return rows == [(clip, track, frame + i) for i in range(len(rows))]


@given(rows_of_people, st.integers(1, 6))
def test_windows_are_exactly_the_successive_frames_of_one_person(rows: Rows, window: int) -> None:
    starts = window_starts(find_segments(*columns(rows)), window)
    expected = [i for i in range(len(rows) - window + 1) if is_window(rows[i : i + window])]
    assert starts.tolist() == expected


@given(rows_of_people, st.integers(1, 5), st.integers(1, 5))
def test_a_stride_counts_from_the_start_of_each_segment(rows: Rows, window: int, stride: int) -> None:
    segments = find_segments(*columns(rows))
    expected = [
        first + offset
        for first, length in zip(*segments, strict=True)
        for offset in range(0, length - window + 1, stride)
    ]
    assert window_starts(segments, window, stride).tolist() == expected


@given(rows_of_people)
def test_segments_cover_every_row_once_and_cannot_be_joined(rows: Rows) -> None:
    segments = find_segments(*columns(rows))
    covered = [row for first, length in zip(*segments, strict=True) for row in range(first, first + length)]
    assert covered == list(range(len(rows)))
    assert all(is_window(rows[f : f + n]) for f, n in zip(*segments, strict=True))
    assert not any(is_window([rows[f - 1], rows[f]]) for f in segments.first[1:])


def test_the_length_is_given_in_frames_or_in_seconds_of_the_clock() -> None:
    assert [window_length(None, 2.0, fps) for fps in (15.0, 29.97, 30.0)] == [30, 60, 60]
    assert (window_length(16, None, 30.0), window_length(None, None, 15.0)) == (16, 30)
    with pytest.raises(UserError, match=r"data\.seq_len=16 data\.seconds=2: allowed is one of them"):
        window_length(16, 2.0, 30.0)
    with pytest.raises(UserError, match=r"data\.seconds=0\.01; allowed at 15 frames a second: 0\.067 to 666\.7"):
        window_length(None, 0.01, 15.0)


def test_at_least_keeps_long_segments() -> None:
    segments = Segments(np.array([0, 3, 8]), np.array([3, 5, 2])).at_least(3)
    assert (segments.first.tolist(), segments.length.tolist()) == ([0, 3], [3, 5])
