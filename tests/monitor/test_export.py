"""A run as ONNX: its scores are PyTorch's, its README is true, and the monitor runs from it without PyTorch."""

import csv
import json
import re
import runpy
import subprocess
import sys
from pathlib import Path
from typing import get_args

import cv2
import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from exported import assert_alike
from watching import monitor

from hydra_config import ROOT, Compose
from skelmap.data.input_spec import InputSpec
from skelmap.data.keypoints import KeypointSettings
from skelmap.data.rendering import MapSettings
from skelmap.models.autoencoder import Score
from skelmap.models.baselines import PCA
from skelmap.monitor import export as exporting
from skelmap.monitor.app import watch
from skelmap.monitor.export import describe, export
from skelmap.monitor.scorers import OnnxScorer, TorchScorer
from skelmap.skeletons.layouts import BODY_25, COCO_17
from skelmap.training.run import run
from skelmap.utils.errors import UserError
from synthetic_data import person, write_toy_dataset

MODELS = sorted(path.stem for path in (ROOT / "conf/model").glob("*.yaml"))
SMALL = ("trainer=cpu", "trainer.max_epochs=1", "data=manifest", "data.seq_len=8")
IMPOSSIBLE = {"knn_ranks": "searchsorted"}
"""A model that needs what ONNX does not have."""
WITHOUT_TORCH = """
import runpy, sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("torch", "pytorch_lightning", "torchmetrics", "sklearn", "matplotlib", "jinja2"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Missing())
runpy.run_path("SCRIPT", run_name="__main__")
"""


@pytest.fixture(scope="module")
def exported(trained: Path) -> Path:
    export(trained / "run", trained / "run/onnx")
    return trained / "run/onnx"


