"""Whole runs: from a manifest to metrics, files and checkpoints."""

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from hydra_config import Compose, compose_train
from monitor_config import compose_monitor
from real_recordings import write_part
from skelmap.comparison.comparison import compare_runs
from skelmap.monitor.app import run_monitor
from skelmap.monitor.scorers import TorchScorer
from skelmap.skeletons.archives import write_clip
from skelmap.skeletons.layouts import COCO_17, COCO_18
from skelmap.skeletons.readers import read_clip
from skelmap.training.run import run
from skelmap.utils.errors import UserError
from synthetic_data import add_recordings, as_coco, make_clip, person, wave, write_manifest, write_toy_dataset

SMALL = ("trainer=cpu", "trainer.max_epochs=2", "data.seq_len=8", "data.window_stride=4")
SIZES: dict[str, tuple[str, ...]] = {
    "lstm_vae": ("model.hidden_size=16", "model.latent_dim=4"),
    "ae": ("model.channels=[2,4]", "model.latent_dim=4"),
    "pca": ("trainer.max_epochs=1", "model.latent_dim=4"),
    "gmm": ("trainer.max_epochs=1", "model.latent_dim=4", "model.n_components=2"),
    "feature_knn": ("trainer.max_epochs=1", "model.n_neighbors=3", "model.n_components=[4,4,4,4,4]"),
}


def overrides(task: Path, model: str) -> list[str]:
    return ["data=manifest", f"data.manifest={task}", f"model={model}", *SMALL, *SIZES.get(model, ())]


def read_scores(folder: Path) -> list[dict[str, str]]:
    with (folder / "scores.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def auroc_of(lines: list[dict[str, str]]) -> float:
    scored = [line for line in lines if line["score"]]
    return float(roc_auc_score([int(line["label"]) for line in scored], [float(line["score"]) for line in scored]))


def last_weights(folder: Path) -> dict[str, torch.Tensor]:
    checkpoint: dict[str, Any] = torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)
    weights: dict[str, torch.Tensor] = checkpoint["state_dict"]
    return weights


def run_once(folder: Path, cache: Path, *words: str) -> Path:
    run(compose_train(f"paths.output_dir={folder}", f"paths.cache_dir={cache}", *words))
    return folder


@pytest.fixture(scope="module")
def autoencoder(task: Path, shared_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a finished run of an AE."""
    return run_once(tmp_path_factory.mktemp("runs") / "ae", shared_cache, *overrides(task, "ae"))


@pytest.fixture(scope="module")
def four_epochs(task: Path, shared_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of an LSTM-VAE trained for four epochs."""
    words = (*overrides(task, "lstm_vae"), "trainer.max_epochs=4")
    return run_once(tmp_path_factory.mktemp("runs") / "lstm_vae", shared_cache, *words)


@pytest.mark.parametrize("model", ["lstm_vae", "pca"])
def test_a_run_writes_its_files_and_the_auroc_of_its_scores(
    model: str, task: Path, compose: Compose, tmp_path: Path
) -> None:
    metrics = run(compose(*overrides(task, model)))
    folder = tmp_path / "run"
    files = ("config.yaml", "versions.json", "data_digests.json", "report.html", "figures/roc.png", "input_spec.json")
    for name in (*files, "validation_scores.npz", "checkpoints/best.ckpt"):
        assert (folder / name).stat().st_size > 0, name
    assert json.loads((folder / "metrics.json").read_text()) == metrics
    assert metrics["auroc"] == pytest.approx(auroc_of(read_scores(folder)), abs=1e-6)
    assert metrics["simulated"] is False and metrics["fps"] == 30


def test_a_resumed_run_equals_an_uninterrupted_one_with_the_same_seed_bit_for_bit(
    four_epochs: Path, task: Path, compose: Compose, tmp_path: Path
) -> None:
    words = overrides(task, "lstm_vae")
    run(compose(*words, run=tmp_path / "half"))
    last = tmp_path / "half" / "checkpoints" / "last.ckpt"
    run(compose(*words, "trainer.max_epochs=4", f"ckpt_path={last}", run=tmp_path / "resumed"))
    whole, resumed = last_weights(four_epochs), last_weights(tmp_path / "resumed")
    assert whole.keys() == resumed.keys()
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
    assert read_scores(four_epochs) == read_scores(tmp_path / "resumed")
    other = run(compose(*words, "seed=1", run=tmp_path / "other"))
    assert other["val_loss"] != json.loads((tmp_path / "half" / "metrics.json").read_text())["val_loss"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("model=vae", "not a checkpoint of VAE"),
        ("data.img_size=56", "data.img_size=28; allowed is that, not 56"),
        ("model.latent_dim=8", "model.latent_dim=4; allowed is that, not 8"),
        ("data.maps.line_width=3", "data.maps.line_width=8; allowed is that, not 3"),
        ("data.maps.threshold=0.2", "data.maps.threshold=0.1; allowed is that, not 0.2"),
        ("data.maps.channels=[left,body]", "data.maps.channels=['body']; allowed is that, not ['left', 'body']"),
        ("data.fps=15", "data.fps=30.0; allowed is that, not 15"),
    ],
)
def test_a_checkpoint_of_another_model_or_other_data_is_refused(
    change: str, message: str, autoencoder: Path, task: Path, compose: Compose
) -> None:
    best = f"ckpt_path={autoencoder}/checkpoints/best.ckpt"
    with pytest.raises(UserError) as error:
        run(compose(*overrides(task, "ae"), change, "train=false", best))
    assert message in str(error.value)


