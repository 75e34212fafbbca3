"""Every file of conf/ composes, is valid and builds; wrong values are refused with what is allowed."""

from pathlib import Path

import pytest
import torch
from hydra.errors import ConfigCompositionException
from omegaconf import OmegaConf

from hydra_config import ROOT, Compose, check
from skelmap.data.datamodule import SkeletonDataModule
from skelmap.models import Model
from skelmap.training.config_check import resolve
from skelmap.training.instantiate import input_sizes, instantiate, instantiate_model
from skelmap.utils.errors import UserError

NO_GROUPS = ("hydra", "space", "wandb")
"""Folders of conf/ that are not config groups: conf/space is for `skelmap tune`, conf/wandb for `wandb sweep`."""
FILES = sorted(p.relative_to(ROOT / "conf") for p in (ROOT / "conf").glob("*/*.yaml") if p.parts[-2] not in NO_GROUPS)
MANIFEST = ("data=manifest", "data.manifest=x.csv")


@pytest.mark.parametrize("file", FILES, ids=str)
def test_every_file_composes_and_is_valid(file: Path, compose: Compose) -> None:
    group, choice = file.parts[0], file.stem
    data = () if group == "data" and choice == "simulated" else MANIFEST
    check(compose(*(data if group != "data" else data[1:]), f"{group}={choice}"))


def test_the_examples_of_a_task_are_beside_its_manifest(compose: Compose) -> None:
    data = resolve(compose("experiment=real_work", "data.manifest=/data/manifest_throw.csv"))["data"]
    assert data["examples"] == "/data/examples_throw.csv"


@pytest.mark.parametrize(
    ("overrides", "length"),
    [
        (["model=lstm_vae"], (30, None)),
        (["model=lstm_vae", "data.seconds=1.5"], (None, 1.5)),
        (["model=feature_knn"], (None, 2.0)),
        (["model=feature_knn", "data.seq_len=16"], (16, None)),
        (["model=feature_knn_trajectory", "data.seq_len=null", "data.seconds=1"], (None, 1)),
    ],
)
def test_a_window_has_frames_or_seconds(
    overrides: list[str], length: tuple[int | None, float | None], compose: Compose
) -> None:
    composed = compose(*MANIFEST, *overrides)
    check(composed)
    config = resolve(composed)
    assert (config["data"]["seq_len"], config["data"]["seconds"]) == length


@pytest.mark.parametrize("model", [file.stem for file in FILES if file.parts[0] == "model"])
def test_every_model_is_built_for_the_windows_of_its_data(model: str, compose: Compose, task: Path) -> None:
    config = resolve(compose("data=manifest", f"data.manifest={task}", f"model={model}"))
    data: SkeletonDataModule = instantiate(config["data"])
    assert data.window in (1, data.seq_len)
    built = instantiate_model(config["model"], input_sizes(data))
    assert isinstance(built, Model) and built.hparams.keys() >= {key for key in config["model"] if key != "_target_"}


@pytest.mark.parametrize(
    "file", [file for file in FILES if file.parts[0] in ("trainer", "callbacks", "logger")], ids=str
)
def test_trainers_callbacks_and_loggers_are_built(file: Path, compose: Compose, tmp_path: Path) -> None:
    if file.stem == "gpu" and not torch.cuda.is_available():
        pytest.skip("a trainer for a GPU is built only where there is one")
    if file.stem == "mlflow":
        pytest.importorskip("mlflow", reason="the logger needs the extra mlflow")
    config = resolve(compose(*MANIFEST, f"{file.parts[0]}={file.stem}"))
    nodes = [config["trainer"]] if file.parts[0] == "trainer" else config[file.parts[0]].values()
    assert all(instantiate(node) is not None for node in nodes)


@pytest.mark.parametrize("file", [file for file in FILES if file.parts[0] in ("experiment", "sweep")], ids=str)
def test_experiments_and_the_models_and_extreme_values_of_a_sweep_are_valid(file: Path, compose: Compose) -> None:
    params = OmegaConf.select(OmegaConf.load(ROOT / "conf" / file), "hydra.sweeper.params", default={})
    swept = OmegaConf.to_container(OmegaConf.create(params), resolve=False)
    values = {key: str(text).split(",") for key, text in swept.items() if key != "data.manifest"}
    models = values.pop("model", ["lstm_vae"] * min(1 + len(values), 2))
    for number, model in enumerate(models):
        overrides = [f"{key}={choices[0 if number % 2 else -1]}" for key, choices in values.items()]
        check(compose(*MANIFEST, f"{file.parts[0]}={file.stem}", f"model={model}", *overrides))


