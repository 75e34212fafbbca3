import numpy as np
import pytest
import torch
from evaluation_cases import covered_rows, plausible, recording, rows_of, three_clips

from skelmap.evaluation.examples import pick_windows, sample_latents
from skelmap.evaluation.frames import Predictions


def test_picks_are_pure_windows_at_the_quantiles_of_their_class() -> None:
    rows = three_clips()
    predictions = plausible(rows, 10)
    picks = pick_windows(predictions, rows)
    by_start = dict(zip(predictions.start.tolist(), predictions.score.tolist(), strict=True))
    label = np.concatenate([r.labels(np.arange(200)) for r in rows.recordings])
    assert picks.label.tolist() == [0, 0, 0, 1, 1, 1]
    for value in (0, 1):
        pure = [s for s in rows.starts if (label[s : s + 10] == value).all()]
        ordered = sorted(pure, key=lambda s: by_start[s])
        expected = [ordered[round(q * (len(pure) - 1))] for q in (0.1, 0.5, 0.9)]
        assert picks.start[picks.label == value].tolist() == expected
    np.testing.assert_array_equal(picks.score, [by_start[s] for s in picks.start])


def test_a_frame_models_window_has_the_mean_of_its_rows() -> None:
    rows = three_clips()
    predictions = plausible(rows, 1)
    by_row = dict(zip(predictions.start.tolist(), predictions.score.tolist(), strict=True))
    picks = pick_windows(predictions, rows)
    means = [np.mean([by_row[s + k] for k in range(10)]) for s in picks.start]
    np.testing.assert_allclose(picks.score, means)


@pytest.mark.parametrize("window", [1, 10])
def test_windows_of_every_third_frame_are_pure_from_end_to_end(window: int) -> None:
    rows = rows_of([[(0, 200)]], [(0, 200)], [recording("a", ((100, 110), (130, 200)))], 10, frame_step=3)
    predictions = plausible(rows, window)
    picks = pick_windows(predictions, rows)
    assert picks.label.tolist() == [0, 0, 0, 1, 1, 1]
    assert all(start <= 72 for start in picks.start[:3]) and all(start >= 130 for start in picks.start[3:])
    given = dict(zip(predictions.start.tolist(), predictions.score.tolist(), strict=True))
    scores = [given[s] if window > 1 else np.mean([given[s + 3 * k] for k in range(10)]) for s in picks.start]
    np.testing.assert_allclose(picks.score, scores)
    assert picks.title[0] == f"a, frames {picks.start[0]}–{picks.start[0] + 27}"


def test_titles_name_clip_frames_and_work() -> None:
    rows = rows_of([[(5, 20)]], [(0, 30)], [recording("shed", (), (("saw", (0, 30)),))], 15)
    picks = pick_windows(plausible(rows, 15), rows)
    assert picks.title == ("shed, frames 5–19, saw",)
    assert picks.label.tolist() == [0]


def test_latents_stay_with_their_windows() -> None:
    rows = three_clips()
    start = np.random.default_rng(0).permutation(rows.starts)
    mu = torch.tensor(np.stack([start, -start], axis=1), dtype=torch.float32)
    latents = sample_latents(Predictions(torch.tensor(start), torch.zeros(len(start)), mu, 10), rows)
    assert latents is not None
    middle = latents.mu[:, 0].astype(int) + 5
    label = np.concatenate([r.labels(np.arange(200)) for r in rows.recordings])
    np.testing.assert_array_equal(latents.label, label[middle])
    assert latents.work == tuple(np.repeat(["cut", "saw", "run"], 200)[middle])
    assert len(np.unique(middle)) == len(start)


def test_at_most_2000_latents_the_same_for_the_same_seed() -> None:
    rows = three_clips(length=1500)
    predictions = plausible(rows, 1, latents=3)
    one, again, other = (sample_latents(predictions, rows, seed) for seed in (0, 0, 1))
    assert one is not None and again is not None and other is not None
    assert one.mu.shape == (2000, 3)
    np.testing.assert_array_equal(one.mu, again.mu)
    assert not np.array_equal(one.mu, other.mu)


def test_no_latents_no_sample() -> None:
    rows = three_clips()
    row = covered_rows(rows)
    assert sample_latents(Predictions(torch.tensor(row), torch.zeros(len(row)), None, 1), rows) is None
