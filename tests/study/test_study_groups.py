import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score
from study_cases import config, frames_of, write_cell, write_scores
from test_study_bootstrap import repeated

from skelmap.comparison.comparison import Comparison, build_comparison
from skelmap.comparison.groups import Group, pooled, profile
from skelmap.comparison.pairwise import compare
from skelmap.comparison.tables import how
from skelmap.evaluation.bootstrap import RESAMPLES, TOO_FEW_CLIPS, auroc_interval, holm, seed_weights, unit_weights
from skelmap.utils.errors import UserError


def group(study: Comparison, **wanted: object) -> Group:
    (found,) = [g for g in study.groups if all(g[k.replace("__", ".")] == v for k, v in wanted.items())]
    return found


def two_models(folder: Path) -> Comparison:
    for seed in range(3):
        write_cell(folder / f"ae{seed}", "ae", seed, effect=0.6)
        write_cell(folder / f"lstm{seed}", "lstm_vae", seed, effect=1.2)
    return build_comparison(folder)


def test_scorings_stand_beside_each_other(tmp_path: Path) -> None:
    study = two_models(tmp_path)
    found = [(g["model"], g.scoring, g.primary, len(g.cells)) for g in study.groups]
    assert found == [
        ("LSTM-VAE", "window", True, 3),
        ("LSTM-VAE", "online", False, 3),
        ("AE", "frame", True, 3),
        ("AE", "averaged", False, 3),
    ]
    for g in study.groups:
        for cell, value in zip(g.cells, g.values, strict=True):
            name = "" if g.primary else f"_{g.scoring}"
            assert value == pytest.approx(cell.metrics[f"auroc{name}"])
        assert g.estimate.mean == pytest.approx(np.mean(g.values))
        assert g.seed_deviation == pytest.approx(np.std(g.values, ddof=1))
        assert g.estimate.low < g.estimate.mean < g.estimate.high
    assert [g.whole for g in study.groups] == [True, False, True, True]


def test_paired_bootstrap_against_loops(tmp_path: Path) -> None:
    study = two_models(tmp_path)
    (comparison,) = [c for c in study.comparisons if (c.first, c.second) == ("AE, averaged", "LSTM-VAE, window")]
    first, second = group(study, model="AE", scoring="averaged"), group(study, model="LSTM-VAE", scoring="window")
    clips, seeds = unit_weights(6, 0)[:150], seed_weights(3, 0)[:150]
    frames = first.cells[0].scores.frames
    for b in range(150):
        differences = [
            repeated(y.scores.by_scoring["window"], frames.label, frames.clip, clips[b])
            - repeated(x.scores.by_scoring["averaged"], frames.label, frames.clip, clips[b])
            for x, y in zip(first.cells, second.cells, strict=True)
        ]
        assert (second.draws - first.draws)[b] == pytest.approx(np.dot(seeds[b], differences))
    assert comparison.difference == pytest.approx(np.mean(second.values) - np.mean(first.values))
    assert (comparison.low, comparison.high) == pytest.approx(np.quantile(second.draws - first.draws, [0.025, 0.975]))
    assert comparison.seeds == 3


def test_people_are_resampled_where_a_run_names_them(tmp_path: Path) -> None:
    """As train.py does, and with the same outcome; clips of a person that no run names stand for themselves."""
    folder = write_cell(tmp_path / "a", clips=12)
    path = folder / "metrics.json"
    owner = {f"test_{i:02}": f"person {i % 5}" for i in range(12)}
    path.write_text(json.dumps({**json.loads(path.read_text()), "groups": owner}))
    study = build_comparison(tmp_path)
    estimate, cell = study.groups[0].estimate, study.groups[0].cells[0]
    frames = cell.scores.frames
    expected = auroc_interval(cell.scores.by_scoring["frame"], frames.label, frames.clip % 5, 0)
    assert (estimate.low, estimate.high) == pytest.approx(expected[:2])
    assert "5 groups" in how(study)
    path.write_text(json.dumps({**json.loads(path.read_text()), "groups": {"test_00": 3}}))
    with pytest.raises(UserError, match="groups is"):
        build_comparison(tmp_path)


