import numpy as np
import pytest
import torch
from evaluation_cases import covered_rows, plausible, random_rows, recording, rows_of, three_clips, window_scores
from hypothesis import given, settings
from hypothesis import strategies as st

from skelmap.data.windows import EvalIndex
from skelmap.evaluation.frames import Predictions, frame_scores
from skelmap.utils.errors import UserError


def loops(predictions: Predictions, rows: EvalIndex) -> dict[tuple[str, int], tuple[int, float, float]]:
    """Score frames with plain loops: (clip, frame) -> (label, score, variant)."""
    t, step = rows.seq_len, rows.frame_step
    given = dict(zip(predictions.start.tolist(), predictions.score.double().tolist(), strict=True))
    windows = {
        s: given[s] if predictions.window > 1 else float(np.mean([given[s + k * step] for k in range(t)]))
        for s in rows.starts
    }
    score, variant = {}, {}
    for row in range(len(rows.clip)):
        covering = [windows[row - k * step] for k in range(t) if row - k * step in windows]
        if not covering:
            continue
        mean = float(np.mean(covering))
        if predictions.window > 1:
            score[row], variant[row] = mean, windows.get(row - (t - 1) * step)
        else:
            score[row], variant[row] = given[row], mean
    table: dict[tuple[str, int], tuple[int, float, float]] = {}
    lowest = [None, None]
    for clip, (first, stop) in enumerate(rows.spans):
        for frame in range(first, stop):
            here = [r for r in range(len(rows.clip)) if (rows.clip[r], rows.frame[r]) == (clip, frame)]
            label = int(rows.recordings[clip].labels(np.array([frame]))[0])
            if not here:
                values = [-np.inf, -np.inf]
            else:
                found = [[d[r] for r in here if d.get(r) is not None] for d in (score, variant)]
                if not found[0]:
                    continue
                values = [max(f) if f else np.nan for f in found]
            table[rows.recordings[clip].clip, frame] = (label, *values)
    for k in (1, 2):
        lowest = min(v[k] for v in table.values() if np.isfinite(v[k]))
        table = {
            key: tuple(lowest if i == k and x == -np.inf else x for i, x in enumerate(v)) for key, v in table.items()
        }
    return table


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), seq_len=st.integers(2, 12), frame_model=st.booleans(), step=st.integers(1, 4))
def test_frame_scores_equal_plain_loops(seed: int, seq_len: int, frame_model: bool, step: int) -> None:
    rng = np.random.default_rng(seed)
    rows = random_rows(rng, seq_len, step)
    if not len(rows.starts):
        with pytest.raises(UserError, match="nothing to judge"):
            frame_scores(Predictions(torch.empty(0, dtype=torch.long), torch.empty(0), None, seq_len), rows)
        return
    start = rng.permutation(covered_rows(rows) if frame_model else rows.starts)
    score = rng.normal(50, 20, len(start))
    predictions = Predictions(torch.tensor(start), torch.tensor(score), None, 1 if frame_model else seq_len)
    table, expected = frame_scores(predictions, rows), loops(predictions, rows)
    names = [table.clips[c] for c in table.clip.tolist()]
    assert list(zip(names, table.frame.tolist(), strict=True)) == sorted(expected, key=lambda k: (int(k[0][4:]), k[1]))
    found = np.stack([table.label.numpy(), table.score.numpy(), table.variant.numpy()], axis=1)
    np.testing.assert_allclose(found, np.array([expected[k] for k in zip(names, table.frame.tolist(), strict=True)]))


def test_people_gaps_empty_frames_and_short_runs_are_counted() -> None:
    # Frames 0-9 one person, 5-11 another, 12-14 nobody, 15-17 a run shorter than T, 18-19 nobody; then a clip too
    # short, and one in which nobody is ever seen.
    rows = rows_of(
        [[(0, 10), (5, 12), (15, 18)], [(0, 3)], []],
        [(0, 20), (0, 3), (0, 4)],
        [recording("a", ((8, 16),)), recording("short"), recording("empty")],
        seq_len=4,
    )
    table = frame_scores(window_scores(rows, np.arange(len(rows.starts), dtype=float)), rows)
    counts = table.counts.as_dict()
    assert counts == dict(
        frames=21,
        abnormal=7,
        nobody=9,
        left_out=6,
        left_out_abnormal=1,
        rows_left_out=6,
        clips=2,
        clips_left_out=1,
        windows=11,
    )
    assert table.score[table.nobody].unique().tolist() == [table.score.min()]

    assert table.score[6] == pytest.approx((7 + 8) / 2)  # frame 6: the second person's windows 5 and 6 cover it


def test_order_and_repetition_of_windows_change_nothing() -> None:
    rows = three_clips()
    predictions = plausible(rows, window=10)
    again = torch.cat([torch.arange(len(predictions.start)).flip(0), torch.arange(7)])
    shuffled = Predictions(predictions.start[again], predictions.score[again], None, 10)
    one, other = frame_scores(predictions, rows), frame_scores(shuffled, rows)
    assert torch.equal(one.score, other.score)
    assert torch.equal(one.variant.nan_to_num(), other.variant.nan_to_num())


@pytest.mark.parametrize("window", [1, 10])
def test_equal_scores_stay_equal(window: int) -> None:
    rows = three_clips()
    start = torch.tensor(rows.starts if window > 1 else covered_rows(rows))
    table = frame_scores(Predictions(start, torch.full((len(start),), 0.1), None, window), rows)
    assert table.score.unique().tolist() == [float(np.float32(0.1))]
    assert len(table.variant[~table.variant.isnan()].unique()) == 1


def test_lost_and_unasked_windows_are_refused() -> None:
    rows = three_clips()
    good = plausible(rows, window=10)
    with pytest.raises(ValueError, match="572 windows, but the test split has 573"):
        frame_scores(Predictions(good.start[1:], good.score[1:], None, 10), rows)
    with pytest.raises(ValueError, match="windows of 7 rows"):
        frame_scores(Predictions(good.start, good.score, None, 7), rows)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_broken_scores_name_count_and_clip(value: float) -> None:
    rows = three_clips()
    good = plausible(rows, window=10)
    score = good.score.clone()
    score[(good.start >= 200) & (good.start < 203)] = value
    with pytest.raises(UserError, match=r"3 of 573 test scores are NaN or infinite, in clip saw;"):
        frame_scores(Predictions(good.start, score, None, 10), rows)


def test_absurd_frame_numbers_are_refused_before_memory_is_taken() -> None:
    rows = rows_of([[(0, 10)]], [(0, 2**31)], [recording("far")], seq_len=4)
    with pytest.raises(UserError, match="far alone 2147483648"):
        frame_scores(window_scores(rows, np.zeros(7)), rows)


def test_half_precision_scores_are_taken_as_they_are() -> None:
    rows = three_clips()
    good = plausible(rows, window=10)
    half = Predictions(good.start, good.score.half(), None, 10)
    same = Predictions(good.start, good.score.half().double(), None, 10)
    assert torch.equal(frame_scores(half, rows).score, frame_scores(same, rows).score)
