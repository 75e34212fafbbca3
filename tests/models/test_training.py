"""Every model of conf/model trains, scores and is restored from its checkpoint."""

import math
from pathlib import Path

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from sklearn.metrics import roc_auc_score

from hydra_config import Compose
from model_cases import MODELS, NETWORKS, built, small_overrides, trainer
from skelmap.data.datamodule import SkeletonDataModule
from skelmap.training.run import run

every_model = pytest.mark.parametrize("name", MODELS)


def scores(fitted: pl.Trainer, model: pl.LightningModule, data: SkeletonDataModule) -> tuple[np.ndarray, np.ndarray]:
    """Scores and labels of the test windows that are wholly normal or wholly abnormal."""
    parts, _ = fitted.predict(model, data)  # of the test and the validation split
    start, score = torch.cat([p.start for p in parts]).numpy(), torch.cat([p.score for p in parts]).numpy()
    rows = start[:, None] + np.arange(data.window)
    names = [data.manifest.recordings[c] for c in range(len(data.manifest.recordings))]
    label = np.array([names[data.cache.clip[r[0]]].labels(data.cache.frame[r]).mean() for r in rows])
    pure = (label == 0) | (label == 1)
    return score[pure], label[pure]


@every_model
def test_a_model_fits_few_windows_and_detects_obvious_anomalies(name: str, compose: Compose, task: Path) -> None:
    model, data = built(compose, task, name, "data.window_stride=4", "data.batch_size=8", "data.maps.resample=area")
    fitted = trainer(epochs=40 if name in NETWORKS else 10 if name == "masked_keypoints" else 1)
    fitted.fit(model, data)
    score, label = scores(fitted, model, data)
    assert roc_auc_score(label, score) > 0.95


@every_model
def test_a_checkpoint_is_plain_and_gives_the_same_scores(
    name: str, compose: Compose, task: Path, tmp_path: Path
) -> None:
    model, data = built(compose, task, name, "data.window_stride=4", "data.batch_size=8")
    fitted = trainer(epochs=1)
    fitted.fit(model, data)
    before, _ = scores(fitted, model, data)
    path = tmp_path / "model.ckpt"
    fitted.save_checkpoint(path)
    content = torch.load(path, weights_only=True)
    assert content["state_dict"].keys() == model.state_dict().keys()
    loaded = type(model).load_from_checkpoint(path, weights_only=True)
    assert loaded.hparams == model.hparams
    after, _ = scores(trainer(1), loaded, data)
    np.testing.assert_array_equal(after, before)


@pytest.mark.parametrize("name", ["ae", "pca"])  # a network and a baseline
def test_evaluation_alone_repeats_the_results(name: str, compose: Compose, task: Path, tmp_path: Path) -> None:
    words = (*small_overrides(name), f"data.manifest={task}", "data.window_stride=4", "trainer.max_epochs=1")
    trained = run(compose(*words))
    best = tmp_path / "run" / "checkpoints" / "best.ckpt"
    evaluated = run(compose(*words, "train=false", f"ckpt_path={best}", run=tmp_path / "evaluated"))
    assert evaluated["auroc"] == trained["auroc"] and evaluated["epochs"] == trained["epochs"] == 1
    assert (tmp_path / "evaluated" / "scores.csv").read_text() == (tmp_path / "run" / "scores.csv").read_text()


@every_model
def test_bfloat16_trains(name: str, compose: Compose, task: Path) -> None:
    model, data = built(compose, task, name, "data.window_stride=4", "data.batch_size=8")
    fitted = trainer(1, precision="bf16-mixed")
    fitted.fit(model, data)
    assert math.isfinite(fitted.callback_metrics["val/loss"])
    assert np.isfinite(scores(fitted, model, data)[0]).all()


@pytest.mark.parametrize("name", NETWORKS)
def test_kl_per_latent_and_active_units_are_logged(name: str, compose: Compose, task: Path) -> None:
    model, data = built(compose, task, name, "data.window_stride=4")
    fitted = trainer(epochs=1)
    fitted.fit(model, data)
    logged = fitted.callback_metrics
    assert 0 <= logged["val/active_units"] <= 4
    latents = [float(value) for key, value in logged.items() if key.startswith("val/kl_")]
    assert len(latents) == (0 if name == "ae" else 4)
    if latents:
        assert sum(latents) == pytest.approx(float(logged["val/kl"]), rel=1e-4)


def test_a_baseline_fits_to_at_most_max_windows(compose: Compose, task: Path) -> None:
    model, data = built(compose, task, "knn", "model.max_windows=30", "data.batch_size=8")
    trainer(epochs=1).fit(model, data)
    assert model.memory_bank.shape == (30, 4)


@pytest.mark.slow
def test_training_resumed_from_the_best_checkpoint_equals_uninterrupted_training(
    task: Path, compose: Compose, tmp_path: Path
) -> None:
    words = (*small_overrides("ae"), f"data.manifest={task}", "data.window_stride=4")
    run(compose(*words, "trainer.max_epochs=2", run=tmp_path / "whole"))
    run(compose(*words, "trainer.max_epochs=1", run=tmp_path / "half"))
    best = f"ckpt_path={tmp_path}/half/checkpoints/best.ckpt"
    run(compose(*words, "trainer.max_epochs=2", best, run=tmp_path / "resumed"))
    whole, on = (torch.load(tmp_path / n / "checkpoints/best.ckpt", weights_only=True) for n in ("whole", "resumed"))
    assert whole["epoch"] == on["epoch"] == 1
    torch.testing.assert_close(on["state_dict"], whole["state_dict"], rtol=0, atol=0)


@pytest.mark.slow
def test_the_best_checkpoint_serves_all_scores(task: Path, compose: Compose, tmp_path: Path) -> None:
    words = (*small_overrides("vae"), f"data.manifest={task}", "data.window_stride=4", "trainer.max_epochs=1")
    trained = run(compose(*words, run=tmp_path / "trained"))
    best = f"ckpt_path={tmp_path}/trained/checkpoints/best.ckpt"
    other = run(compose(*words, "train=false", "model.score=elbo", best, run=tmp_path / "elbo"))
    assert other["auroc"] != trained["auroc"]


def test_training_resumes_from_optimiser_moments_in_another_memory_layout(
    compose: Compose, task: Path, tmp_path: Path
) -> None:
    model, data = built(compose, task, "vae")
    first = trainer(1)
    first.fit(model, data)
    first.save_checkpoint(tmp_path / "a.ckpt")
    saved = torch.load(tmp_path / "a.ckpt", weights_only=True)
    laid_out_anew = 0
    for moments in saved["optimizer_states"][0]["state"].values():
        for name in ("exp_avg", "exp_avg_sq"):
            laid_out_anew += not moments[name].is_contiguous()
            moments[name] = moments[name].contiguous()
    assert laid_out_anew
    torch.save(saved, tmp_path / "b.ckpt")
    weights = []
    for name in ("a", "b"):
        model, data = built(compose, task, "vae")
        trainer(2).fit(model, data, ckpt_path=str(tmp_path / f"{name}.ckpt"), weights_only=True)
        weights.append(torch.cat([parameter.detach().flatten() for parameter in model.parameters()]))
    assert torch.equal(*weights)