def test_comparisons_of_models(tmp_path: Path) -> None:
    """Like with like between frame models; everything against the sequence model; online scores stay apart."""
    for model in ("ae", "vae", "lstm_vae"):
        for seed in range(2):
            write_cell(tmp_path / f"{model}{seed}", model, seed, effect={"ae": 1.0, "vae": 0.3, "lstm_vae": 2.0}[model])
    study = build_comparison(tmp_path)
    assert {(c.key, c.first, c.second) for c in study.comparisons} == {
        ("model", "VAE, frame", "AE, frame"),
        ("model", "VAE, averaged", "AE, averaged"),
        ("model", "AE, frame", "LSTM-VAE, window"),
        ("model", "AE, averaged", "LSTM-VAE, window"),
        ("model", "VAE, frame", "LSTM-VAE, window"),
        ("model", "VAE, averaged", "LSTM-VAE, window"),
        ("scoring", "AE, frame", "AE, averaged"),
        ("scoring", "VAE, frame", "VAE, averaged"),
    }
    assert {c.number for c in study.comparisons} == {8}
    assert [c.p_holm for c in study.comparisons] == pytest.approx(holm([c.p for c in study.comparisons]))


def test_settings_that_differ_in_one_key_are_compared(tmp_path: Path) -> None:
    for size in (14, 28, 56):
        for resample in ("area", "bilinear"):
            write_cell(
                tmp_path / f"{size}{resample}", "lstm_vae", 0, {"data.img_size": size, "data.maps.resample": resample}
            )
    study = build_comparison(tmp_path)
    sizes = [(c.first, c.second, c.at["data.maps.resample"]) for c in study.comparisons if c.key == "data.img_size"]
    pairs = [("14", "28"), ("14", "56"), ("28", "56")]
    assert set(sizes) == {(*pair, resample) for pair in pairs for resample in ("area", "bilinear")}
    resamples = [c for c in study.comparisons if c.key == "data.maps.resample"]
    assert [c.at["data.img_size"] for c in resamples] == ["14", "28", "56"]
    assert {c.number for c in resamples} == {3} and len(study.comparisons) == 9


def test_many_comparisons_are_averaged_over_the_other_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for size in (14, 28):
        for t in (10, 20, 30):
            write_cell(tmp_path / f"{size},{t}", "ae", 0, {"data.img_size": size, "data.seq_len": t})
    monkeypatch.setattr("skelmap.comparison.pairwise.MOST", 5)
    study = build_comparison(tmp_path)
    sizes = [c for c in study.comparisons if c.key == "data.img_size"]
    assert [c.at["data.seq_len"] for c in sizes] == ["10, 20, 30"] * 2  # frame and averaged
    frame = [g for g in study.groups if g.scoring == "frame"]
    means = [np.mean([g.values for g in frame if g["data.img_size"] == size]) for size in (14, 28)]
    assert [sizes[0].first_mean, sizes[0].second_mean] == pytest.approx(means)


