"""On a GPU every model trains and gives the scores of the CPU; the run can be used on a CPU."""

import csv
import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from pytorch_lightning import Callback
from sklearn.metrics import roc_auc_score

from hydra_config import Compose
from model_cases import MODELS, NETWORKS, small_overrides
from skelmap.data.input_spec import InputSpec
from skelmap.evaluation import metrics
from skelmap.monitor.scorers import load_model
from skelmap.training.callbacks import CudaGraph
from skelmap.training.config_check import resolve
from skelmap.training.prepare import prepare
from skelmap.training.run import run

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU"),
]
SMALL = ("trainer=gpu", "data.window_stride=4", "data.batch_size=8", "trainer.max_epochs=3")


def small(name: str, task: Path) -> list[str]:
    """Overrides for a small model on the GPU."""
    words = [word for word in small_overrides(name) if not word.startswith("trainer")]
    return [*words, *SMALL, f"data.manifest={task}"]


def scores(folder: Path) -> np.ndarray:
    with (folder / "scores.csv").open(newline="") as file:
        return np.array([float(line["score"]) for line in csv.DictReader(file) if line["score"]])


@pytest.mark.parametrize("name", MODELS)
def test_a_model_trained_on_a_gpu_scores_there_as_on_the_cpu(
    name: str, task: Path, compose: Compose, tmp_path: Path
) -> None:
    there = run(compose(*small(name, task), run=tmp_path / "gpu"))
    assert there["peak_memory_mb"] > 0
    best = tmp_path / "gpu" / "checkpoints" / "best.ckpt"
    words = (*small(name, task), "trainer=cpu", "train=false", f"ckpt_path={best}")
    here = run(compose(*words, run=tmp_path / "cpu"))
    expected = scores(tmp_path / "cpu")
    # cuDNN multiplies in TF32, ten bits of mantissa, which networks use; distances are computed in full precision
    tolerance = (1e-2 if name in NETWORKS else 1e-4) * float(np.abs(expected).max())
    np.testing.assert_allclose(scores(tmp_path / "gpu"), expected, rtol=0, atol=tolerance)
    assert there["auroc"] == pytest.approx(here["auroc"], abs=0.01)
    load_model(tmp_path / "gpu", InputSpec.read(tmp_path / "gpu"))  # for the monitor


@pytest.mark.parametrize("name", ["lstm_vae", "vae"])
def test_full_float32_scores_as_the_cpu_does(
    name: str, task: Path, compose: Compose, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    run(compose(*small(name, task), run=tmp_path / "gpu"))
    best = tmp_path / "gpu" / "checkpoints" / "best.ckpt"
    run(compose(*small(name, task), "trainer=cpu", "train=false", f"ckpt_path={best}", run=tmp_path / "cpu"))
    expected = scores(tmp_path / "cpu")
    np.testing.assert_allclose(scores(tmp_path / "gpu"), expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("representation", ["maps", "keypoints"])
def test_windows_unpacked_on_the_gpu_are_those_of_the_cpu(representation: str, task: Path, compose: Compose) -> None:
    words = (*small("ae", task), f"data.representation={representation}")
    data = prepare(resolve(compose(*words))).data
    starts = torch.from_numpy(data.starts("test"))
    assert torch.equal(data.gather(starts.cuda()).cpu(), data.gather(starts))


def test_auroc_on_the_gpu_is_exact_with_ties_and_with_halves() -> None:
    generator = torch.Generator().manual_seed(0)
    label = (torch.rand(100_000, generator=generator) < 0.1).long()
    smooth = torch.randn(100_000, generator=generator) + label
    for score in (smooth, smooth.round(), 1e6 + 1e3 * smooth, smooth.half()):
        expected = roc_auc_score(label.numpy(), score.double().numpy())
        assert metrics.auroc(score.cuda(), label.cuda()) == pytest.approx(expected, abs=1e-6)


def test_an_interrupted_run_resumes_from_its_last_epoch(task: Path, compose: Compose, tmp_path: Path) -> None:
    run(compose(*small("lstm_vae", task), "trainer.max_epochs=1", run=tmp_path / "run"))
    (tmp_path / "run" / "metrics.json").unlink()
    (tmp_path / "run" / "config.yaml").unlink()
    longer = run(compose(*small("lstm_vae", task), run=tmp_path / "run"))
    assert longer["epochs"] == 3
    last = torch.load(tmp_path / "run" / "checkpoints" / "last.ckpt", map_location="cpu", weights_only=True)
    (history,) = (state["epochs"] for name, state in last["callbacks"].items() if "History" in name)
    assert len(history["train/loss"]) == 3 and all(map(math.isfinite, history["train/loss"]))


@pytest.mark.parametrize("name", ["lstm_vae", "feature_knn"])
def test_half_precision_trains(name: str, task: Path, compose: Compose, tmp_path: Path) -> None:
    numbers = run(compose(*small(name, task), "trainer.precision=bf16-mixed"))
    assert math.isfinite(numbers["val_loss"]) and 0 <= numbers["auroc"] <= 1


def test_the_same_seed_gives_the_same_run(task: Path, compose: Compose, tmp_path: Path) -> None:
    words = (*small("lstm_vae", task), "+trainer.deterministic=true")
    both = [run(compose(*words, run=tmp_path / name)) for name in ("one", "two")]
    assert both[0]["val_loss"] == both[1]["val_loss"]
    one, two = (json.loads((tmp_path / name / "metrics.json").read_text())["auroc"] for name in ("one", "two"))
    assert one == two and np.array_equal(scores(tmp_path / "one"), scores(tmp_path / "two"))


@pytest.mark.parametrize("name", NETWORKS)
def test_a_cuda_graph_gives_the_results_of_the_ordinary_step(
    name: str, task: Path, compose: Compose, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = (*small(name, task), "trainer.max_epochs=5", "+trainer.deterministic=true")
    graph = run(compose(*words, run=tmp_path / "graph"))
    monkeypatch.setattr(CudaGraph, "on_train_start", Callback.on_train_start)
    ordinary = run(compose(*words, run=tmp_path / "ordinary"))
    assert graph["val_loss"] == pytest.approx(ordinary["val_loss"], rel=1e-4)
    np.testing.assert_allclose(scores(tmp_path / "graph"), scores(tmp_path / "ordinary"), rtol=1e-2)