def test_resuming_with_another_loss_is_refused(four_epochs: Path, task: Path, compose: Compose) -> None:
    last = f"ckpt_path={four_epochs}/checkpoints/last.ckpt"
    with pytest.raises(UserError, match=r"trained with model\.beta=1\.0; allowed is that, not 2"):
        run(compose(*overrides(task, "lstm_vae"), last, "model.beta=2", "trainer.max_epochs=5"))


def test_a_truncated_checkpoint_is_refused(autoencoder: Path, task: Path, compose: Compose, tmp_path: Path) -> None:
    path = tmp_path / "truncated.ckpt"
    path.write_bytes((autoencoder / "checkpoints" / "best.ckpt").read_bytes()[:500])
    with pytest.raises(UserError, match="not a checkpoint of this program"):
        run(compose(*overrides(task, "ae"), "train=false", f"ckpt_path={path}"))


@pytest.mark.slow
def test_a_run_on_several_channels(task: Path, compose: Compose, tmp_path: Path) -> None:
    channels = ("left", "right", "trunk", "motion", "body")
    maps = (f"data.maps.channels=[{','.join(channels)}]", "data.maps.threshold=null")
    run(compose(*overrides(task, "lstm_vae"), *maps))
    assert (tmp_path / "run" / "figures" / "reconstructions.png").exists()
    spec = TorchScorer.open(tmp_path / "run").spec
    assert spec.settings.shape == (5, 28, 28) and spec.settings.channels == channels
    assert last_weights(tmp_path / "run")["network.encoder.stages.0.weight"].shape == (8, 5, 3, 3)


def test_keypoint_models_use_the_layout_of_their_clips(compose: Compose, tmp_path: Path) -> None:
    task = write_toy_dataset(tmp_path / "task")
    for path in task.parent.glob("*.npz"):
        write_clip(path, as_coco(read_clip(path, path.stem)))
    words = overrides(task, "feature_knn")
    assert 0 <= run(compose(*words))["auroc"] <= 1
    assert TorchScorer.open(tmp_path / "run").spec.layout is COCO_17
    for path in task.parent.glob("*.npz"):  # as many joints, in another order
        clip = read_clip(path, path.stem)
        write_clip(path, replace(clip, layout=COCO_18, keypoints=np.pad(clip.keypoints, ((0, 0), (1, 0), (0, 0)))))
    best = f"ckpt_path={tmp_path}/run/checkpoints/best.ckpt"
    with pytest.raises(UserError, match=r"trained with data\.layout=COCO_17; allowed is that, not COCO_18"):
        run(compose(*words, "train=false", best, run=tmp_path / "coco_18"))


def test_recordings_without_people_are_skipped(autoencoder: Path, compose: Compose, tmp_path: Path) -> None:
    task = write_toy_dataset(tmp_path / "task")
    for split in ("train", "val", "test"):
        add_recordings(task, split, make_clip(np.zeros((20, 25, 3), np.float32), f"nobody_in_{split}"))
    metrics, without = run(compose(*overrides(task, "ae"))), json.loads((autoencoder / "metrics.json").read_text())
    assert metrics["val_loss"] == without["val_loss"]
    assert metrics["counts"]["frames"] == without["counts"]["frames"] + 20


