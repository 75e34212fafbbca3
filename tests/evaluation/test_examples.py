import numpy as np
import torch

from evaluation_inputs import covered_rows, make_recording, make_rows, noisy_predictions, three_clips
from skelmap.evaluation.examples import pick_windows, sample_latents
from skelmap.evaluation.frame_scores import Predictions


def test_examples_are_windows_of_one_class_at_its_quantiles() -> None:
    rows = three_clips()
    predictions = noisy_predictions(rows, 10)
    examples = pick_windows(predictions, rows)
    by_start = dict(zip(predictions.start.tolist(), predictions.score.tolist(), strict=True))
    label = np.concatenate([r.labels(np.arange(200)) for r in rows.recordings])
    assert examples.label.tolist() == [0, 0, 0, 1, 1, 1]
    for value in (0, 1):
        one_class = [s for s in rows.starts if (label[s : s + 10] == value).all()]
        ordered = sorted(one_class, key=lambda s: by_start[s])
        expected = [ordered[round(q * (len(one_class) - 1))] for q in (0.1, 0.5, 0.9)]
        assert examples.start[examples.label == value].tolist() == expected
    np.testing.assert_array_equal(examples.score, [by_start[s] for s in examples.start])


def test_the_score_of_a_frame_models_window_is_the_mean_of_its_rows() -> None:
    rows = three_clips()
    predictions = noisy_predictions(rows, 1)
    by_row = dict(zip(predictions.start.tolist(), predictions.score.tolist(), strict=True))
    examples = pick_windows(predictions, rows)
    means = [np.mean([by_row[s + k] for k in range(10)]) for s in examples.start]
    np.testing.assert_allclose(examples.score, means)


def test_titles_name_clip_frames_and_action() -> None:
    rows = make_rows([[(5, 20)]], [(0, 30)], [make_recording("shed", (), (("saw", (0, 30)),))], 15)
    examples = pick_windows(noisy_predictions(rows, 15), rows)
    assert examples.title == ("shed, frames 5–19, saw",)
    assert examples.label.tolist() == [0]


def test_latents_keep_label_and_action_of_their_window() -> None:
    rows = three_clips()
    start = np.random.default_rng(0).permutation(rows.starts)
    mu = torch.tensor(np.stack([start, -start], axis=1), dtype=torch.float32)
    latents = sample_latents(Predictions(torch.tensor(start), torch.zeros(len(start)), mu, 10), rows)
    assert latents is not None
    middle = latents.mu[:, 0].astype(int) + 5
    label = np.concatenate([r.labels(np.arange(200)) for r in rows.recordings])
    np.testing.assert_array_equal(latents.label, label[middle])
    assert latents.action == tuple(np.repeat(["cut", "saw", "run"], 200)[middle])
    assert len(np.unique(middle)) == len(start)


def test_at_most_2000_latents_the_same_for_the_same_seed() -> None:
    rows = three_clips(length=1500)
    predictions = noisy_predictions(rows, 1, latents=3)
    one, again, other = (sample_latents(predictions, rows, seed) for seed in (0, 0, 1))
    assert one is not None and again is not None and other is not None
    assert one.mu.shape == (2000, 3)
    np.testing.assert_array_equal(one.mu, again.mu)
    assert not np.array_equal(one.mu, other.mu)


def test_models_without_latents_have_no_sample() -> None:
    rows = three_clips()
    row = covered_rows(rows)
    assert sample_latents(Predictions(torch.tensor(row), torch.zeros(len(row)), None, 1), rows) is None