def lines(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_monitor_runs_without_torch_to_the_same_scores_and_events(
    trained: Path, exported: Path, tmp_path: Path
) -> None:
    words = (f"source={trained}/task/test_mixed.npz", "threshold=1e-3")
    watch(monitor(trained, tmp_path / "torch", *words))
    code = WITHOUT_TORCH.replace("SCRIPT", str(ROOT / "scripts/monitor.py"))
    command = [sys.executable, "-c", code, f"checkpoint={exported}", f"output={tmp_path}/onnx", *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0 and "ALARM" in done.stdout, done.stdout + done.stderr
    one, other = (lines(tmp_path / name / "scores.csv") for name in ("torch", "onnx"))
    assert [line | {"score": ""} for line in one] == [line | {"score": ""} for line in other] and len(one) == 143
    expected, found = (np.array([float(line["score"]) for line in these]) for these in (one, other))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4 * expected.max())
    one, other = (lines(tmp_path / name / "events.csv") for name in ("torch", "onnx"))
    assert [line | {"peak": ""} for line in one] == [line | {"peak": ""} for line in other] and len(one) == 1


def script(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> None:
    monkeypatch.setattr(sys, "argv", ["export.py", *map(str, arguments)])
    runpy.run_path(str(ROOT / "scripts/export.py"), run_name="__main__")


def test_the_script_exports_a_run_and_names_what_is_wrong(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    script(monkeypatch, trained / "run", "--out", tmp_path / "out")
    assert f"{tmp_path}/out: differs from PyTorch by " in capsys.readouterr().out
    written = {path.name for path in (tmp_path / "out").iterdir()}
    assert written == {"model.onnx", "eye.json", "validation_scores.npz", "README.txt"}
    with pytest.raises(SystemExit, match=r"README.txt/onnx/eye.json: cannot be written \(Not a directory\)"):
        script(monkeypatch, trained / "run", "--out", tmp_path / "out/README.txt/onnx")
    with pytest.raises(SystemExit, match="task: not the folder of a finished run or an exported model"):
        script(monkeypatch, trained / "task")


def test_what_the_file_takes_and_gives_is_written_beside_it_and_in_it(exported: Path) -> None:
    text = (exported / "README.txt").read_text()
    assert onnx.load(exported / "model.onnx").doc_string == text
    assert "Input frames, float32 (B, 8, 1, 25, 2)" in text and "Output contributions, float32 (B, 8, 1, 25, 2)" in text
    session = onnxruntime.InferenceSession(exported / "model.onnx")
    windows = np.random.default_rng(0).random((5, 8, 1, 25, 2), np.float32)
    score, contributions = session.run(["score", "contributions"], {"frames": windows})
    assert score.shape == (5,) and contributions.shape == windows.shape
    np.testing.assert_allclose(contributions.mean(axis=(1, 2, 3, 4)), score, rtol=1e-4)
    (alone,) = session.run(["score"], {"frames": windows[3:4]})
    np.testing.assert_allclose(alone, score[3:4], rtol=1e-5)


def as_the_readme_says(text: str, points: np.ndarray, resample: int, threshold: float | None) -> list[np.ndarray]:
    """Draw the channels of a README's maps of 40 px, cut at 300, whose left border is the camera's picture's."""
    placed = np.floor(points[:, :2] + 0.5).astype(np.int32) - np.int32([100 - 150, 180 - 150])
    found = [joint for joint in BODY_25.joints if points[BODY_25.joints.index(joint), 2] > 0.05]
    channels = []
    for shown in re.findall(r"Channel \d, \w+, shows (.*?)\. The lines: (.*?)\.", text):
        picture = np.zeros((300, 300), np.uint8)
        for limb in shown[1].split(", "):
            if set(limb.split("-")) <= set(found):
                ends = [placed[BODY_25.joints.index(name)] for name in limb.split("-")]
                cv2.polylines(picture, [np.stack(ends)], False, 255, 6)
        for joint in found if shown[0] == "all joints" else set(found) & set(shown[0].split(", ")):
            cv2.polylines(picture, [placed[[BODY_25.joints.index(joint)]]], True, 255, 7)
        picture[:, :50] = 0  # left of the camera's picture
        grey = cv2.resize(picture, (40, 40), interpolation=resample)
        channels.append(grey / np.float32(255) if threshold is None else grey > threshold * 255)
    return channels


@pytest.mark.parametrize(
    ("channels", "resample", "threshold"),
    [
        (["body"], "bilinear", 0.3),
        (["body"], "area", 0.3),
        (["left", "body", "trunk", "motion"], "bilinear", 0.3),
        (["left", "body", "trunk", "motion"], "area", None),
    ],
    ids=str,
)
def test_maps_made_as_the_readme_says_are_those_the_model_sees(
    channels: list[str], resample: str, threshold: float | None
) -> None:
    settings = MapSettings(40, 300, resample, line_width=6, threshold=threshold, channels=channels)
    text = " ".join(describe(InputSpec("AE", 1, 25.0, BODY_25, settings, simulated=True)).split())
    for words in ("simulated", "25 frames a second", "picture of 300x300 px", "lines of 6 px", "dot of 7 px"):
        assert words in text
    for words in ("Resized to 40x40 px", "INTER_AREA" if resample == "area" else "INTER_LINEAR"):
        assert words in text
    assert ("0.3 x 255" if threshold else "Grey levels divided by 255.") in text
    points = person((100.4, 180.2))
    points[4, 2] = 0.05  # not found: neither dot nor line
    method = cv2.INTER_AREA if resample == "area" else cv2.INTER_LINEAR
    expected = as_the_readme_says(text, points, method, threshold)
    (before,) = frames = settings.frames(points[None], BODY_25, (640, 480))
    if "motion" not in channels:
        return np.testing.assert_array_equal(before, expected)
    assert "Channel 3, motion, is the absolute difference of the channel body from what it was" in text
    np.testing.assert_array_equal(before, [*expected, expected[1]])
    moved = points + np.float32([[0, 3 * (i == 7), 0] for i in range(25)])
    now = as_the_readme_says(text, moved, method, threshold)
    (frame,) = settings.frames(moved[None], BODY_25, (640, 480), frames)
    np.testing.assert_allclose(frame, [*now, np.abs(now[1] * 1.0 - expected[1])], atol=1e-6)
    assert frame[3].any()


def test_keypoints_have_words_of_their_own() -> None:
    eye = InputSpec("KNN", 2, 30.0, COCO_17, KeypointSettings(COCO_17, 400), simulated=False)
    text = " ".join(describe(eye).split())
    assert "divided by 200 px" in text and "keeps its row of the frame before" in text and "Resized" not in text
    assert "and the neck, which is the midpoint of the shoulders" in text


def test_a_run_itself_cannot_be_watched_with_where_torch_is_missing(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "skelmap.monitor.scorers")
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(UserError, match=r"run: without PyTorch only the folder that scripts/export.py writes"):
        watch(monitor(trained, tmp_path / "out", f"source={trained}/task/test_mixed.npz"))


def branching(self: PCA, maps: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    return (maps.sum() if maps.sum() > 0 else maps.mean()).expand(len(maps)), maps


@pytest.mark.parametrize(
    ("where", "name", "value", "message"),
    [
        (exporting, "TOLERANCE", 0.0, "as ONNX its scores differ from PyTorch's by .* of the largest; allowed is 0"),
        (PCA, "score_and_attribution", branching, "PCA on windows, keypoints: cannot be exported to ONNX"),
        (exporting, "PACKAGES", ("onnxgarden",), r"exporting needs the package onnxgarden: pip install -e '.\[onnx\]'"),
    ],
)
def test_nothing_is_written_of_a_model_that_cannot_be_exported(
    where: object,
    name: str,
    value: object,
    message: str,
    trained: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(where, name, value)
    with pytest.raises(UserError, match=message):
        export(trained / "run", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_damaged_folder_is_named(exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, eye = (exported / "model.onnx").read_bytes(), json.loads((exported / "eye.json").read_text())
    scores_alone = onnx.load_from_string(model)
    del scores_alone.graph.output[1]
    for content, window, message in (
        (scores_alone.SerializeToString(), 8, "model.onnx: gives score, not score and contributions: export it again"),
        (model[:5000], 8, "model.onnx: not a model that onnxruntime can run"),
        (model, 9, r"model.onnx: takes .* which does not fit the eye.json beside it: a window is 9 frames"),
    ):
        (tmp_path / "model.onnx").write_bytes(content)
        (tmp_path / "eye.json").write_text(json.dumps(eye | {"window": window}))
        with pytest.raises(UserError, match=message):
            OnnxScorer.open(tmp_path)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(UserError, match=r"model.onnx: .* needs the package onnxruntime: pip install onnxruntime"):
        OnnxScorer.open(exported)


def test_a_run_without_validation_recordings_is_exported_without_normal_scores(trained: Path, tmp_path: Path) -> None:
    for name in ("config.yaml", "eye.json", "checkpoints"):
        (tmp_path / "run").mkdir(exist_ok=True)
        (tmp_path / "run" / name).symlink_to(trained / "run" / name)
    export(tmp_path / "run", tmp_path / "out")
    assert not (tmp_path / "out/validation_scores.npz").exists() and (tmp_path / "out/model.onnx").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    "model",
    [
        *MODELS,
        *(f"{name} data.representation=keypoints" for name in ("ae", "lstm_vae")),
        *(f"{name} data.maps.channels=[left,right,trunk,motion,body]" for name in ("lstm_vae", "pca")),
    ],
)
def test_every_model_scores_recordings_as_it_does_in_pytorch(model: str, compose: Compose, tmp_path: Path) -> None:
    task = write_toy_dataset(tmp_path / "task")
    name, *more = model.split()
    run(compose(*SMALL, f"model={name}", *more, f"data.manifest={task}"))
    if name in IMPOSSIBLE:
        with pytest.raises(UserError, match=f"cannot be exported to ONNX .*{IMPOSSIBLE[name]}"):
            export(tmp_path / "run", tmp_path / "out")
        return
    export(tmp_path / "run", tmp_path / "out")
    recordings = [
        task.parent / f"{name}.npz" for name in ("train_a", "test_mixed")
    ]  # near its training windows and far
    assert_alike(TorchScorer(tmp_path / "run"), OnnxScorer.open(tmp_path / "out"), recordings)


@pytest.mark.slow
def test_every_score_of_a_network_is_exported(compose: Compose, tmp_path: Path) -> None:
    task = write_toy_dataset(tmp_path / "task")
    run(compose(*SMALL, "model=lstm_vae", "model.hidden_size=32", f"data.manifest={task}"))
    config = tmp_path / "run/config.yaml"
    text = config.read_text()
    for score in get_args(Score):
        config.write_text(text.replace("score: recon_error", f"score: {score}"))
        export(tmp_path / "run", tmp_path / "out")
        scorer = TorchScorer(tmp_path / "run")
        assert scorer.model.score == score
        assert_alike(scorer, OnnxScorer.open(tmp_path / "out"), [task.parent / "test_mixed.npz"])
