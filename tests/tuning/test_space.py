"""Search spaces: parsing, and the keys and values that are refused before the first trial."""

from pathlib import Path

import pytest

from hydra_config import ROOT
from skelmap.tuning.search_space import check_space, read_space, tunable_keys
from skelmap.utils.errors import UserError
from tuning_runs import SPACE, small_config, write_space


def test_a_space_is_parsed_to_distributions(tmp_path: Path) -> None:
    space = read_space(write_space(tmp_path, SPACE + "model.channels: {choice: [[8, 16], [4]]}\n"))
    latents, rate, batch, channels = (space[key] for key in space)
    assert (latents.low, latents.high, latents.log) == (2, 16, True)
    assert (rate.low, rate.high, rate.log) == (1e-4, 1e-2, True)
    assert batch.choices == (8, 16)
    assert channels.choices == ("[8, 16]", "[4]")


@pytest.mark.parametrize("entry", [
    "3", "[1, 2]", "{int: [1, 2], float: [1, 2]}", "{int: [1]}", "{int: [1.5, 3]}", "{int: [true, 3]}", "{choice: []}",
    "{choice: [1], log: true}", "{float: [1, 2], log: 3}", "{real: [1, 2]}", "{float: [a, b]}", "{}",
])  # fmt: skip
def test_a_malformed_entry_is_refused_with_file_key_and_form(entry: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"space\.yaml: model\.latent_dim: .*allowed: \{int: \[low, high\]\}"):
        read_space(write_space(tmp_path, f"model.latent_dim: {entry}\n"))


@pytest.mark.parametrize(("entry", "message"), [
    ("{int: [4, 4]}", "bounds 4, 4"), ("{float: [2, 1]}", "bounds 2, 1"), ("{float: [0, 1], log: true}", "above 0"),
    ("{float: [0, .inf]}", "bounds 0, inf"), ("{int: [0, 8], log: true}", "above 0"),
])  # fmt: skip
def test_invalid_bounds_are_refused(entry: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=message):
        read_space(write_space(tmp_path, f"model.latent_dim: {entry}\n"))


@pytest.mark.parametrize("content", ["", "- 1\n", "a: [\n", "3"])
def test_a_file_without_keys_is_refused(content: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"space\.yaml"):
        read_space(write_space(tmp_path, content))
    with pytest.raises(UserError, match=r"nowhere\.yaml: cannot be read"):
        read_space(tmp_path / "nowhere.yaml")


@pytest.mark.parametrize(("line", "message"), [
    ("data.seq_len: {choice: [8, 16]}", "sum over the pixels"),
    ("data.img_size: {int: [14, 56]}", "sum over the pixels"),
    ("data.window_stride: {int: [1, 5]}", "sum over the pixels"),
    ("model.beta: {float: [0, 1]}", "weight of the KL"),
    ("model.score: {choice: [bce, elbo]}", "does not depend"),
    ("model._target_: {choice: [skelmap.models.AE, skelmap.models.VAE]}", "tune each model on its own"),
    ("seed: {int: [0, 9]}", "repeated, not selected"),
    ("model.img_size: {int: [14, 56]}", "allowed here: model.latent_dim, model.channels, model.learning_rate"),
    ("model.nope: {int: [1, 2]}", "allowed here: model.latent_dim"),
    ("trainer.max_epochs: {int: [1, 2]}", "allowed here: model.latent_dim"),
    ("model.latent_dim: {int: [0, 8]}", "model.latent_dim=0; allowed: a whole number from 1"),
    ("model.latent_dim: {float: [2, 8]}", "model.latent_dim=2.0; allowed: a whole number"),
    ("model.learning_rate: {float: [1, 20]}", "model.learning_rate=20.0; allowed"),
    ("data.batch_size: {choice: [8, many]}", "data.batch_size=many; allowed"),
])  # fmt: skip
def test_keys_and_values_that_val_loss_cannot_select_are_refused(line: str, message: str, tmp_path: Path) -> None:
    space = read_space(write_space(tmp_path, line + "\n"))
    with pytest.raises(UserError, match=message):
        check_space(space, small_config(tmp_path / "manifest.csv", tmp_path))


@pytest.mark.parametrize(("override", "message"), [
    ("model.latent_dim=4", "set on the command line and in the search space"),
    ("model=pca", "PCA cannot be tuned"),
    ("model=nothing", "Could not find"),
    ("model.latent_dimm=4", "did you mean model.latent_dim"),
    ("train=false", "every trial trains a new model"),
    ("ckpt_path=last.ckpt", "every trial trains a new model"),
])  # fmt: skip
def test_overrides_that_conflict_with_tuning_are_refused(override: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=message):
        check_space(read_space(write_space(tmp_path)), small_config(tmp_path / "manifest.csv", tmp_path, override))


@pytest.mark.parametrize(("space", "model"), [("lstm_vae", "lstm_vae"), ("frames", "vae")])
def test_the_spaces_in_conf_fit_their_models(space: str, model: str, tmp_path: Path) -> None:
    base = small_config(tmp_path / "manifest.csv", tmp_path, f"model={model}")
    distributions = read_space(ROOT / "conf" / "space" / f"{space}.yaml")
    check_space(distributions, base)
    assert set(distributions) <= set(tunable_keys(base.compose(tmp_path)))
