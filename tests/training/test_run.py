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

from hydra_config import Compose
from skelmap.monitor.scorers import TorchScorer
from skelmap.skeletons.layouts import COCO_17, COCO_18
from skelmap.skeletons.readers import read_clip, write_clip
from skelmap.training.run import run
from skelmap.utils.errors import UserError
from synthetic_data import add_recordings, as_coco, make_clip, wave, write_toy_dataset

MODELS = ("lstm_vae", "vae", "ae", "pca", "gmm")
SMALL = ("trainer=cpu", "trainer.max_epochs=2", "data.seq_len=8", "data.window_stride=4")
SIZES: dict[str, tuple[str, ...]] = {
    "lstm_vae": ("model.hidden_size=16", "model.latent_dim=4"),
    "pca": ("trainer.max_epochs=1", "model.latent_dim=4"),
    "gmm": ("trainer.max_epochs=1", "model.latent_dim=4", "model.n_components=2"),
}
FEW = {"ae": ("model.latent_dim=4",), "feature_knn": ("model.n_neighbors=3", "model.n_components=[4,4,4,4]")}


def overrides(task: Path, model: str) -> list[str]:
    return ["data=manifest", f"data.manifest={task}", f"model={model}", *SMALL, *SIZES.get(model, ())]


def scores(folder: Path) -> list[dict[str, str]]:
    with (folder / "scores.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def weights(folder: Path) -> dict[str, torch.Tensor]:
    state: dict[str, Any] = torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)
    return state["state_dict"]


@pytest.mark.parametrize("model", MODELS)
def test_a_run_leaves_all_its_files_and_honest_numbers(
    model: str, task: Path, compose: Compose, tmp_path: Path
) -> None:
    numbers = run(compose(*overrides(task, model)))
    folder = tmp_path / "run"
    for name in ("config.yaml", "versions.json", "report.html", "figures/roc.png", "checkpoints/best.ckpt"):
        assert (folder / name).stat().st_size > 0, name
    assert json.loads((folder / "metrics.json").read_text()) == numbers
    lines = scores(folder)
    area = roc_auc_score([int(line["label"]) for line in lines], [float(line["score"]) for line in lines])
    assert numbers["auroc"] == pytest.approx(area, abs=1e-6)
    assert numbers["simulated"] is False


def test_the_same_seed_gives_the_same_numbers(task: Path, compose: Compose, tmp_path: Path) -> None:
    first, second = (run(compose(*overrides(task, "lstm_vae"), run=tmp_path / name)) for name in ("first", "second"))
    assert scores(tmp_path / "first") == scores(tmp_path / "second")
    assert first["val_loss"] == second["val_loss"]
    other = run(compose(*overrides(task, "lstm_vae"), "seed=1", run=tmp_path / "other"))
    assert other["val_loss"] != first["val_loss"]


def test_a_resumed_run_equals_an_uninterrupted_one_bit_for_bit(task: Path, compose: Compose, tmp_path: Path) -> None:
    base = overrides(task, "lstm_vae")
    run(compose(*base, "trainer.max_epochs=4", run=tmp_path / "whole"))
    run(compose(*base, "trainer.max_epochs=2", run=tmp_path / "half"))
    last = tmp_path / "half" / "checkpoints" / "last.ckpt"
    run(compose(*base, "trainer.max_epochs=4", f"ckpt_path={last}", run=tmp_path / "resumed"))
    whole, resumed = weights(tmp_path / "whole"), weights(tmp_path / "resumed")
    assert whole.keys() == resumed.keys()
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
    assert scores(tmp_path / "whole") == scores(tmp_path / "resumed")


def test_a_checkpoint_of_another_model_or_size_is_refused(task: Path, compose: Compose, tmp_path: Path) -> None:
    run(compose(*overrides(task, "ae")))
    best = f"ckpt_path={tmp_path}/run/checkpoints/best.ckpt"
    for wrong, message in (
        (("model=vae",), "not a checkpoint of VAE"),
        (("data.img_size=56",), "img_size=28"),
        (("model.latent_dim=8",), "latent_dim=16"),
        (("data.maps.line_width=3",), "line_width"),
    ):
        with pytest.raises(UserError, match=message):
            run(compose(*overrides(task, "ae"), *wrong, "train=false", best, run=tmp_path / "wrong"))
    damaged = tmp_path / "damaged.ckpt"
    damaged.write_bytes((tmp_path / "run" / "checkpoints" / "best.ckpt").read_bytes()[:500])
    with pytest.raises(UserError, match="not a checkpoint of this program"):
        run(compose(*overrides(task, "ae"), "train=false", f"ckpt_path={damaged}", run=tmp_path / "wrong"))


