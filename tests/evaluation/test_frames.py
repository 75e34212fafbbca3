from dataclasses import asdict

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation_inputs import (
    covered_rows,
    make_recording,
    make_rows,
    noisy_predictions,
    random_rows,
    three_clips,
    window_predictions,
)
from skelmap.data.windows import EvalIndex
from skelmap.evaluation.frame_scores import Predictions, frame_scores
from skelmap.utils.errors import UserError


def score_by_loops(predictions: Predictions, rows: EvalIndex) -> dict[tuple[str, int], tuple[float, ...]]:
    """Score frames with plain loops: (clip, frame) -> (label, score, variant, smoothed)."""
    t = rows.seq_len
    scores = dict(zip(predictions.start.tolist(), predictions.score.double().tolist(), strict=True))
    windows = {
        s: scores[s] if predictions.window > 1 else float(np.mean([scores[s + k] for k in range(t)]))
        for s in rows.starts
    }
    score, variant, smoothed = {}, {}, {}
    for row in range(len(rows.clip)):
        covering = [windows[row - k] for k in range(t) if row - k in windows]
        if covering and predictions.window > 1:
            score[row], variant[row] = windows.get(row - t + 1), float(np.mean(covering))
        elif covering:
            score[row], variant[row] = scores[row], float(np.mean(covering))
    for row, own in score.items():
        last = [
            other
            for r, other in score.items()
            if (rows.clip[r], rows.track[r]) == (rows.clip[row], rows.track[row])
            and 0 <= rows.frame[row] - rows.frame[r] < rows.fps
            and other is not None
        ]
        smoothed[row] = None if own is None else float(np.mean(last))
    table: dict[tuple[str, int], list[float]] = {}
    for clip, (first, stop) in enumerate(rows.spans):
        for frame in range(first, stop):
            here = [r for r in range(len(rows.clip)) if (rows.clip[r], rows.frame[r]) == (clip, frame)]
            known = [
                last_scores(score, rows, clip, frame),
                [variant[row] for row in here if row in variant],
                last_scores(smoothed, rows, clip, frame),
            ]
            if not here or known[0] or known[1]:
                label = int(rows.recordings[clip].labels(np.array([frame]))[0])
                values = [max(k) if k else np.nan if here else -np.inf for k in known]
                table[rows.recordings[clip].clip, frame] = [label, *values]
    for column in (1, 2, 3):
        lowest = min(line[column] for line in table.values() if np.isfinite(line[column]))
        for line in table.values():
            line[column] = lowest if line[column] == -np.inf else line[column]
    return {key: tuple(line) for key, line in table.items()}


def last_scores(scores: dict[int, float | None], rows: EvalIndex, clip: int, frame: int) -> list[float]:
    """The last score of each person of a clip, if it is at most two seconds old."""
    last: dict[int, tuple[int, float]] = {}
    for row, score in scores.items():
        if rows.clip[row] == clip and 0 <= frame - rows.frame[row] <= 2 * rows.fps and score is not None:
            last[rows.track[row]] = max(last.get(rows.track[row], (-1, 0.0)), (rows.frame[row], score))
    return [score for _, score in last.values()]


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), seq_len=st.integers(2, 12), frame_model=st.booleans())
def test_frame_scores_equal_plain_loops(seed: int, seq_len: int, frame_model: bool) -> None:
    rng = np.random.default_rng(seed)
    rows = random_rows(rng, seq_len)
    if not len(rows.starts):
        with pytest.raises(UserError, match="nothing to evaluate"):
            frame_scores(Predictions(torch.empty(0, dtype=torch.long), torch.empty(0), None, seq_len), rows)
        return
    start = rng.permutation(covered_rows(rows) if frame_model else rows.starts)
    score = rng.normal(50, 20, len(start))
    predictions = Predictions(torch.tensor(start), torch.tensor(score), None, 1 if frame_model else seq_len)
    table, expected = frame_scores(predictions, rows), score_by_loops(predictions, rows)
    names = [table.clips[c] for c in table.clip.tolist()]
    assert list(zip(names, table.frame.tolist(), strict=True)) == sorted(expected, key=lambda k: (int(k[0][4:]), k[1]))
    found = np.stack([c.numpy() for c in (table.label, table.score, table.variant, table.smoothed)], axis=1)
    np.testing.assert_allclose(found, np.array([expected[k] for k in zip(names, table.frame.tolist(), strict=True)]))


