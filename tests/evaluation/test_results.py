"""metrics.json and scores.csv."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from evaluation_inputs import make_recording, make_rows, noisy_predictions, one_clip, three_clips
from skelmap.evaluation.evaluate import evaluate
from skelmap.evaluation.results import write_results
from skelmap.utils.errors import UserError


def read_scores(folder: Path) -> list[dict[str, str]]:
    with (folder / "scores.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize(("window", "variant"), [(1, "averaged"), (10, "window")])
def test_metrics_recomputed_from_the_files_are_equal(tmp_path: Path, window: int, variant: str) -> None:
    written = write_results(
        tmp_path, evaluate(noisy_predictions(three_clips(), window), three_clips()), {"model": "any"}
    )
    metrics = json.loads((tmp_path / "metrics.json").read_text(encoding="utf-8"))
    assert metrics == written
    table = read_scores(tmp_path)
    assert list(table[0]) == ["clip", "frame", "label", "score", variant, "smoothed"]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["metrics.json", "scores.csv"]
    assert next(key for key in metrics if key.startswith("auroc")) == "auroc"
    for column, suffix in (("smoothed", "_smoothed"), (variant, f"_{variant}"), ("score", "")):
        scored = [line for line in table if line[column]]
        label, score = [int(line["label"]) for line in scored], [float(line[column]) for line in scored]
        assert metrics[f"auroc{suffix}"] == pytest.approx(roc_auc_score(label, score), abs=1e-6)
        assert metrics[f"average_precision{suffix}"] == pytest.approx(average_precision_score(label, score))
        low, high = metrics.get(f"auroc{suffix}_interval", (0, 1))
        assert low < metrics[f"auroc{suffix}"] < high
    assert len(table) == 600
    assert len(scored) == (600 if window == 1 else 573)
    details = metrics["details"][metrics["score"]]
    assert [action["action"] for action in details["actions"]] == ["cut", "saw", "run"]
    point = details["operating_point_from_test_labels"]
    assert point["false_alarms_per_hour"] == pytest.approx(point["false_alarms"] / point["normal_hours"])


@pytest.mark.parametrize(("abnormal", "kind"), [((), "normal"), (None, "abnormal")])
def test_one_class_has_a_reason_instead_of_an_auroc(tmp_path: Path, abnormal: tuple[()] | None, kind: str) -> None:
    rows = one_clip(abnormal=abnormal)
    metrics = write_results(tmp_path, evaluate(noisy_predictions(rows, 10), rows))
    assert metrics["auroc"] is None
    assert metrics["auroc_reason"] == f"all 41 evaluated frames are {kind}; an AUROC needs normal and abnormal ones"
    assert metrics["auroc_smoothed"] is None
    assert metrics["average_precision"] is None
    assert len(read_scores(tmp_path)) == 50


def test_a_folder_that_is_a_file_is_a_user_error(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("not a folder")
    with pytest.raises(UserError, match=r"scores\.csv: cannot be written"):
        write_results(tmp_path / "run", evaluate(noisy_predictions(three_clips(), 10), three_clips()))


def test_names_with_commas_and_quotes_are_written_unchanged(tmp_path: Path) -> None:
    recordings = [make_recording('a,"b"\nc'), make_recording("ü", None)]
    rows = make_rows([[(0, 20)], [(0, 20)]], [(0, 20)] * 2, recordings, 5)
    write_results(tmp_path, evaluate(noisy_predictions(rows, 5), rows))
    assert {line["clip"] for line in read_scores(tmp_path)} == {'a,"b"\nc', "ü"}


def test_metrics_json_never_holds_nan(tmp_path: Path) -> None:
    result = evaluate(noisy_predictions(three_clips(), 10), three_clips())
    with pytest.raises(ValueError, match="JSON"):
        write_results(tmp_path, result, {"loss": float("nan")})
    assert list(tmp_path.iterdir()) == []


def test_what_the_monitor_imports_is_free_of_torch() -> None:
    heavy = ("torch", "matplotlib", "sklearn", "scipy", "torchmetrics", "jinja2")
    code = f"import sys, skelmap.evaluation.thresholds; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
