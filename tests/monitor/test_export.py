"""Exported runs: the ONNX model gives PyTorch's scores, and the monitor uses it without PyTorch."""

import csv
import json
import subprocess
import sys
from pathlib import Path
from typing import get_args

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from exported_run import assert_same_scores, stream_scores
from hydra_config import ROOT, Compose
from monitor_config import compose_monitor
from skelmap.cli import main
from skelmap.data.input_spec import SPEC_FILE, InputSpec
from skelmap.data.keypoints import KeypointSettings
from skelmap.data.rendering import MapSettings
from skelmap.evaluation.thresholds import SCORES_FILE
from skelmap.models.autoencoder_base import Score
from skelmap.models.baselines import PCA
from skelmap.monitor.app import run_monitor
from skelmap.monitor.onnx_export import export, readme_text
from skelmap.monitor.scorers import OnnxScorer, TorchScorer
from skelmap.skeletons.layouts import BODY_25, COCO_17
from skelmap.skeletons.readers import read_clip
from skelmap.training.run import run
from skelmap.utils.errors import UserError
from synthetic_data import write_toy_dataset

MODELS = sorted(path.stem for path in (ROOT / "conf/model").glob("*.yaml"))
SMALL = ("trainer=cpu", "trainer.max_epochs=1", "data=manifest", "data.seq_len=8")
NOT_EXPORTABLE = {"feature_knn_ranks": "searchsorted"}
"""Operation that ONNX lacks, by model."""
WITHOUT_TORCH = """
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("torch", "pytorch_lightning", "torchmetrics", "sklearn", "matplotlib", "jinja2"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Missing())
from skelmap.cli import main
main(["monitor", *sys.argv[1:]])
"""


@pytest.fixture(scope="module")
def exported(trained: Path) -> Path:
    export(trained / "run", trained / "run/onnx")
    return trained / "run/onnx"


def read_rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
def test_the_monitor_runs_without_torch_to_the_same_scores_and_events(
    trained: Path, exported: Path, tmp_path: Path
) -> None:
    overrides = (f"source={trained}/task/test_mixed.npz", "threshold=1e-3", "save_video=false")
    run_monitor(compose_monitor(trained / "run", tmp_path / "torch", *overrides))
    command = [sys.executable, "-c", WITHOUT_TORCH, f"checkpoint={exported}", f"output={tmp_path}/onnx", *overrides]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0 and "ALARM" in done.stdout, done.stdout + done.stderr
    expected, found = (read_rows(tmp_path / name / "scores.csv") for name in ("torch", "onnx"))
    assert [row | {"score": ""} for row in found] == [row | {"score": ""} for row in expected] and len(found) == 143
    scores, onnx_scores = (np.array([float(row["score"]) for row in rows]) for rows in (expected, found))
    np.testing.assert_allclose(onnx_scores, scores, rtol=0, atol=1e-4 * scores.max())
    expected, found = (read_rows(tmp_path / name / "events.csv") for name in ("torch", "onnx"))
    assert [row | {"peak": ""} for row in found] == [row | {"peak": ""} for row in expected] and len(found) == 1


def export_command(*arguments: object) -> None:
    main(["export", *map(str, arguments)])


