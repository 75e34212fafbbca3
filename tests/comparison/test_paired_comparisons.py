"""Paired comparisons: which settings are compared, and their differences, intervals and p-values."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from skelmap.comparison.comparison import compare_runs
from skelmap.comparison.pairwise import compare_pairs
from skelmap.comparison.swept_keys import SweptKeys
from skelmap.evaluation.bootstrap import RESAMPLES, holm, seed_weights, unit_weights
from synthetic_sweeps import (
    auroc_of_repeated_frames,
    compare_two_models,
    find_group,
    make_frames,
    write_run,
    write_scores,
)


def test_paired_bootstrap_against_loops(tmp_path: Path) -> None:
    comparison = compare_two_models(tmp_path)
    (pair,) = [pair for pair in comparison.pairs if (pair.first, pair.second) == ("AE, averaged", "LSTM-VAE, window")]
    first = find_group(comparison, model="AE", score_type="averaged")
    second = find_group(comparison, model="LSTM-VAE", score_type="window")
    clips, seeds = unit_weights(6, 0)[:150], seed_weights(3, 0)[:150]
    frames = first.runs[0].scores.frames
    for b in range(150):
        differences = [
            auroc_of_repeated_frames(y.scores.by_type["window"], frames.label, frames.clip, clips[b])
            - auroc_of_repeated_frames(x.scores.by_type["averaged"], frames.label, frames.clip, clips[b])
            for x, y in zip(first.runs, second.runs, strict=True)
        ]
        assert (second.replicates - first.replicates)[b] == pytest.approx(np.dot(seeds[b], differences))
    assert pair.difference == pytest.approx(np.mean(second.aurocs) - np.mean(first.aurocs))
    assert (pair.low, pair.high) == pytest.approx(np.quantile(second.replicates - first.replicates, [0.025, 0.975]))
    assert pair.seeds == 3


def test_which_models_are_compared(tmp_path: Path) -> None:
    """First score types with each other, second ones with each other, and both of a model; smoothed scores never."""
    for model in ("ae", "vae", "lstm_vae"):
        for seed in range(2):
            write_run(tmp_path / f"{model}{seed}", model, seed, effect={"ae": 1.0, "vae": 0.3, "lstm_vae": 2.0}[model])
    comparison = compare_runs(tmp_path)
    assert {(pair.key, pair.first, pair.second) for pair in comparison.pairs} == {
        ("model", "VAE, frame", "AE, frame"),
        ("model", "VAE, averaged", "AE, averaged"),
        ("model", "AE, frame", "LSTM-VAE, online"),
        ("model", "AE, averaged", "LSTM-VAE, window"),
        ("model", "VAE, frame", "LSTM-VAE, online"),
        ("model", "VAE, averaged", "LSTM-VAE, window"),
        ("score_type", "AE, frame", "AE, averaged"),
        ("score_type", "VAE, frame", "VAE, averaged"),
        ("score_type", "LSTM-VAE, online", "LSTM-VAE, window"),
    }
    assert {pair.family_size for pair in comparison.pairs} == {9}
    assert [pair.p_holm for pair in comparison.pairs] == pytest.approx(holm([pair.p for pair in comparison.pairs]))


def test_settings_that_differ_in_one_key_are_compared(tmp_path: Path) -> None:
    for size in (14, 28, 56):
        for resample in ("area", "bilinear"):
            write_run(
                tmp_path / f"{size}{resample}", "lstm_vae", 0, {"data.img_size": size, "data.maps.resample": resample}
            )
    comparison = compare_runs(tmp_path)
    online = [pair for pair in comparison.pairs if pair.shared.get("model") == "LSTM-VAE, online"]
    sizes = [pair for pair in online if pair.key == "data.img_size"]
    assert {(pair.first, pair.second, pair.shared["data.maps.resample"]) for pair in sizes} == {
        (*values, resample)
        for values in (("14", "28"), ("14", "56"), ("28", "56"))
        for resample in ("area", "bilinear")
    }
    resamples = [pair for pair in online if pair.key == "data.maps.resample"]
    assert [pair.shared["data.img_size"] for pair in resamples] == ["14", "28", "56"]
    assert {pair.family_size for pair in resamples} == {6} and len(online) == 9 and len(comparison.pairs) == 24


def test_too_many_comparisons_are_averaged_over_the_other_numeric_keys(tmp_path: Path) -> None:
    for size in (14, 28):
        for t in (10, 20, 30):
            write_run(tmp_path / f"{size},{t}", "ae", 0, {"data.img_size": size, "data.seq_len": t})
    comparison = compare_runs(tmp_path)
    pairs, _ = compare_pairs(comparison.groups, comparison.keys, max_comparisons=5)
    sizes = [pair for pair in pairs if pair.key == "data.img_size"]
    assert [pair.shared["data.seq_len"] for pair in sizes] == ["10, 20, 30"] * 2  # frame and averaged
    frame = [g for g in comparison.groups if g.score_type == "frame"]
    means = [np.mean([g.aurocs for g in frame if g["data.img_size"] == size]) for size in (14, 28)]
    assert [sizes[0].first_mean, sizes[0].second_mean] == pytest.approx(means)


def test_different_data_sets_are_never_compared(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_run(tmp_path / name, "lstm_vae", data=f"x/{name}/manifest.csv")
    comparison = compare_runs(tmp_path)
    assert comparison.keys.swept == ("data",) and {pair.key for pair in comparison.pairs} == {"score_type"}


def test_a_comparison_uses_the_frames_and_seeds_that_both_settings_have(tmp_path: Path) -> None:
    """The second setting scores clips 0 to 3 only, has other frames in clip 4, and lacks a seed."""
    rng = np.random.default_rng(0)
    names, clip, frame, label = make_frames(6, 40)
    keep = (clip < 4) | ((clip == 4) & (frame % 3 > 0))
    scores = {}
    for size, mask, seeds in ((14, np.ones(len(clip), bool), range(3)), (28, keep, range(1, 4))):
        for seed in seeds:
            score = label + rng.normal(0, 1, len(label))
            folder = write_run(tmp_path / f"{size},{seed}", "ae", seed, {"data.img_size": size})
            scores[size, seed] = score
            write_scores(folder, names, clip[mask], frame[mask], label[mask], score=score[mask], averaged=score[mask])
    comparison = compare_runs(tmp_path)
    pair = next(pair for pair in comparison.pairs if pair.key == "data.img_size")
    assert pair.seeds == 2
    for size, value in ((14, pair.first_mean), (28, pair.second_mean)):
        assert value == pytest.approx(np.mean([roc_auc_score(label[keep], scores[size, s][keep]) for s in (1, 2)]))
    whole = next(g for g in comparison.groups if g["data.img_size"] == 14)
    assert whole.estimate.mean == pytest.approx(np.mean([roc_auc_score(label, scores[14, s]) for s in range(3)]))


def test_equal_scores_do_not_differ(tmp_path: Path) -> None:
    for size in (14, 28):
        folder = write_run(tmp_path / str(size), "ae", 0, {"data.img_size": size})
        (folder / "scores.csv").write_bytes((tmp_path / "14" / "scores.csv").read_bytes())
    comparison = compare_runs(tmp_path)
    for pair in comparison.pairs:
        if pair.key == "data.img_size":
            assert (pair.difference, pair.low, pair.high, pair.p) == (0, 0, 0, 1)


def test_frame_rates_are_compared_on_all_frames_of_each(tmp_path: Path) -> None:
    """Frame 20 is another moment at another rate: at half the rate the same clip has half as many frames."""
    for fps, frames in ((15.0, 60), (30.0, 120)):
        write_run(tmp_path / f"{fps}", "lstm_vae", 0, {"data.fps": fps}, frames=frames)
    comparison = compare_runs(tmp_path)
    (pair,) = [pair for pair in comparison.pairs if pair.shared.get("model") == "LSTM-VAE, window"]
    slow, fast = (find_group(comparison, data__fps=fps, score_type="window") for fps in (15.0, 30.0))
    assert pair.key == "data.fps"
    assert pair.difference == pytest.approx(fast.aurocs[0] - slow.aurocs[0])
    assert (pair.low, pair.high) == pytest.approx(np.quantile(fast.replicates - slow.replicates, [0.025, 0.975]))


def test_a_clear_difference_is_found(tmp_path: Path) -> None:
    for size, effect in ((14, 0.3), (28, 3.0)):
        for seed in range(3):
            write_run(tmp_path / f"{size},{seed}", "lstm_vae", seed, {"data.img_size": size}, effect=effect, clips=10)
    pair = next(pair for pair in compare_runs(tmp_path).pairs if pair.key == "data.img_size")
    assert pair.low > 0 and pair.p == 2 / (RESAMPLES + 1)


def test_no_groups_give_no_comparison() -> None:
    assert compare_pairs([], SweptKeys((), (), {})) == ([], [])
