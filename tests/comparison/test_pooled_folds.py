"""Folds of a cross-validation are pooled: frames are ranked within their fold, persons are named."""

import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from skelmap.comparison.comparison import Comparison, compare_runs
from skelmap.comparison.tables import group_row, markdown
from skelmap.comparison.write import compare_and_print
from synthetic_sweeps import find_group, write_run, write_scores

FOLDS, PEOPLE, FRAMES = 3, 4, 40


def fold_scores(fold: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Score, label and person of the frames of a fold; the scale of the scores differs from fold to fold."""
    rng = np.random.default_rng([fold, seed])
    person = np.repeat(np.arange(PEOPLE), FRAMES)
    label = np.tile(np.repeat([0, 1], FRAMES // 2), PEOPLE)
    effect = np.array([1.5, 0.1, 1.0, 0.7])[person]
    return 1000.0**fold * (effect * label + rng.normal(0, 1, len(label)) + 5), label, person


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    for model in ("ae", "vae"):
        for seed in (0, 1):
            for fold in range(FOLDS):
                folder = tmp_path / f"{model}_{seed}_{fold}"
                write_run(folder, model, seed, {"data.folds": FOLDS, "data.fold": fold}, clips=PEOPLE, frames=FRAMES)
                score, label, person = fold_scores(fold, seed)
                names = [f"f{fold}p{p}" for p in range(PEOPLE)]
                write_scores(
                    folder, names, person, np.tile(np.arange(FRAMES), PEOPLE), label, score=score, averaged=score
                )
                metrics = json.loads((folder / "metrics.json").read_text())
                alarms = {"events": 4, "detected": fold + seed, "false_alarms": fold, "normal_hours": 0.5}
                rate = {"nominal_per_hour": 10.0, "false_alarms_per_hour": 2.0 * fold}
                metrics["alarms"] = [{**alarms, **rate}]
                metrics["groups"] = {name: f"person {name}" for name in names}
                (folder / "metrics.json").write_text(json.dumps(metrics))
    return tmp_path


@pytest.fixture
def comparison(sweep: Path) -> Comparison:
    return compare_runs(sweep)


def test_folds_are_one_row_for_each_setting(comparison: Comparison) -> None:
    assert [(g.model, g.score_type, len(g.runs)) for g in comparison.groups if g.primary] == [
        ("AE", "frame", 2),
        ("VAE", "frame", 2),
    ]
    assert comparison.keys.swept == ("model",) and len(comparison.runs) == 12


def test_the_pooled_auroc_ranks_frames_within_folds(comparison: Comparison) -> None:
    parts = [fold_scores(fold, seed) for seed in (0, 1) for fold in range(FOLDS)]
    expected = np.mean([roc_auc_score(label, score) for score, label, _ in parts])  # as many pairs in each fold
    group = find_group(comparison, model="AE", score_type="frame")
    assert group.estimate.mean == pytest.approx(expected, abs=1e-12)
    seeds = [[fold_scores(fold, seed) for fold in range(FOLDS)] for seed in (0, 1)]
    mixed = [roc_auc_score(*(np.concatenate([part[k] for part in of_seed]) for k in (1, 0))) for of_seed in seeds]
    assert abs(np.mean(mixed) - expected) > 0.01
    assert group.estimate.low is not None and group.estimate.low < expected < group.estimate.high
    assert str(group.units) == "12 groups"


def test_the_macro_auroc_names_the_worst_person(comparison: Comparison) -> None:
    by_person = {
        f"person f{fold}p{p}": np.mean(
            [
                roc_auc_score(label[person == p], score[person == p])
                for score, label, person in (fold_scores(fold, seed) for seed in (0, 1))
            ]
        )
        for fold in range(FOLDS)
        for p in range(PEOPLE)
    }
    row = group_row(comparison, find_group(comparison, model="AE", score_type="frame"))
    assert row["macro_mean"] == pytest.approx(np.mean(list(by_person.values())))
    worst = min(by_person, key=by_person.__getitem__)
    assert (row["macro_groups"], row["macro_worst_group"]) == (12, worst)
    assert row["macro_worst"] == pytest.approx(by_person[worst])
    text = markdown(comparison)
    assert "| macro AUROC | worst group |" in text and f"{worst} {row['macro_worst']:.3f}" in text


def test_events_of_the_folds_are_added_up(comparison: Comparison) -> None:
    row = group_row(comparison, find_group(comparison, model="AE", score_type="frame"))
    assert row["events_at_10_per_hour"] == "4.5 of 12, 2/h"  # found 3 and 6 with the seeds; 3 false alarms in 1.5 h
    assert "events at 10/h" in markdown(comparison)


def test_a_missing_fold_is_noted(sweep: Path) -> None:
    (sweep / "ae_0_1" / "metrics.json").unlink()
    notes = compare_runs(sweep).notes
    assert any("ae_0_0: pooled without data.fold=1" in note for note in notes)


def test_a_fold_of_one_class_is_noted(sweep: Path) -> None:
    path = sweep / "ae_0_1" / "metrics.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "auroc": None}))
    notes = compare_runs(sweep).notes
    assert [note for note in notes if "one label only" in note] == [
        "ae_0_0: AUROC without data.fold=1, whose test frames have one label only"
    ]


def test_the_page_of_folds_is_written(sweep: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = compare_and_print(sweep, 0).read_text()
    assert "worst group" in page and "macro AUROC" in page
    assert len((sweep / "comparison" / "runs.csv").read_text().splitlines()) == 13