@pytest.mark.parametrize(
    ("override", "allowed"),
    [
        ("data.img_size=abc", "a whole number from 14 to 256"),
        ("data.img_size=13", "a whole number from 14 to 256"),
        ("data.img_size=28.5", "a whole number from 14 to 256"),
        ("data.seq_len=0", "null or a whole number from 1 to 10000"),
        ("data.seconds=0", "null or a number above 0 up to 600"),
        ("data.fps=0", "null or a number above 0 up to 1000"),
        ("data.bridge_seconds=-1", "a number from 0 to 60"),
        ("data.maps.resample=cubic", "bilinear, area"),
        ("data.maps.line_unit=metre", "source, map"),
        ("data.maps.threshold=1", "null or a number from 0 to 0.999"),
        ("data.pose_format.layout=BODY_26", "BODY_25, COCO_18, COCO_17"),
        ("data.pose_format.size=640", "[width, height]"),
        ("model.channels=[]", "a list"),
        ("model.latent_dim=0", "a whole number"),
        ("model.learning_rate=fast", "a number above 0"),
        ("model.beta=-1", "a number"),
        ("model.score=mse", "recon_error, bce, elbo, recon_prob"),
        ("train=maybe", "true or false"),
        ("seed=-1", "a whole number from 0"),
        ("seed=1.0", "a whole number from 0"),
        ("seed='1'", "a whole number from 0"),
        ("train='false'", "true or false"),
        ("ckpt_path=nowhere.ckpt", "no such file"),
        ("data.window=7", "frame, sequence"),
        ("data.window=frame", "for LSTMVAE: sequence"),
    ],
)
def test_a_wrong_value_is_refused_with_what_is_allowed(override: str, allowed: str, compose: Compose) -> None:
    key, value = override.split("=")
    with pytest.raises(UserError) as error:
        check(compose(*MANIFEST, override))
    assert f"{key}={value}" in str(error.value)
    assert allowed in str(error.value)


@pytest.mark.parametrize(
    ("override", "allowed"),
    [
        ("model.n_components=[2.5,10,10,10]", "a list: a whole number of at least 1 each"),
        ("model.n_components=[a,1,1,1]", "a list: a whole number of at least 1 each"),
        ("model.features=motion", "a list"),
    ],
)
def test_features_and_their_components_are_lists(override: str, allowed: str, compose: Compose) -> None:
    with pytest.raises(UserError) as error:
        check(compose(*MANIFEST, "model=feature_knn", override))
    assert f"{override.split('=')[0]}=" in str(error.value) and allowed in str(error.value)


@pytest.mark.parametrize("key", ["n_neighbors", "keep_residual", "density_power"])
def test_a_model_has_no_key_without_effect(key: str, compose: Compose) -> None:
    compose("data=manifest", "model=feature_knn", f"model.{key}=1")
    with pytest.raises(ConfigCompositionException):
        compose("data=manifest", "model=feature_pca_trajectory", f"model.{key}=1")


@pytest.mark.parametrize("key", ["data.stride", "data.frame_step", "data.json", "model.neighbours", "model.latent"])
def test_an_added_unknown_key_is_refused(key: str, compose: Compose) -> None:
    with pytest.raises(UserError, match=f"There is no key {key}"):
        check(compose(*MANIFEST, f"+{key}=1"))


@pytest.mark.parametrize("override", ["~callbacks", "callbacks=[]", "~callbacks.progress", "~logger", "logger=[]"])
def test_a_run_needs_neither_callbacks_nor_loggers(override: str, compose: Compose) -> None:
    check(compose(*MANIFEST, override))


@pytest.mark.parametrize("group", ["model", "data", "trainer", "paths"])
def test_a_missing_group_is_refused(group: str, compose: Compose) -> None:
    cfg = compose(*MANIFEST)
    cfg[group] = None
    with pytest.raises(UserError, match=rf"{group}"):
        check(cfg)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("seed='${nowhere}'", "seed: Interpolation key 'nowhere' not found; set seed=VALUE"),
        ("model._target_=skelmap.models.GAN", "model._target_=skelmap.models.GAN: skelmap.models has no GAN"),
    ],
)
def test_a_value_that_cannot_be_resolved_is_refused_in_one_line(override: str, message: str, compose: Compose) -> None:
    with pytest.raises(UserError) as error:
        check(compose(*MANIFEST, override))
    assert str(error.value) == message


def test_the_manifest_must_be_named(compose: Compose) -> None:
    with pytest.raises(UserError, match=r"data\.manifest=PATH"):
        check(compose("data=manifest"))


def test_evaluation_alone_needs_a_checkpoint(compose: Compose) -> None:
    with pytest.raises(UserError, match="ckpt_path=PATH"):
        check(compose(*MANIFEST, "train=false"))
