import csv
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from evaluation_cases import plausible, recording, rows_of, three_clips, window_scores
from sklearn.metrics import average_precision_score, roc_auc_score

from skelmap.data.windows import EvalIndex
from skelmap.evaluation.bootstrap import RESAMPLES
from skelmap.evaluation.evaluate import evaluate
from skelmap.evaluation.frames import Predictions
from skelmap.evaluation.results import write_results
from skelmap.utils.errors import UserError
from skelmap.utils.io import atomic_write


def read_scores(folder: Path) -> list[dict[str, str]]:
    with (folder / "scores.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize(("window", "variant"), [(1, "averaged"), (10, "online")])
def test_auroc_recomputed_from_the_files_is_the_same(tmp_path: Path, window: int, variant: str) -> None:
    written = write_results(tmp_path, evaluate(plausible(three_clips(), window), three_clips()), {"model": "any"})
    metrics = json.loads((tmp_path / "metrics.json").read_text(encoding="utf-8"))
    assert metrics == written
    table = read_scores(tmp_path)
    assert list(table[0]) == ["clip", "frame", "label", "score", variant]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["metrics.json", "scores.csv"]
    for column, suffix in (("score", ""), (variant, f"_{variant}")):
        judged = [line for line in table if line[column]]
        label, score = [int(line["label"]) for line in judged], [float(line[column]) for line in judged]
        assert metrics[f"auroc{suffix}"] == pytest.approx(roc_auc_score(label, score), abs=1e-6)
        assert metrics[f"average_precision{suffix}"] == pytest.approx(average_precision_score(label, score))
        low, high = metrics[f"auroc{suffix}_interval"]
        assert low < metrics[f"auroc{suffix}"] < high
    assert len(table) == 600
    assert len(judged) == (600 if window == 1 else 573)


def test_works_are_judged_against_their_own_normal_frames() -> None:
    judgement = evaluate(plausible(three_clips(), 1), three_clips())
    frames = judgement.frames
    label, score, work = frames.label.numpy(), frames.score.numpy(), frames.work.numpy()
    found = {w.work: w for w in judgement.primary.works}
    for index, name in enumerate(frames.works):
        keep = (work == index) | ((label == 0) & (name == "run"))
        assert found[name].area.value == pytest.approx(roc_auc_score(label[keep], score[keep]), abs=1e-6)
    assert {n: w.against for n, w in found.items()} == {
        "cut": "same work",
        "saw": "same work",
        "run": "all normal frames",
    }
    assert [(w.abnormal, w.normal) for w in judgement.primary.works] == [(40, 160), (50, 150), (200, 310)]


@pytest.mark.parametrize(("abnormal", "kind"), [((), "normal"), (None, "abnormal")])
def test_one_class_has_no_auroc_and_says_so(tmp_path: Path, abnormal: tuple[()] | None, kind: str) -> None:
    rows = rows_of([[(0, 50)], [(0, 50)]], [(0, 50)] * 2, [recording("a", abnormal), recording("b", abnormal)], 10)
    metrics = write_results(tmp_path, evaluate(plausible(rows, 10), rows))
    assert metrics["auroc"] is None
    assert metrics["auroc_reason"] == f"all 100 judged frames are {kind}; an AUROC needs normal and abnormal ones"
    assert metrics["average_precision"] is None
    assert len(read_scores(tmp_path)) == 100


def test_constant_score_is_chance() -> None:
    rows = three_clips()
    judgement = evaluate(window_scores(rows, np.full(len(rows.starts), 0.1)), rows)
    assert judgement.primary.area.value == judgement.variant.area.value == 0.5
    assert judgement.primary.area.interval[:2] == (0.5, 0.5)


def test_same_seed_same_interval() -> None:
    rows = big_rows(clips=8, length=250)
    predictions = window_scores(rows, np.random.default_rng(0).gamma(2, 30, len(rows.starts)))
    once, again, other = (evaluate(predictions, rows, seed).primary.area.interval for seed in (1, 1, 2))
    assert once == again != other


def people(counts: list[int]) -> EvalIndex:
    """Clips of one person after the other, so many each."""
    person = [f"person {i}" for i, count in enumerate(counts) for _ in range(count)]
    recordings = [replace(recording(f"clip{i}", ((20, 40),)), group=group) for i, group in enumerate(person)]
    return rows_of([[(0, 60)]] * len(person), [(0, 60)] * len(person), recordings, 10)


def test_people_are_resampled_whole_where_there_are_enough(tmp_path: Path) -> None:
    rows = people([4, 1, 2, 3, 5])
    rng = np.random.default_rng(0)
    person = np.unique([r.group for r in rows.recordings], return_inverse=True)[1]
    score = rng.normal(rng.normal(0, 3, (5,))[person[rows.clip]], 1)[rows.starts]
    judgement = evaluate(window_scores(rows, score), rows, seed=4)
    frames = judgement.frames
    owner, label = person[frames.clip], frames.label.numpy()
    areas = []
    for times in np.random.default_rng([4, 0]).multinomial(5, np.full(5, 0.2), RESAMPLES)[:400]:
        index = np.repeat(np.arange(len(label)), times[owner])
        areas.append(roc_auc_score(label[index], frames.score.numpy()[index]))
    low, high, _ = judgement.primary.area.interval
    assert (low, high) == pytest.approx(np.quantile(areas, [0.025, 0.975]), abs=0.02)
    metrics = write_results(tmp_path, judgement)
    assert metrics["resampled"] == "5 groups" and metrics["groups"]["clip4"] == "person 1"


def test_clips_are_resampled_where_there_are_few_people() -> None:
    rows = people([4, 1, 2, 3])
    judgement = evaluate(window_scores(rows, np.arange(len(rows.starts)) % 7.0), rows)
    assert str(judgement.units) == "10 clips of 4 groups"


def test_averaging_is_told_from_a_single_frame() -> None:
    """Independent noise on each frame averages out; that gain must show in the averaged control alone."""
    rows = three_clips()
    judgement = evaluate(plausible(rows, 1), rows)
    assert judgement.variant.area.value > judgement.primary.area.value + 0.01


def test_a_failed_write_keeps_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "metrics.json"
    path.write_text("old")
    refused = pytest.raises(UserError, match=r"metrics\.json: cannot be written \(No space left on device\)")
    with refused, atomic_write(path) as file:
        file.write("half of the n")
        raise OSError(28, "No space left on device")
    assert path.read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_folder_that_is_a_file_is_a_user_error(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("in the way")
    with pytest.raises(UserError, match=r"scores\.csv: cannot be written"):
        write_results(tmp_path / "run", evaluate(plausible(three_clips(), 10), three_clips()))


def test_names_with_commas_and_quotes_survive(tmp_path: Path) -> None:
    rows = rows_of([[(0, 20)], [(0, 20)]], [(0, 20)] * 2, [recording('a,"b"\nc'), recording("ü", None)], 5)
    write_results(tmp_path, evaluate(plausible(rows, 5), rows))
    assert {line["clip"] for line in read_scores(tmp_path)} == {'a,"b"\nc', "ü"}


def test_metrics_json_holds_no_nan(tmp_path: Path) -> None:
    judgement = evaluate(plausible(three_clips(), 10), three_clips())
    with pytest.raises(ValueError, match="JSON"):
        write_results(tmp_path, judgement, {"loss": float("nan")})
    assert list(tmp_path.iterdir()) == []


def test_importing_the_package_is_cheap() -> None:
    heavy = ("matplotlib", "sklearn", "torchmetrics", "jinja2")
    code = f"import sys, skelmap.evaluation; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def big_rows(clips: int, length: int) -> EvalIndex:
    recordings = [recording(f"c{i}", ((100, 200),) if i % 2 else ()) for i in range(clips)]
    return rows_of([[(0, length)]] * clips, [(0, length)] * clips, recordings, 30)


@pytest.mark.slow
def test_a_large_test_split_takes_seconds(tmp_path: Path) -> None:
    import time

    rows = big_rows(164, 770)
    rng = np.random.default_rng(0)
    predictions = Predictions(torch.tensor(rows.starts), torch.tensor(rng.gamma(2, 30, len(rows.starts))), None, 30)
    begin = time.perf_counter()
    write_results(tmp_path, evaluate(predictions, rows))
    assert time.perf_counter() - begin < 10  # 1.3 s on one quiet core