def test_the_command_exports_a_run_and_reports_errors(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    export_command(trained / "run", "--out", tmp_path / "out")
    assert f"{tmp_path}/out: differs from PyTorch by " in capsys.readouterr().out
    written = {path.name for path in (tmp_path / "out").iterdir()}
    assert written == {"model.onnx", SPEC_FILE, SCORES_FILE, "README.txt"}
    with pytest.raises(SystemExit, match=rf"README.txt/onnx/{SPEC_FILE}: cannot be written \(Not a directory\)"):
        export_command(trained / "run", "--out", tmp_path / "out/README.txt/onnx")
    with pytest.raises(SystemExit, match="task: not the folder of a finished run or an exported model"):
        export_command(trained / "task")


def test_the_graph_has_named_inputs_and_outputs_and_takes_any_number_of_windows(exported: Path) -> None:
    graph = onnx.load(exported / "model.onnx").graph
    shapes = {
        value.name: [size.dim_value or size.dim_param for size in value.type.tensor_type.shape.dim]
        for value in (*graph.input, *graph.output)
    }
    windows_shape = ["B", 8, 1, 25, 2]
    assert shapes == {"frames": windows_shape, "score": ["B"], "attribution": windows_shape}
    assert [value.name for value in graph.output] == ["score", "attribution"]
    session = onnxruntime.InferenceSession(exported / "model.onnx")
    windows = np.random.default_rng(0).random((5, 8, 1, 25, 2), np.float32)
    score, attribution = session.run(["score", "attribution"], {"frames": windows})
    assert score.shape == (5,) and attribution.shape == windows.shape
    np.testing.assert_allclose(attribution.mean(axis=(1, 2, 3, 4)), score, rtol=1e-4)
    (single,) = session.run(["score"], {"frames": windows[3:4]})
    np.testing.assert_allclose(single, score[3:4], rtol=1e-5)


def test_the_exported_folder_alone_makes_frames_and_scores_from_keypoints(trained: Path, exported: Path) -> None:
    spec = InputSpec.read(exported)
    clip = read_clip(trained / "task/test_mixed.npz", "clip")
    frames: list[np.ndarray] = []
    previous = None
    for keypoints in clip.keypoints:
        previous = spec.settings.frames(keypoints[None], clip.layout, clip.size, previous)
        frames.append(previous[0])
    windows = np.stack([np.stack(frames[i : i + spec.window]) for i in range(len(frames) - spec.window + 1)])
    (scores,) = onnxruntime.InferenceSession(exported / "model.onnx").run(["score"], {"frames": windows})
    expected = np.array(list(stream_scores(TorchScorer.open(trained / "run"), clip)))
    np.testing.assert_allclose(scores, expected, rtol=0, atol=1e-4 * expected.max())


@pytest.mark.parametrize(
    ("layout", "settings"),
    [
        (BODY_25, MapSettings(40, 300, line_width=6)),
        (COCO_17, MapSettings(channels=["left", "body", "motion"], resample="area", threshold=None)),
        (COCO_17, KeypointSettings(COCO_17, 400)),
    ],
    ids=str,
)
def test_the_readme_names_the_model_its_inputs_and_outputs(
    layout: object, settings: MapSettings | KeypointSettings
) -> None:
    text = readme_text(InputSpec("a model", 5, 25.0, layout, settings, simulated=False))
    shape = ", ".join(map(str, (5, *settings.shape)))
    for expected in ("a model", f"frames, float32 (B, {shape})", f"attribution, float32 (B, {shape})", layout.name):
        assert expected in text


def test_the_readme_is_the_description_of_the_onnx_file(exported: Path) -> None:
    assert onnx.load(exported / "model.onnx").doc_string == (exported / "README.txt").read_text()


def test_a_run_folder_needs_torch(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(UserError, match=r"run: without PyTorch only an exported model can be used"):
        run_monitor(compose_monitor(trained / "run", tmp_path / "out", f"source={trained}/task/test_mixed.npz"))


def test_a_model_with_branches_on_values_is_not_exported(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def branching(self: PCA, windows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return (windows.sum() if windows.sum() > 0 else windows.mean()).expand(len(windows)), windows

    monkeypatch.setattr(PCA, "score_and_attribution", branching)
    with pytest.raises(UserError, match="PCA on windows, keypoints: cannot be exported to ONNX"):
        export(trained / "run", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_model_that_differs_from_pytorch_is_not_exported(trained: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"exported scores differ from PyTorch's by .*; allowed: 0"):
        export(trained / "run", tmp_path / "out", tolerance=0.0)
    assert not (tmp_path / "out").exists()


def test_a_damaged_export_is_reported(exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, spec = (exported / "model.onnx").read_bytes(), json.loads((exported / SPEC_FILE).read_text())
    score_only = onnx.load_from_string(model)
    del score_only.graph.output[1]
    for content, window, message in (
        (score_only.SerializeToString(), 8, r"model.onnx: outputs \['score'\]; needed: score, attribution"),
        (model[:5000], 8, "model.onnx: not a model that onnxruntime can run"),
        (model, 9, r"model.onnx: inputs .* do not fit the input_spec.json"),
    ):
        (tmp_path / "model.onnx").write_bytes(content)
        (tmp_path / SPEC_FILE).write_text(json.dumps(spec | {"window": window}))
        with pytest.raises(UserError, match=message):
            OnnxScorer.open(tmp_path)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(UserError, match=r"model.onnx: .* needs the package onnxruntime: pip install onnxruntime"):
        OnnxScorer.open(exported)


def test_a_run_without_validation_scores_is_exported_without_them(trained: Path, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    for name in ("config.yaml", SPEC_FILE, "checkpoints"):
        (tmp_path / "run" / name).symlink_to(trained / "run" / name)
    export(tmp_path / "run", tmp_path / "out")
    assert not (tmp_path / "out" / SCORES_FILE).exists() and (tmp_path / "out/model.onnx").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    "model",
    [
        *MODELS,
        "lstm_vae data.representation=keypoints",
        "lstm_vae data.maps.channels=[left,right,trunk,motion,body]",
    ],
)
def test_every_exported_model_gives_pytorchs_scores(model: str, compose: Compose, tmp_path: Path) -> None:
    manifest = write_toy_dataset(tmp_path / "task")
    name, *overrides = model.split()
    run(compose(*SMALL, f"model={name}", *overrides, f"data.manifest={manifest}"))
    if name in NOT_EXPORTABLE:
        with pytest.raises(UserError, match=f"cannot be exported to ONNX .*{NOT_EXPORTABLE[name]}"):
            export(tmp_path / "run", tmp_path / "out")
        return
    export(tmp_path / "run", tmp_path / "out")
    recordings = [manifest.parent / f"{name}.npz" for name in ("train_a", "test_mixed")]  # low and high scores
    assert_same_scores(TorchScorer.open(tmp_path / "run"), OnnxScorer.open(tmp_path / "out"), recordings)


@pytest.mark.slow
def test_every_score_of_a_network_is_exported(compose: Compose, tmp_path: Path) -> None:
    manifest = write_toy_dataset(tmp_path / "task")
    run(compose(*SMALL, "model=vae", f"data.manifest={manifest}"))
    config = tmp_path / "run/config.yaml"
    text = config.read_text()
    for score in set(get_args(Score)) - {"recon_error"}:  # exported above
        config.write_text(text.replace("score: recon_error", f"score: {score}"))
        export(tmp_path / "run", tmp_path / "out")
        scorer = TorchScorer.open(tmp_path / "run")
        assert scorer.model.score == score
        assert_same_scores(scorer, OnnxScorer.open(tmp_path / "out"), [manifest.parent / "test_mixed.npz"])