@pytest.mark.parametrize(
    ("model", "threshold"),
    [pytest.param("lstm_vae", "0.1", marks=pytest.mark.slow), ("lstm_vae", "null"), ("pca", "null")],
)
def test_a_run_on_several_channels(model: str, threshold: str, task: Path, compose: Compose, tmp_path: Path) -> None:
    channels = ["left", "right", "trunk", "motion", "body"]
    words = (*overrides(task, model), f"data.maps.channels=[{','.join(channels)}]", f"data.maps.threshold={threshold}")
    run(compose(*words, *(("+model.map_channels=2",) if model == "lstm_vae" else ())))
    assert (tmp_path / "run" / "figures" / "reconstructions.png").exists()
    scorer = TorchScorer(tmp_path / "run")
    assert scorer.spec.settings.shape == (5, 28, 28) and scorer.spec.plain()["settings"]["channels"] == tuple(channels)
    if model == "lstm_vae":
        assert weights(tmp_path / "run")["network.encoder.stages.0.weight"].shape == (8, 5, 3, 3)
    best = ("train=false", f"ckpt_path={tmp_path}/run/checkpoints/best.ckpt")
    with pytest.raises(UserError, match=r"data\.maps\.channels=\['left', .*\]; allowed is that, not \['body'\]"):
        run(compose(*words, "data.maps.channels=[body]", *best, run=tmp_path / "other"))
    with pytest.raises(UserError, match=r"data\.maps\.threshold=(0\.1|None); allowed is that, not 0\.2"):
        run(compose(*words, "data.maps.threshold=0.2", *best, run=tmp_path / "another"))


def test_a_run_of_an_earlier_version_is_judged_and_watched_with_as_ever(
    task: Path, compose: Compose, tmp_path: Path
) -> None:
    """One that does not say what its maps' channels are: they had one."""
    run(compose(*overrides(task, "ae")))
    best, eye = tmp_path / "run" / "checkpoints" / "best.ckpt", tmp_path / "run" / "eye.json"
    saved = torch.load(best, weights_only=True)
    del saved["datamodule_hyper_parameters"]["maps"]["channels"], saved["datamodule_hyper_parameters"]["frame_step"]
    torch.save(saved, tmp_path / "old.ckpt")
    judged = tmp_path / "judged"
    run(compose(*overrides(task, "ae"), "train=false", f"ckpt_path={tmp_path}/old.ckpt", run=judged))
    assert scores(judged) == scores(tmp_path / "run")
    assert "map_channels" not in saved["hyper_parameters"]
    said = json.loads(eye.read_text())
    assert said["settings"].pop("channels") == ["body"]
    before = TorchScorer(tmp_path / "run").spec
    eye.write_text(json.dumps(said))
    assert TorchScorer(tmp_path / "run").spec == before


@pytest.mark.parametrize("model", ["feature_knn", "ae"])
def test_keypoints_have_the_layout_of_their_clips(model: str, compose: Compose, tmp_path: Path) -> None:
    task = write_toy_dataset(tmp_path / "task")
    for path in task.parent.glob("*.npz"):
        write_clip(path, as_coco(read_clip(path, path.stem)))
    words = ["data=manifest", f"data.manifest={task}", f"model={model}", *SMALL, "data.representation=keypoints"]
    assert 0 <= run(compose(*words, *FEW[model]))["auroc"] <= 1
    scorer = TorchScorer(tmp_path / "run")
    assert scorer.spec.layout is COCO_17
    other = tmp_path / "coco_18"  # as many joints, in another order
    for path in task.parent.glob("*.npz"):
        clip = read_clip(path, path.stem)
        write_clip(path, replace(clip, layout=COCO_18, keypoints=np.pad(clip.keypoints, ((0, 0), (1, 0), (0, 0)))))
    best = f"ckpt_path={tmp_path}/run/checkpoints/best.ckpt"
    with pytest.raises(UserError, match=r"trained with (model|data)\.layout=COCO_17; allowed is that, not COCO_18"):
        run(compose(*words, *FEW[model], "train=false", best, run=other))


@pytest.mark.parametrize("model", ["ae", "feature_knn"])
def test_recordings_with_nobody_in_them_are_passed_over(model: str, compose: Compose, tmp_path: Path) -> None:
    task = write_toy_dataset(tmp_path / "task")
    words = [*overrides(task, model), *FEW[model]]
    without = run(compose(*words, run=tmp_path / "without"))
    for split in ("train", "val", "test"):
        add_recordings(task, split, make_clip(np.zeros((20, 25, 3), np.float32), f"nobody_in_{split}"))
    numbers = run(compose(*words))
    assert numbers["val_loss"] == without["val_loss"]
    assert numbers["counts"]["frames"] == without["counts"]["frames"] + 20


