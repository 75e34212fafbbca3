"""Runs that differ only in the seed: their AUROC, intervals and averages."""

import json
from pathlib import Path

import numpy as np
import pytest

from skelmap.comparison.comparison import compare_runs
from skelmap.comparison.groups import marginal_estimates, pooled_estimate
from skelmap.comparison.tables import method_note
from skelmap.evaluation.bootstrap import TOO_FEW_CLIPS, auroc_interval
from skelmap.utils.errors import UserError
from synthetic_sweeps import compare_two_models, find_group, make_frames, write_run, write_scores


def test_each_score_type_is_a_group(tmp_path: Path) -> None:
    comparison = compare_two_models(tmp_path)
    found = [(g["model"], g.score_type, g.primary, len(g.runs)) for g in comparison.groups]
    assert found == [
        ("LSTM-VAE", "online", True, 3),
        ("LSTM-VAE", "window", False, 3),
        ("LSTM-VAE", "smoothed", False, 3),
        ("AE", "frame", True, 3),
        ("AE", "averaged", False, 3),
        ("AE", "smoothed", False, 3),
    ]
    for g in comparison.groups:
        for run, value in zip(g.runs, g.aurocs, strict=True):
            name = "" if g.primary or g.score_type == "smoothed" else f"_{g.score_type}"
            assert value == pytest.approx(run.metrics[f"auroc{name}"])
        assert g.estimate.mean == pytest.approx(np.mean(g.aurocs))
        assert g.seed_deviation == pytest.approx(np.std(g.aurocs, ddof=1))
        assert g.estimate.low < g.estimate.mean < g.estimate.high


def test_people_are_resampled_if_metrics_json_names_them(tmp_path: Path) -> None:
    """The interval equals that of the evaluation; clips without a person are units of their own."""
    folder = write_run(tmp_path / "a", clips=12)
    path = folder / "metrics.json"
    people = {f"test_{i:02}": f"person {i % 5}" for i in range(12)}
    path.write_text(json.dumps({**json.loads(path.read_text()), "groups": people}))
    comparison = compare_runs(tmp_path)
    estimate, run = comparison.groups[0].estimate, comparison.groups[0].runs[0]
    frames = run.scores.frames
    expected = auroc_interval(run.scores.by_type["frame"], frames.label, frames.clip % 5, 0)
    assert (estimate.low, estimate.high) == pytest.approx(expected[:2])
    assert "5 groups" in method_note(comparison)
    path.write_text(json.dumps({**json.loads(path.read_text()), "groups": {"test_00": 3}}))
    with pytest.raises(UserError, match=r"metrics\.json: groups=.*allowed"):
        compare_runs(tmp_path)


def test_the_reason_for_a_missing_interval_is_given(tmp_path: Path) -> None:
    write_run(tmp_path / "one", "ae", 0, {"data.img_size": 14}, clips=4, frames=30, data="x/d/manifest.csv")
    names, clip, frame, label = make_frames(1, 40)
    score = label + np.linspace(0, 1, 40)
    folder = write_run(tmp_path / "two", "ae", 0, {"data.img_size": 28}, data="x/single/manifest.csv")
    write_scores(folder, names, clip, frame, label, score=score, averaged=score)
    folder = write_run(tmp_path / "three", "ae", 0, {"data.img_size": 56}, data="x/normal/manifest.csv")
    write_scores(folder, names, clip, frame, 0 * label, score=score, averaged=score)
    reasons = {
        g["data"]: (g.estimate.mean is None, g.estimate.reason) for g in compare_runs(tmp_path).groups if g.primary
    }
    assert reasons["d (simulated)"] == (False, "")
    assert reasons["single (simulated)"] == (False, TOO_FEW_CLIPS)
    assert reasons["normal (simulated)"] == (True, "normal or abnormal frames only; an AUROC needs both")


def test_of_repeated_runs_the_last_by_name_is_used(tmp_path: Path) -> None:
    write_run(tmp_path / "monday", "ae", 0, effect=0)
    write_run(tmp_path / "tuesday", "ae", 0, effect=2)
    comparison = compare_runs(tmp_path)
    assert [run.name for run in comparison.groups[0].runs] == ["tuesday"]
    assert comparison.notes == ["monday: left out, tuesday has the same setting and seed"]


def test_marginal_estimates_average_over_settings_that_all_points_share(tmp_path: Path) -> None:
    for size, t in ((14, 10), (14, 30), (28, 10), (28, 30), (56, 30)):
        write_run(tmp_path / f"{size},{t}", "lstm_vae", 0, {"data.img_size": size, "data.seq_len": t})
    comparison = compare_runs(tmp_path)
    groups = [g for g in comparison.groups if g.primary]
    (line,) = marginal_estimates(groups, ["data.img_size"], ["model"], comparison.keys).values()
    assert list(line) == [(14,), (28,), (56,)]
    for (size,), estimate in line.items():  # the size 56 has no run with T = 10
        assert estimate == find_group(comparison, data__img_size=size, data__seq_len=30, score_type="online").estimate
    (line,) = marginal_estimates(groups, ["data.seq_len"], ["model"], comparison.keys).values()
    at_10 = [g for g in groups if g["data.seq_len"] == 10]
    assert line[10,] == pooled_estimate(at_10)
    assert line[10,].mean == pytest.approx(np.mean([g.aurocs for g in at_10]))


def test_the_interval_depends_on_the_seed(tmp_path: Path) -> None:
    compare_two_models(tmp_path)
    one, same, other = (compare_runs(tmp_path, seed).groups[0].estimate for seed in (1, 1, 2))
    assert one == same and one != other