def test_people_gaps_empty_frames_and_short_segments_are_counted() -> None:
    # Frames 0-9 one person, 5-11 another, 12-14 no people, 15-17 a segment shorter than T, 18-19 no people; then a
    # clip that is too short, and one without people. At one frame a second, 12 and 13 have the score of 11.
    rows = make_rows(
        [[(0, 10), (5, 12), (15, 18)], [(0, 3)], []],
        [(0, 20), (0, 3), (0, 4)],
        [make_recording("a", ((8, 16), (18, 20))), make_recording("short", ((1, 3),)), make_recording("empty")],
        seq_len=4,
        fps=1.0,
    )
    table = frame_scores(window_predictions(rows, np.arange(len(rows.starts), dtype=float)), rows)
    assert asdict(table.counts) == dict(
        frames=21,
        abnormal=9,
        empty=7,
        empty_abnormal=3,
        scored=18,
        held=2,
        partly=3,
        left_out=6,
        left_out_abnormal=3,
        rows_left_out=6,
        clips=2,
        clips_left_out=1,
        windows=11,
        events=3,
        unjudged=(3, 0),
    )
    assert table.score[11:16].tolist() == [table.score[11]] * 3 + [table.score[~table.score.isnan()].min()] * 2
    assert table.score[:4].isnan().tolist() == [True] * 3 + [False]
    assert table.variant[6] == pytest.approx((7 + 8) / 2)  # frame 6: the second person's windows 5 and 6 cover it
    assert table.counts.message(4) == (
        "9 of 27 frames and 2 of 3 events come before anybody has been seen for 4 frames: they could not be judged; "
        "6 of these frames, 3 of them abnormal, have no score; data.seq_len=2 would judge 1 of these 2 events; "
        "3 abnormal frames show nobody and have the lowest score"
    )


def test_order_and_repetition_of_windows_change_nothing() -> None:
    rows = three_clips()
    predictions = noisy_predictions(rows, window=10)
    again = torch.cat([torch.arange(len(predictions.start)).flip(0), torch.arange(7)])
    shuffled = Predictions(predictions.start[again], predictions.score[again], None, 10)
    one, other = frame_scores(predictions, rows), frame_scores(shuffled, rows)
    for name in ("score", "variant", "smoothed"):
        assert torch.equal(getattr(one, name).nan_to_num(), getattr(other, name).nan_to_num())


@pytest.mark.parametrize("window", [1, 10])
def test_equal_scores_stay_equal(window: int) -> None:
    rows = three_clips()
    start = torch.tensor(rows.starts if window > 1 else covered_rows(rows))
    table = frame_scores(Predictions(start, torch.full((len(start),), 0.1), None, window), rows)
    for values in (table.score, table.variant, table.smoothed):
        assert values[~values.isnan()].unique().tolist() == [float(np.float32(0.1))]


def test_missing_windows_and_other_window_lengths_are_refused() -> None:
    rows = three_clips()
    good = noisy_predictions(rows, window=10)
    with pytest.raises(ValueError, match="572 windows; the test split has 573"):
        frame_scores(Predictions(good.start[1:], good.score[1:], None, 10), rows)
    with pytest.raises(ValueError, match="windows of 7 rows"):
        frame_scores(Predictions(good.start, good.score, None, 7), rows)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_error_for_broken_scores_names_count_and_clip(value: float) -> None:
    rows = three_clips()
    good = noisy_predictions(rows, window=10)
    score = good.score.clone()
    score[(good.start >= 200) & (good.start < 203)] = value
    with pytest.raises(UserError, match=r"3 of 573 test scores are NaN or infinite, in clip saw;"):
        frame_scores(Predictions(good.start, score, None, 10), rows)


def test_too_large_frame_numbers_are_refused_before_memory_is_allocated() -> None:
    rows = make_rows([[(0, 10)]], [(0, 2**31)], [make_recording("far")], seq_len=4)
    with pytest.raises(UserError, match="far alone 2147483648"):
        frame_scores(window_predictions(rows, np.zeros(7)), rows)


def test_half_precision_scores_are_not_rounded_further() -> None:
    rows = three_clips()
    good = noisy_predictions(rows, window=10)
    half = Predictions(good.start, good.score.half(), None, 10)
    same = Predictions(good.start, good.score.half().double(), None, 10)
    assert torch.equal(frame_scores(half, rows).variant, frame_scores(same, rows).variant)