@pytest.mark.parametrize(
    ("model", "remark"),
    [
        ("ae", "no validation windows: the last epoch's weights are judged, not the best epoch's"),
        ("feature_knn", "no validation windows: distances have no units, so of several views the one"),
        ("pca", None),
    ],
)
def test_what_a_model_lacks_without_validation_is_remarked(
    model: str, remark: str | None, compose: Compose, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    task = write_toy_dataset(tmp_path / "task", with_val=False)
    assert run(compose(*overrides(task, model), *FEW.get(model, ())))["val_loss"] is None
    report = (tmp_path / "run" / "report.html").read_text()
    for text in (caplog.text, report.replace("&#39;", "'")):
        assert text.count("no validation windows") == text.count(remark or "no validation windows") == bool(remark)


def test_recordings_of_different_frame_rates_are_remarked(
    compose: Compose, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    task = write_toy_dataset(tmp_path / "task")
    run(compose(*overrides(task, "pca"), run=tmp_path / "even"))
    assert "frame rates" not in caplog.text + (tmp_path / "even" / "report.html").read_text()
    write_clip(task.parent / "train_b.npz", replace(make_clip(wave(60, 2)), fps=15.0))
    run(compose(*overrides(task, "pca")))
    remark = "frame rates, 15 (clip train_b), 30 (clip train_a) a second: a window is 8 frames of each"
    assert caplog.text.count(remark) == 1 and remark in (tmp_path / "run" / "report.html").read_text()


def test_a_finished_run_is_not_run_again_and_its_folder_is_not_taken(
    task: Path, compose: Compose, tmp_path: Path
) -> None:
    numbers = run(compose(*overrides(task, "pca")))
    before = (tmp_path / "run" / "metrics.json").stat().st_mtime_ns
    assert run(compose(*overrides(task, "pca"))) == numbers
    assert (tmp_path / "run" / "metrics.json").stat().st_mtime_ns == before
    with pytest.raises(UserError, match=r"results of another configuration, model.latent_dim=4 and not 3; choose ano"):
        run(compose(*overrides(task, "pca"), "model.latent_dim=3"))


@pytest.mark.parametrize("ended", [True, False])
def test_a_folder_of_data_that_were_corrected_is_not_gone_on_with(
    ended: bool, compose: Compose, tmp_path: Path
) -> None:
    task = write_toy_dataset(tmp_path / "task")
    again = compose(*overrides(task, "ae"))
    run(again)
    if not ended:
        (tmp_path / "run" / "metrics.json").unlink()
    lines, clip = task.read_bytes(), (task.parent / "val.npz").read_bytes()
    task.write_bytes(lines.replace(b"30-60", b"30-50"))
    with pytest.raises(UserError, match=r"manifest=.*manifest.csv: it has changed since .*; choose another folder"):
        run(again)
    task.write_bytes(lines)
    write_clip(task.parent / "val.npz", make_clip(wave(60, 9)))
    with pytest.raises(UserError, match=r"manifest.csv: a recording that it names has changed since the run in .*run"):
        run(again)
    (task.parent / "val.npz").write_bytes(clip)
    assert run(again)["auroc"] > 0


def test_an_interrupted_run_goes_on_in_its_folder(task: Path, compose: Compose, tmp_path: Path) -> None:
    run(compose(*overrides(task, "ae"), run=tmp_path / "whole"))
    run(compose(*overrides(task, "ae"), run=tmp_path / "cut"))
    (tmp_path / "cut" / "metrics.json").unlink()
    run(compose(*overrides(task, "ae"), run=tmp_path / "cut"))
    assert scores(tmp_path / "whole") == scores(tmp_path / "cut")


def test_a_mistake_inside_a_constructor_comes_out_as_itself(task: Path, compose: Compose) -> None:
    with pytest.raises(UserError, match=r"model\.score=elbo; allowed for AE are recon_error, bce"):
        run(compose(*overrides(task, "ae"), "model.score=elbo"))


@pytest.mark.slow
def test_tensorboard_writes_events(task: Path, compose: Compose, tmp_path: Path) -> None:
    run(compose(*overrides(task, "pca"), "logger=tensorboard"))
    assert list((tmp_path / "run" / "log").rglob("events.*"))


@pytest.mark.slow
def test_wandb_leaves_an_offline_run_and_keeps_the_users_mode(
    task: Path, compose: Compose, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key in ("WANDB_API_KEY", "WANDB_MODE"):
        monkeypatch.delenv(key, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    run(compose(*overrides(task, "pca"), "logger=wandb"))
    assert len(list((tmp_path / "run" / "wandb").glob("offline-run-*"))) == 1


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
def test_real_openpose_json_is_trained_and_judged(
    model: str, real_data: Path, compose: Compose, tmp_path: Path
) -> None:
    numbers = run(
        compose("data=manifest", f"data.manifest={real_data}/manifest_json.csv", f"model={model}", "trainer=debug")
    )
    lines = scores(tmp_path / "run")
    area = roc_auc_score([int(line["label"]) for line in lines], [float(line["score"]) for line in lines])
    assert numbers["auroc"] == pytest.approx(area, abs=1e-6)
    assert numbers["counts"]["clips"] == 8


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
def test_the_real_guitar_task_is_trained_and_judged(
    model: str, real_data: Path, compose: Compose, tmp_path: Path
) -> None:
    short = ("trainer.max_epochs=1", "+trainer.limit_train_batches=30") if model not in ("pca", "gmm") else ()
    manifest = f"data.manifest={real_data}/manifest_guitar.csv"
    numbers = run(compose("data=manifest", manifest, f"model={model}", "trainer=cpu", *short))
    assert numbers["counts"]["frames"] > 70_000
    lines = scores(tmp_path / "run")
    area = roc_auc_score([int(line["label"]) for line in lines], [float(line["score"]) for line in lines])
    assert numbers["auroc"] == pytest.approx(area, abs=1e-6)
