import json
import re
from pathlib import Path

import numpy as np
import pytest
from study_cases import write_cell, write_failed

from skelmap.comparison.comparison import build_comparison
from skelmap.comparison.runs import flat_config, read_cells
from skelmap.comparison.write import write_comparison
from skelmap.utils.errors import UserError


def test_finds_runs_at_any_depth_and_only_runs(tmp_path: Path) -> None:
    write_cell(tmp_path / "model=ae")
    deep = write_cell(tmp_path / "2026-01-01" / "12-00" / "model=vae", "vae")
    (deep / "wandb" / "offline-run" / "files").mkdir(parents=True)
    (deep / "wandb" / "offline-run" / "files" / "config.yaml").write_text("wandb_version: 1")
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / "config.yaml").write_text("a: 1")
    (tmp_path / "multirun.yaml").write_text("a: 1")
    cells, broken = read_cells(tmp_path)
    assert [cell.name for cell in cells] == ["2026-01-01/12-00/model=vae", "model=ae"]
    assert broken == []


def test_a_single_run_is_a_sweep_of_one(tmp_path: Path) -> None:
    cells, _ = read_cells(write_cell(tmp_path / "run"))
    assert [cell.name for cell in cells] == ["run"]


def test_scores_are_read_as_written(tmp_path: Path) -> None:
    write_cell(tmp_path / "a", "lstm_vae")
    write_cell(tmp_path / "b", "lstm_vae", seed=1)
    (first, second), _ = read_cells(tmp_path)
    assert list(first.scores.by_scoring) == ["window", "online"]
    assert first.scores.frames is second.scores.frames  # kept once
    online = first.scores.by_scoring["online"]
    assert np.array_equal(np.isnan(online), first.scores.frames.frame < 29)
    lines = (tmp_path / "a" / "scores.csv").read_text().splitlines()[1:]
    assert np.array_equal(first.scores.by_scoring["window"], [float(line.split(",")[3]) for line in lines])
    assert [first.scores.frames.clips[i] for i in first.scores.frames.clip] == [line.split(",")[0] for line in lines]


def test_runs_without_results_say_why(tmp_path: Path) -> None:
    write_failed(tmp_path / "a", "Traceback:\n  line\nRuntimeError: out of memory\n")
    write_failed(tmp_path / "b", None)
    write_failed(tmp_path / "c", "")
    _, broken = read_cells(tmp_path)
    assert [(cell.name, cell.state) for cell in broken] == [("a", "failed"), ("b", "unfinished"), ("c", "failed")]
    assert broken[0].cause == "RuntimeError: out of memory"
    assert broken[0].text.startswith("Traceback")
    assert "interrupted, or still running" in broken[1].cause


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
    "no number": ("scores.csv", SCORES + "a,0,0,x,1.0\n", "scores.csv: frame: could not convert"),
    "no frame number": ("scores.csv", SCORES + "a,x,0,1,1.0\n", "scores.csv: frame and label must be whole numbers"),
    "label 2": ("scores.csv", SCORES + "a,0,2,1,1.0\n", "scores.csv: a label is neither 0 nor 1"),
    "nan": ("scores.csv", SCORES + "a,0,0,nan,1.0\n", "scores.csv: frame: scores must be finite"),
    "infinite": ("scores.csv", SCORES + "a,0,0,1,inf\n", "scores.csv: averaged: scores must be finite"),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_damaged_files_are_named(tmp_path: Path, kind: str) -> None:
    name, content, message = DAMAGE[kind]
    write_cell(tmp_path / "good")
    bad = write_cell(tmp_path / "bad")
    (bad / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    cells, broken = read_cells(tmp_path)
    assert [cell.name for cell in cells] == ["good"]
    assert [(cell.name, cell.state) for cell in broken] == [("bad", "damaged")]
    assert message in broken[0].cause
    assert str(tmp_path) not in broken[0].cause


def test_missing_scores_are_damage_and_missing_versions_are_not(tmp_path: Path) -> None:
    (write_cell(tmp_path / "a") / "scores.csv").unlink()
    (write_cell(tmp_path / "b") / "versions.json").write_text("[")
    cells, broken = read_cells(tmp_path)
    assert "scores.csv" in broken[0].cause
    assert cells[0].versions == {}


def test_nothing_to_study_is_the_users_mistake(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such folder"):
        write_comparison(tmp_path / "missing")
    with pytest.raises(UserError, match="no finished run"):
        write_comparison(tmp_path)
    write_failed(tmp_path / "a", "RuntimeError: why")
    with pytest.raises(UserError, match="a: failed: RuntimeError: why"):
        write_comparison(tmp_path)


@pytest.mark.parametrize(
    ("written", "simulated", "name"),
    [
        ("/somewhere/outputs/data/simulated-paper-0/manifest.csv", True, "simulated-paper-0 (simulated)"),
        ("motions_body25/manifest_guitar.csv", False, "motions_body25/manifest_guitar"),
    ],
)
def test_data_are_named_without_the_machine(tmp_path: Path, written: str, simulated: bool, name: str) -> None:
    write_cell(tmp_path / "a", data=written, simulated=simulated)
    assert read_cells(tmp_path)[0][0].data == name


def test_different_data_of_one_name_are_told_apart(tmp_path: Path) -> None:
    """Runs of the same clips are of one setting; those of other data in a folder of the same name are not compared."""
    for i, (place, digest) in enumerate({"A": "1", "B": "2", "C": "1", "D": None}.items()):
        for model in ("ae", "pca"):
            manifest = {"data.manifest": f"/{place}/x/site/manifest.csv"}
            run = write_cell(tmp_path / f"{i}{model}", model, 0, manifest, data="site/manifest.csv", simulated=False)
            if digest:
                (run / "data.json").write_text(json.dumps({"manifest": digest, "recordings": "3"}))
    study = build_comparison(tmp_path)
    named = {cell.name: cell.data for cell in study.cells}
    assert [named[f"{i}ae"] for i in range(4)] == ["A/x/site", "B/x/site", "A/x/site", "site"]
    across = [c for c in study.comparisons if c.key not in ("model", "scoring")]
    assert not across
    assert {c.at["data"] for c in study.comparisons if c.key == "model"} == {"A/x/site", "B/x/site", "site"}


def test_data_that_no_folder_tells_apart_are_named_by_their_digests(tmp_path: Path) -> None:
    for i in range(2):
        (write_cell(tmp_path / str(i)) / "data.json").write_text(json.dumps({"manifest": f"{i}", "recordings": "3"}))
    first, second = (cell.data for cell in read_cells(tmp_path)[0])
    assert first != second
    assert all(re.fullmatch(r"simulated-paper-0 [0-9a-f]{8} \(simulated\)", name) for name in (first, second))


def test_flatten() -> None:
    tree = {"a": {"b": 1, "c": {"d": [8, 16], "e": None}}, "f": True}
    assert flat_config(tree) == {"a.b": 1, "a.c.d": "8, 16", "a.c.e": None, "f": True}


def test_metrics_written_by_the_evaluation_are_read(tmp_path: Path) -> None:
    """The fixture's files have the keys that write_results gives."""
    written = json.loads((write_cell(tmp_path / "a") / "metrics.json").read_text())
    assert {"auroc", "auroc_interval", "auroc_averaged", "score", "counts", "details"} <= set(written)