def test_different_data_are_never_compared(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_cell(tmp_path / name, "lstm_vae", data=f"x/{name}/manifest.csv")
    study = build_comparison(tmp_path)
    assert study.keys.swept == ("data",) and study.comparisons == []


def test_comparison_is_on_the_frames_and_seeds_that_both_have(tmp_path: Path) -> None:
    """The second setting scores clips 0 to 3 only, has other frames in clip 4, and lacks a seed."""
    rng = np.random.default_rng(0)
    names, clip, frame, label = frames_of(6, 40)
    keep = (clip < 4) | ((clip == 4) & (frame % 3 > 0))
    scores = {}
    for size, mask, seeds in ((14, np.ones(len(clip), bool), range(3)), (28, keep, range(1, 4))):
        for seed in seeds:
            score = label + rng.normal(0, 1, len(label))
            folder = write_cell(tmp_path / f"{size},{seed}", "ae", seed, {"data.img_size": size})
            scores[size, seed] = score
            write_scores(folder, names, clip[mask], frame[mask], label[mask], score=score[mask], averaged=score[mask])
    study = build_comparison(tmp_path)
    comparison = next(c for c in study.comparisons if c.key == "data.img_size")
    assert comparison.seeds == 2
    for size, value in ((14, comparison.first_mean), (28, comparison.second_mean)):
        assert value == pytest.approx(np.mean([roc_auc_score(label[keep], scores[size, s][keep]) for s in (1, 2)]))
    whole = next(g for g in study.groups if g["data.img_size"] == 14)
    assert whole.estimate.mean == pytest.approx(np.mean([roc_auc_score(label, scores[14, s]) for s in range(3)]))


def test_equal_scores_do_not_differ(tmp_path: Path) -> None:
    for size in (14, 28):
        folder = write_cell(tmp_path / str(size), "ae", 0, {"data.img_size": size})
        (folder / "scores.csv").write_bytes((tmp_path / "14" / "scores.csv").read_bytes())
    study = build_comparison(tmp_path)
    for c in study.comparisons:
        if c.key == "data.img_size":
            assert (c.difference, c.low, c.high, c.p) == (0, 0, 0, 1)


def test_a_clear_difference_is_found(tmp_path: Path) -> None:
    for size, effect in ((14, 0.3), (28, 3.0)):
        for seed in range(3):
            write_cell(tmp_path / f"{size},{seed}", "lstm_vae", seed, {"data.img_size": size}, effect=effect, clips=10)
    (comparison,) = build_comparison(tmp_path).comparisons
    assert comparison.low > 0 and comparison.p == 2 / (RESAMPLES + 1)


def test_one_clip_or_one_class_has_no_interval_and_says_so(tmp_path: Path) -> None:
    write_cell(tmp_path / "one", "ae", 0, {"data.img_size": 14}, clips=4, frames=30, data="x/d/manifest.csv")
    names, clip, frame, label = frames_of(1, 40)
    score = label + np.linspace(0, 1, 40)
    folder = write_cell(tmp_path / "two", "ae", 0, {"data.img_size": 28}, data="x/single/manifest.csv")
    write_scores(folder, names, clip, frame, label, score=score, averaged=score)
    folder = write_cell(tmp_path / "three", "ae", 0, {"data.img_size": 56}, data="x/normal/manifest.csv")
    write_scores(folder, names, clip, frame, 0 * label, score=score, averaged=score)
    reasons = {
        g["data"]: (g.estimate.mean is None, g.estimate.reason) for g in build_comparison(tmp_path).groups if g.primary
    }
    assert reasons["d (simulated)"] == (False, "")
    assert reasons["single (simulated)"] == (False, TOO_FEW_CLIPS)
    assert reasons["normal (simulated)"] == (True, "normal or abnormal frames only; an AUROC needs both")


def test_a_repeated_run_counts_once(tmp_path: Path) -> None:
    write_cell(tmp_path / "monday", "ae", 0, effect=0)
    write_cell(tmp_path / "tuesday", "ae", 0, effect=2)
    study = build_comparison(tmp_path)
    assert [cell.name for cell in study.groups[0].cells] == ["tuesday"]
    assert study.notes == ["monday: left out, tuesday has the same setting and seed"]


def test_profile_averages_over_what_all_points_share(tmp_path: Path) -> None:
    for size, t in ((14, 10), (14, 30), (28, 10), (28, 30), (56, 30)):
        write_cell(tmp_path / f"{size},{t}", "lstm_vae", 0, {"data.img_size": size, "data.seq_len": t})
    study = build_comparison(tmp_path)
    groups = [g for g in study.groups if g.primary]
    (line,) = profile(groups, ["data.img_size"], ["model"], study.keys).values()
    assert list(line) == [(14,), (28,), (56,)]
    for (size,), estimate in line.items():  # T = 10 is not there for 56
        assert estimate == group(study, data__img_size=size, data__seq_len=30, scoring="window").estimate
    (line,) = profile(groups, ["data.seq_len"], ["model"], study.keys).values()
    at_10 = [g for g in groups if g["data.seq_len"] == 10]
    assert line[10,] == pooled(at_10)
    assert line[10,].mean == pytest.approx(np.mean([g.values for g in at_10]))


def test_the_seed_decides(tmp_path: Path) -> None:
    two_models(tmp_path)
    one, same, other = (build_comparison(tmp_path, seed).groups[0].estimate for seed in (1, 1, 2))
    assert one == same and one != other


def test_compare_of_nothing() -> None:
    from skelmap.comparison.swept_keys import Keys

    assert compare([], Keys((), (), {})) == ([], [])


def test_config_fixture_resolves_like_train(tmp_path: Path) -> None:
    assert config(tmp_path, "lstm_vae", 0, {"data.seq_len": 10})["data"]["window"] == 10
