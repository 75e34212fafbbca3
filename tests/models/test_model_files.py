"""Files of conf/model: pure parameters of the classes, with the constructors' defaults."""

from inspect import signature

import pytest
import yaml

from hydra_config import Compose, check
from model_cases import CONF, MODELS
from skelmap.models.base import InputDefaults
from skelmap.training.instantiate import model_class
from skelmap.utils.errors import UserError

NETWORKS = ("ae", "vae", "lstm_vae", "masked_keypoints")
DEFAULTS = (*NETWORKS, "pca", "gmm", "knn", "mean_template", "feature_knn", "feature_pca_trajectory")
"""Files with the defaults of their class."""
ASKED = {
    "ae": InputDefaults("maps", "frame", 30, 32, 30),
    "vae": InputDefaults("maps", "frame", 30, 32, 30),
    "lstm_vae": InputDefaults("maps", "sequence", 30, 16, 30),
    "masked_keypoints": InputDefaults("keypoints", "sequence", 30, 64, 30),
    "random_projection": InputDefaults("keypoints", "sequence", 30, 256, 1),
    "pca": InputDefaults("maps", "frame", 30, 256, 1),
    "gmm": InputDefaults("maps", "frame", 30, 256, 1),
    "mean_template": InputDefaults("maps", "frame", 30, 256, 1),
    "pca_windows": InputDefaults("maps", "sequence", 30, 256, 1),
    "knn": InputDefaults("maps", "sequence", 30, 256, 1),
    "knn_keypoints": InputDefaults("keypoints", "sequence", 30, 256, 1),
    "feature_knn": InputDefaults("keypoints", "sequence", 60, 256, 1, seconds=2.0),
    "feature_knn_ranks": InputDefaults("keypoints", "sequence", 60, 256, 1, seconds=2.0),
    "feature_knn_spectra": InputDefaults("keypoints", "sequence", 60, 256, 1, seconds=2.0),
    "feature_knn_trajectory": InputDefaults("keypoints", "sequence", 30, 256, 1),
    "feature_pca_trajectory": InputDefaults("keypoints", "sequence", 30, 256, 1),
}


@pytest.mark.parametrize("name", MODELS)
def test_a_model_file_holds_values_only(name: str) -> None:
    text = (CONF / "model" / f"{name}.yaml").read_text()
    assert "@package" not in text and "${" not in text


@pytest.mark.parametrize("name", DEFAULTS)
def test_a_model_file_has_the_defaults_of_the_constructor(name: str, compose: Compose) -> None:
    node = dict(compose("data=manifest", f"model={name}").model)
    defaults = {key: p.default for key, p in signature(model_class(node.pop("_target_"))).parameters.items()}
    plain = {key: list(value) if isinstance(value, tuple) else value for key, value in defaults.items()}
    assert {**plain, **node} == plain


@pytest.mark.parametrize("name", MODELS)
def test_a_model_asks_for_its_input(name: str, compose: Compose) -> None:
    node = yaml.safe_load((CONF / "model" / f"{name}.yaml").read_text())
    config = compose("data=manifest", "data.manifest=x.csv", f"model={name}")
    check(config)
    asked = InputDefaults(
        config.data.representation,
        config.data.window,
        config.data.seq_len,
        config.data.batch_size,
        config.trainer.max_epochs,
        config.data.seconds,
    )
    wanted = ASKED[name]
    assert asked == (wanted if wanted.seconds is None else wanted._replace(seq_len=None)) and "data" not in node


@pytest.mark.parametrize(
    ("model", "override", "allowed"),
    [
        ("ae", "model.score=elbo", "recon_error, bce"),
        ("vae", "model.score=loss", "recon_error, bce, elbo, recon_prob"),
        (
            "feature_knn",
            "model.features=[gait,motion,posture,spectra]",
            "motion, posture, kinematics, trajectory, spectra",
        ),
        ("feature_knn", "model.n_components=[0,1,1,1,1]", "a whole number of at least 1"),
        ("gmm", "model.n_components=0", "a whole number from 1 to 1000"),
        ("knn", "model.n_neighbors=0", "a whole number from 1 to 1000"),
        ("lstm_vae", "model.hidden_size=0", "a whole number from 1 to 8192"),
    ],
)
def test_a_value_outside_its_bounds_is_refused(model: str, override: str, allowed: str, compose: Compose) -> None:
    with pytest.raises(UserError) as error:
        check(compose("data=manifest", "data.manifest=x.csv", f"model={model}", override))
    assert str(error.value).startswith(f"{override.split('=')[0]}=") and allowed in str(error.value)
