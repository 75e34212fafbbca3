"""Every file of conf/ composes and builds; every key has a rule."""

from pathlib import Path

import pytest
from hydra.errors import ConfigCompositionException
from hydra.utils import instantiate
from omegaconf import OmegaConf

from hydra_config import ROOT, Compose, check
from skelmap.training.schema import RULES
from skelmap.utils.errors import UserError
from skelmap.utils.names import flatten

NO_GROUPS = ("hydra", "space", "wandb")
"""Folders of conf/ that are not config groups: conf/space is for `skelmap tune`, conf/wandb for `wandb sweep`."""
FILES = sorted(p.relative_to(ROOT / "conf") for p in (ROOT / "conf").glob("*/*.yaml") if p.parts[-2] not in NO_GROUPS)
MODELS = [file.stem for file in FILES if file.parts[0] == "model"]
UNCHECKED = ("paths.", "callbacks.", "logger.", "trainer.", "data.manifest", "data.cache_dir", "data.seed")
"""Keys that Lightning, the loggers or the manifest reader check themselves."""
COPIES = ("model.seq_len", "model.img_size", "model.window", "model.score", "model.representation")
"""Keys that follow others, or that the model checks against what it can do."""


@pytest.mark.parametrize("file", FILES, ids=str)
def test_every_file_composes_and_builds(file: Path, compose: Compose, task: Path) -> None:
    group, choice = file.parts[0], file.stem
    override = f"{group}={choice}"
    data = () if group == "data" else ("data=manifest",)
    cfg = compose(*data, override)
    if not (group == "data" and choice == "simulated"):
        cfg.data.manifest = str(task)
    check(cfg)
    if group == "trainer" and choice == "gpu":
        pytest.importorskip("torch")
        import torch

        if not torch.cuda.is_available():
            pytest.skip("conf/trainer/gpu.yaml composes; building it needs a GPU")
    for part in (cfg.data, cfg.model, cfg.trainer, cfg.logger, *cfg.callbacks.values()):
        assert instantiate(part, _convert_="all") is not None


@pytest.mark.parametrize("model", MODELS)
def test_every_key_is_checked(model: str, compose: Compose) -> None:
    keys = flatten(OmegaConf.to_container(compose("data=manifest", f"model={model}")))
    unknown = [k for k in keys if k not in RULES and k not in COPIES and not k.startswith(UNCHECKED)]
    assert [k for k in unknown if not k.endswith("_target_")] == []


@pytest.mark.parametrize(
    ("override", "allowed"),
    [
        ("data.img_size=abc", "a whole number from 14 to 256"),
        ("data.img_size=13", "a whole number from 14 to 256"),
        ("data.img_size=28.5", "a whole number from 14 to 256"),
        ("data.seq_len=0", "a whole number from 1 to 10000"),
        ("data.maps.resample=cubic", "bilinear, area"),
        ("data.maps.line_unit=metre", "source, map"),
        ("data.maps.threshold=1", "null or a number from 0 up to 0.999"),
        ("data.pose_format.layout=BODY_26", "BODY_25, COCO_18, COCO_17"),
        ("data.pose_format.size=640", "[width, height]"),
        ("model.channels=[]", "a list of whole numbers"),
        ("model.learning_rate=fast", "a number above 0"),
        ("model.beta=-1", "a number from 0"),
        ("trainer.max_epochs=0", "a whole number from 1"),
        ("train=maybe", "true or false"),
        ("ckpt_path=nowhere.ckpt", "no such file"),
        ("data.window=7", "data.seq_len=30"),
    ],
)
def test_a_wrong_value_is_answered_with_what_is_allowed(override: str, allowed: str, compose: Compose) -> None:
    key, value = override.split("=")
    with pytest.raises(UserError) as error:
        check(compose("data=manifest", "data.manifest=x.csv", override))
    assert f"{key}={value}" in str(error.value)
    assert allowed in str(error.value)


@pytest.mark.parametrize(
    "override", ["model.n_components=[2.5,10,10,10]", "model.n_components=[a,1,1,1]", "model.features=motion"]
)
def test_views_and_dimensions_are_lists(override: str, compose: Compose) -> None:
    kind = "names" if "views" in override else "whole numbers of at least 1"
    with pytest.raises(UserError, match=rf"{override.split('=')[0]}=.*; allowed: a list of {kind}$"):
        check(compose("data=manifest", "data.manifest=x.csv", "model=feature_knn", override))


@pytest.mark.parametrize("key", ["n_neighbors", "keep_residual", "density_power"])
def test_a_model_has_no_key_that_does_nothing(key: str, compose: Compose) -> None:
    compose("data=manifest", "model=feature_knn", f"model.{key}=1")
    with pytest.raises(ConfigCompositionException):
        compose("data=manifest", "model=feature_pca_trajectory", f"model.{key}=1")


@pytest.mark.parametrize(
    ("model", "override", "allowed"),
    [
        ("lstm_vae", "model.seq_len=10", "data.seq_len=30"),
        ("ae", "model.img_size=56", "data.img_size=28"),
        ("vae", "model.representation=keypoints", "data.representation=maps"),
        ("pca_windows", "model.window=1", "data.window=30"),
        ("feature_knn", "model.window=30", "data.window=60"),
    ],
)
def test_a_model_s_copy_of_a_key_follows_the_data(model: str, override: str, allowed: str, compose: Compose) -> None:
    with pytest.raises(UserError, match=f"{override}; allowed: {allowed}, .* change {allowed.split('=')[0]} instead"):
        check(compose("data=manifest", "data.manifest=x.csv", f"model={model}", override))


@pytest.mark.parametrize(
    ("model", "window", "allowed"),
    [
        ("lstm_vae", 1, "for LSTMVAE: data.seq_len=30"),
        ("ae", 30, "for AE: 1"),
        ("pca", 7, "for PCA: 1 or data.seq_len=30"),
        ("pca", 30, None),
        ("pca_windows", 1, None),
    ],
)
def test_windows_are_as_long_as_the_model_s(model: str, window: int, allowed: str | None, compose: Compose) -> None:
    cfg = compose("data=manifest", "data.manifest=x.csv", f"model={model}", f"data.window={window}")
    if allowed is None:
        return check(cfg)
    with pytest.raises(UserError, match=rf"data.window={window}; allowed {allowed} \(a model of"):
        check(cfg)


@pytest.mark.parametrize("override", ["trainer.limit_predict_batches=1", "trainer.fast_dev_run=true"])
def test_what_would_leave_test_windows_out_is_refused(override: str, compose: Compose) -> None:
    with pytest.raises(UserError, match=f"(?i){override}; allowed: .*trainer=debug"):
        check(compose("data=manifest", "data.manifest=x.csv", f"+{override}"))


def test_the_manifest_must_be_named(compose: Compose) -> None:
    with pytest.raises(UserError, match=r"data\.manifest=PATH"):
        check(compose("data=manifest"))


def test_judging_needs_a_checkpoint(compose: Compose) -> None:
    with pytest.raises(UserError, match="ckpt_path=PATH"):
        check(compose("data=manifest", "data.manifest=x.csv", "train=false"))