@pytest.mark.parametrize(
    ("model", "warning"),
    [
        ("ae", "no validation windows: the last epoch's weights are "),
        ("feature_knn", "no validation windows: "),
        pytest.param("pca", "", marks=pytest.mark.slow),
    ],
)
def test_a_missing_validation_split_is_warned_about(
    model: str, warning: str, compose: Compose, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    task = write_toy_dataset(tmp_path / "task", with_val=False)
    assert run(compose(*overrides(task, model)))["val_loss"] is None
    assert not (tmp_path / "run" / "validation_scores.npz").exists()
    report = (tmp_path / "run" / "report.html").read_text().replace("&#39;", "'")
    for text in (caplog.text, report):
        assert text.count("no validation windows") == bool(warning) and warning in text


def without_split(task: Path, folder: Path, *splits: str) -> Path:
    """A manifest beside that of the task, without the recordings of some splits."""
    with task.open(newline="") as file:
        lines = [line for line in csv.DictReader(file) if line["split"] not in splits]
    folder.mkdir()
    path = folder / "manifest.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, lines[0].keys())
        writer.writeheader()
        writer.writerows({**line, "path": str(task.parent / line["path"])} for line in lines)
    return path


def test_a_run_without_test_split_is_for_the_monitor_and_says_so(
    task: Path, compose: Compose, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    manifest, folder = without_split(task, tmp_path / "two", "test"), tmp_path / "run"
    words = (*overrides(manifest, "ae"), "logger=[csv,tensorboard]")
    with caplog.at_level("INFO"):
        metrics = run(compose(*words))
    assert "two/manifest.csv has no recordings of split test: nothing to evaluate" in caplog.text
    assert (metrics["auroc"], metrics["auroc_reason"]) == (None, "no recordings of split test")
    assert metrics == json.loads((folder / "metrics.json").read_text()) and metrics["val_loss"] > 0
    assert not (folder / "report.html").exists() and not (folder / "scores.csv").exists()
    assert run(compose(*words)) == metrics, "finished"
    monitor = ("false_alarms_per_hour=1800", f"source={task}", "save_video=false", "evidence.seconds=null")
    run_monitor(compose_monitor(folder, tmp_path / "out", *monitor))
    assert json.loads((tmp_path / "out" / "monitor.json").read_text())["validation"]["false_alarms"] == 0
    with pytest.raises(UserError, match="run: not evaluated: no recordings of split test"):
        compare_runs(folder)


def test_scores_that_are_all_equal_are_reported_everywhere(
    compose: Compose, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    lines = [["a", "a.npz", "train", "a"], ["b", "b.npz", "test", "b"], ["c", "c.npz", "test", "c", "all"]]
    for name in "abc":
        write_clip(tmp_path / f"{name}.npz", make_clip(np.repeat(person()[None], 40, axis=0), name))
    data = ("data=manifest", f"data.manifest={write_manifest(tmp_path, lines)}", "data.seq_len=8")
    with caplog.at_level("INFO"):
        metrics = run(compose(*data, "model=mean_template", "trainer=cpu"))
    warning = "100% of the test frames with people have the same score, in clip b, c: "
    for texts in (caplog.messages, metrics["warnings"], [(tmp_path / "run" / "report.html").read_text()]):
        assert sum(warning in text for text in texts) == 1
    assert metrics["auroc"] == 0.5
    stages = [line for line in caplog.messages if line.startswith(("scoring", "evaluating", "writing", "report:"))]
    assert [line.split()[0] for line in stages] == ["scoring", "evaluating", "writing", "report:"]


def test_evaluation_alone_needs_the_test_split_alone(
    autoencoder: Path, task: Path, compose: Compose, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    manifest = without_split(task, tmp_path / "test", "train", "val")
    best = f"ckpt_path={autoencoder}/checkpoints/best.ckpt"
    metrics = run(compose(*overrides(manifest, "ae"), "train=false", best))
    assert metrics["auroc"] == json.loads((autoencoder / "metrics.json").read_text())["auroc"]
    assert read_scores(tmp_path / "run") == read_scores(autoencoder)
    assert "no validation" not in caplog.text
    manifest = without_split(task, tmp_path / "train", "test")
    with pytest.raises(UserError, match=r"manifest\.csv: no recording of split test"):
        run(compose(*overrides(manifest, "ae"), "train=false", best, run=tmp_path / "other"))


def test_a_finished_run_is_not_repeated_and_its_folder_not_reused(
    autoencoder: Path, task: Path, compose: Compose
) -> None:
    path, words = autoencoder / "metrics.json", overrides(task, "ae")
    before = path.stat().st_mtime_ns
    assert run(compose(*words, run=autoencoder)) == json.loads(path.read_text())
    assert path.stat().st_mtime_ns == before
    with pytest.raises(UserError, match=r"results of another configuration, model.latent_dim=4 and not 3; choose ano"):
        run(compose(*words, "model.latent_dim=3", run=autoencoder))


def test_an_interrupted_run_resumes_in_its_folder_with_the_same_data_only(compose: Compose, tmp_path: Path) -> None:
    task, folder = write_toy_dataset(tmp_path / "task"), tmp_path / "run"
    again = compose(*overrides(task, "ae"))
    metrics, scores = run(again), read_scores(folder)
    manifest, clip = task.read_bytes(), (task.parent / "val.npz").read_bytes()
    for interrupted in (False, True):
        if interrupted:
            (folder / "metrics.json").unlink()
        task.write_bytes(manifest.replace(b"30-60", b"30-50"))
        with pytest.raises(UserError, match=r"manifest=.*manifest.csv: it has changed since .*; choose another folder"):
            run(again)
        task.write_bytes(manifest)
        write_clip(task.parent / "val.npz", make_clip(wave(60, 9)))
        with pytest.raises(UserError, match=r"manifest.csv: one of its recordings has changed since the run in .*run"):
            run(again)
        (task.parent / "val.npz").write_bytes(clip)
    assert run(again)["auroc"] == metrics["auroc"] and read_scores(folder) == scores


def test_several_loggers_get_the_same_metrics(task: Path, compose: Compose, tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    metrics = run(compose(*overrides(task, "ae"), "logger=[csv,tensorboard]"))
    (table,) = (tmp_path / "run" / "log").rglob("metrics.csv")
    with table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    events = EventAccumulator(str(tmp_path / "run" / "tensorboard" / "version_0")).Reload()
    for key in ("train/loss", "val/loss", "test/auroc"):
        written = [float(row[key]) for row in rows if row[key]]
        assert [scalar.value for scalar in events.Scalars(key)] == pytest.approx(written, rel=1e-6) and written
    assert written == [metrics["auroc"]]
    assert "_hparams_/session_start_info" in events.PluginTagToContent("hparams")
    figures = {f"figures/{path.stem}" for path in (tmp_path / "run" / "figures").glob("*.png")}
    assert set(events.Tags()["images"]) == figures and "figures/roc" in figures


@pytest.mark.slow
def test_mlflow_gets_metrics_and_figures_in_a_folder(
    task: Path, compose: Compose, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracking = pytest.importorskip("mlflow.tracking", reason="the logger needs the extra mlflow")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    metrics = run(compose(*overrides(task, "ae"), "logger=[csv,mlflow]", f"logger.mlflow.tracking_uri={tmp_path}/runs"))
    client = tracking.MlflowClient((tmp_path / "runs").as_uri())
    (logged,) = client.search_runs([client.get_experiment_by_name("skelmap").experiment_id])
    assert (logged.info.run_name, logged.info.status) == ("run", "FINISHED")
    assert logged.data.metrics["test/auroc"] == pytest.approx(metrics["auroc"])
    assert logged.data.params["data/img_size"] == "28"
    assert {path.path for path in client.list_artifacts(logged.info.run_id)} == {"figures", "report.html"}


@pytest.mark.slow
@pytest.mark.parametrize("model", ["lstm_vae", "pca"])
def test_real_openpose_json_is_trained_and_evaluated(
    model: str, real_data: Path, compose: Compose, tmp_path: Path
) -> None:
    manifest = f"data.manifest={real_data}/manifest_json.csv"
    metrics = run(compose("data=manifest", manifest, f"model={model}", "trainer=debug"))
    assert metrics["auroc"] == pytest.approx(auroc_of(read_scores(tmp_path / "run")), abs=1e-6)
    assert metrics["counts"]["clips"] == 8


@pytest.mark.slow
def test_real_drumming_is_distinguished_from_other_movements_of_new_people(
    real_data: Path, compose: Compose, tmp_path: Path
) -> None:
    manifest = write_part(real_data / "manifest_drums.csv", tmp_path, 3)
    words = ("data=manifest", f"data.manifest={manifest}", "model=feature_knn", "trainer=cpu", "data.window_stride=10")
    metrics = run(compose(*words))
    assert metrics["auroc"] > 0.9 and metrics["counts"]["frames"] > 15_000
    assert metrics["auroc"] == pytest.approx(auroc_of(read_scores(tmp_path / "run")), abs=1e-6)


def test_a_fold_of_a_cross_validation_is_trained_and_evaluated(compose: Compose, tmp_path: Path) -> None:
    lines = []
    for i in range(6):
        write_clip(tmp_path / f"{i}.npz", make_clip(wave(30, i, abnormal=i % 3 == 2), str(i)))
        lines.append([f"c{i}", f"{i}.npz", "test", f"person{i // 3}", "all" * (i % 3 == 2)])
    lines += [["c6", "6.npz", "test", "person2"], ["c7", "7.npz", "test", "person3"]]
    for i in (6, 7):
        write_clip(tmp_path / f"{i}.npz", make_clip(wave(30, i), str(i)))
    manifest = write_manifest(tmp_path, lines)
    small = ("data=manifest", f"data.manifest={manifest}", "data.img_size=14", "data.seq_len=8", "model=mean_template")
    tested = []
    for fold in range(2):
        metrics = run(compose(*small, "data.folds=2", f"data.fold={fold}", run=tmp_path / f"fold{fold}"))
        tested += sorted(set(metrics["groups"].values()))
    assert sorted(tested) == [f"person{i}" for i in range(4)]
