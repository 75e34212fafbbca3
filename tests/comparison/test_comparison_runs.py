"""Reading the runs of a sweep: where they are found, damaged files, names of data sets."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from evaluation_inputs import noisy_predictions, three_clips
from skelmap.comparison.comparison import compare_runs
from skelmap.comparison.runs import flatten_config, read_runs
from skelmap.evaluation.evaluate import evaluate
from skelmap.evaluation.results import write_results
from skelmap.utils.errors import UserError
from synthetic_sweeps import write_failed, write_run


def test_runs_are_found_at_any_depth(tmp_path: Path) -> None:
    write_run(tmp_path / "model=ae")
    deep = write_run(tmp_path / "2026-01-01" / "12-00" / "model=vae", "vae")
    (deep / "wandb" / "offline-run" / "files").mkdir(parents=True)
    (deep / "wandb" / "offline-run" / "files" / "config.yaml").write_text("wandb_version: 1")
    (tmp_path / "comparison").mkdir()
    (tmp_path / "comparison" / "config.yaml").write_text("a: 1")
    (tmp_path / "multirun.yaml").write_text("a: 1")
    runs, failed = read_runs(tmp_path)
    assert [run.name for run in runs] == ["2026-01-01/12-00/model=vae", "model=ae"]
    assert failed == []


def test_a_single_run_is_a_sweep_of_one(tmp_path: Path) -> None:
    runs, _ = read_runs(write_run(tmp_path / "run"))
    assert [run.name for run in runs] == ["run"]


def test_scores_are_read_as_written(tmp_path: Path) -> None:
    write_run(tmp_path / "a", "lstm_vae")
    write_run(tmp_path / "b", "lstm_vae", seed=1)
    (first, second), _ = read_runs(tmp_path)
    assert list(first.scores.by_type) == ["online", "window", "smoothed"]
    assert first.scores.frames is second.scores.frames  # kept once
    online = first.scores.by_type["online"]
    assert np.array_equal(np.isnan(online), first.scores.frames.frame < 29)
    lines = (tmp_path / "a" / "scores.csv").read_text().splitlines()[1:]
    assert np.array_equal(first.scores.by_type["window"], [float(line.split(",")[4]) for line in lines])
    assert [first.scores.frames.clips[i] for i in first.scores.frames.clip] == [line.split(",")[0] for line in lines]


def test_the_cause_of_missing_results_is_read(tmp_path: Path) -> None:
    write_failed(tmp_path / "a", "Traceback:\n  line\nRuntimeError: out of memory\n")
    write_failed(tmp_path / "b", None)
    write_failed(tmp_path / "c", "")
    _, failed = read_runs(tmp_path)
    assert [(run.name, run.state) for run in failed] == [("a", "failed"), ("b", "unfinished"), ("c", "failed")]
    assert failed[0].cause == "RuntimeError: out of memory"
    assert failed[0].details.startswith("Traceback")
    assert "interrupted, or still running" in failed[1].cause


SCORES = "clip,frame,label,score,averaged\n"
DAMAGE = {
    "half a metrics.json": ("metrics.json", '{"auroc": 0.', "metrics.json: damaged JSON"),
    "a list": ("metrics.json", "[1]", "metrics.json: does not hold keys and values"),
    "binary metrics": ("metrics.json", b"\xff\xfe\x00", "codec"),
    "no mapping": ("config.yaml", "- 1", "config.yaml"),
    "not yaml": ("config.yaml", "a: [1", "config.yaml: not YAML"),
    "empty scores": ("scores.csv", "", "scores.csv: begins with ''"),
    "other columns": ("scores.csv", "a,b\n1,2\n", "scores.csv: begins with 'a,b'"),
    "no frame": ("scores.csv", SCORES, "scores.csv: holds no frame"),
    "cut short": ("scores.csv", SCORES + "a,0,0,1.0,1.0\na,1,0,1", "scores.csv: line 3 does not have 5 columns"),
    "a list as seed": ("metrics.json", '{"seed": [1]}', "metrics.json: seed=[1]; allowed: null or text or a number"),
    "no number": ("scores.csv", SCORES + "a,0,0,x,1.0\n", "scores.csv: frame: could not convert"),
    "no frame number": ("scores.csv", SCORES + "a,x,0,1,1.0\n", "scores.csv: frame and label must be whole numbers"),
    "label 2": ("scores.csv", SCORES + "a,0,2,1,1.0\n", "scores.csv: a label is neither 0 nor 1"),
    "nan": ("scores.csv", SCORES + "a,0,0,nan,1.0\n", "scores.csv: frame: scores must be finite"),
    "infinite": ("scores.csv", SCORES + "a,0,0,1,inf\n", "scores.csv: averaged: scores must be finite"),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_a_damaged_file_is_named(tmp_path: Path, kind: str) -> None:
    name, content, message = DAMAGE[kind]
    write_run(tmp_path / "good")
    bad = write_run(tmp_path / "bad")
    (bad / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    runs, failed = read_runs(tmp_path)
    assert [run.name for run in runs] == ["good"]
    assert [(run.name, run.state) for run in failed] == [("bad", "damaged")]
    assert message in failed[0].cause
    assert str(tmp_path) not in failed[0].cause


def test_a_run_needs_scores_but_not_versions(tmp_path: Path) -> None:
    (write_run(tmp_path / "a") / "scores.csv").unlink()
    (write_run(tmp_path / "b") / "versions.json").write_text("[")
    runs, failed = read_runs(tmp_path)
    assert "scores.csv" in failed[0].cause
    assert runs[0].versions == {}


def test_a_folder_without_finished_runs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such folder"):
        compare_runs(tmp_path / "missing")
    with pytest.raises(UserError, match="no finished run"):
        compare_runs(tmp_path)
    write_failed(tmp_path / "a", "RuntimeError: why")
    with pytest.raises(UserError, match="a: failed: RuntimeError: why"):
        compare_runs(tmp_path)


@pytest.mark.parametrize(
    ("written", "simulated", "name"),
    [
        ("/somewhere/outputs/data/simulated-paper-0/manifest.csv", True, "simulated-paper-0 (simulated)"),
        ("motions_body25/manifest_guitar.csv", False, "motions_body25/manifest_guitar"),
    ],
)
def test_data_sets_are_named_without_folders_of_the_machine(
    tmp_path: Path, written: str, simulated: bool, name: str
) -> None:
    write_run(tmp_path / "a", data=written, simulated=simulated)
    assert read_runs(tmp_path)[0][0].data == name


def test_different_data_sets_of_one_name_get_longer_names(tmp_path: Path) -> None:
    """Data sets are the same if their digests are; others in a folder of the same name are not compared."""
    for i, (place, digest) in enumerate({"A": "1", "B": "2", "C": "1", "D": None}.items()):
        for model in ("ae", "pca"):
            manifest = {"data.manifest": f"/{place}/x/site/manifest.csv"}
            run = write_run(tmp_path / f"{i}{model}", model, 0, manifest, data="site/manifest.csv", simulated=False)
            if digest:
                (run / "data_digests.json").write_text(json.dumps({"manifest": digest, "recordings": "3"}))
    comparison = compare_runs(tmp_path)
    names = {run.name: run.data for run in comparison.runs}
    assert [names[f"{i}ae"] for i in range(4)] == ["A/x/site", "B/x/site", "A/x/site", "site"]
    across = [c for c in comparison.pairs if c.key not in ("model", "score_type")]
    assert not across
    assert {c.shared["data"] for c in comparison.pairs if c.key == "model"} == {"A/x/site", "B/x/site", "site"}


def test_data_sets_in_the_same_folder_are_named_by_their_digests(tmp_path: Path) -> None:
    for i in range(2):
        digests = write_run(tmp_path / str(i)) / "data_digests.json"
        digests.write_text(json.dumps({"manifest": f"{i}", "recordings": "3"}))
    first, second = (run.data for run in read_runs(tmp_path)[0])
    assert first != second
    assert all(re.fullmatch(r"simulated-paper-0 [0-9a-f]{8} \(simulated\)", name) for name in (first, second))


def test_results_of_the_evaluation_are_read(tmp_path: Path) -> None:
    """The metrics of the comparison equal those that a run reports itself."""
    rows = three_clips()
    folder = tmp_path / "run"
    metrics = write_results(folder, evaluate(noisy_predictions(rows, window=1), rows), {"model": "AE", "seed": 0})
    (folder / "config.yaml").write_text("seed: 0")
    (run,), failed = read_runs(folder)
    assert failed == [] and run.metrics == metrics and run.clip_groups == metrics["groups"]
    groups = compare_runs(folder).groups
    assert groups[2].aurocs == [pytest.approx(metrics["auroc_smoothed"])]
    for group, name in zip(groups[:2], ("", "_averaged"), strict=True):
        assert group.aurocs == [pytest.approx(metrics[f"auroc{name}"])]
        assert [group.estimate.low, group.estimate.high] == pytest.approx(metrics[f"auroc{name}_interval"])


def test_a_configuration_is_flattened() -> None:
    tree = {"a": {"b": 1, "c": {"d": [8, 16], "e": None}}, "f": True}
    assert flatten_config(tree) == {"a.b": 1, "a.c.d": "8, 16", "a.c.e": None, "f": True}
