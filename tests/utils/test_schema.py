"""Configuration values against types: the first wrong key, its value, and what is allowed."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field

from skelmap.utils.errors import UserError
from skelmap.utils.schema import ImageSize, PositiveInt, validate_signature


def network(
    latent_dim: Annotated[int, Field(ge=1, le=4096)],
    learning_rate: Annotated[float, Field(gt=0, le=10)] = 1e-3,
    channels: Annotated[Sequence[PositiveInt], Field(min_length=1)] = (8, 16),
    score: Literal["recon_error", "bce"] = "recon_error",
    size: ImageSize = (640, 480),
    threshold: Annotated[float, Field(ge=0, le=1)] | None = None,
    shuffle: bool = True,
) -> None:
    """Parameters of all kinds."""


GOOD: dict[str, Any] = {"latent_dim": 16}


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"learning_rate": 1},
        {"channels": [4, 8, 8]},
        {"size": [1920, 1080]},
        {"threshold": None},
        {"threshold": 0.5},
        {"_target_": "somewhere.network"},
    ],
)
def test_allowed_values_pass(values: dict[str, Any]) -> None:
    validate_signature(network, {**GOOD, **values}, "model")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"latent_dim": 0}, "model.latent_dim=0; allowed: a whole number from 1 to 4096"),
        ({"latent_dim": True}, "model.latent_dim=True; allowed: a whole number from 1 to 4096"),
        ({"latent_dim": "16"}, "model.latent_dim='16'; allowed: a whole number from 1 to 4096"),
        ({"latent_dim": [16]}, "model.latent_dim=[16]; allowed: a whole number from 1 to 4096"),
        ({"learning_rate": 0}, "model.learning_rate=0; allowed: a number above 0 up to 10"),
        ({"channels": []}, "model.channels=[]; allowed: a list: a whole number of at least 1 each"),
        ({"channels": [8, 0]}, "model.channels=[8, 0]; allowed: a list: a whole number of at least 1 each"),
        ({"score": "mse"}, "model.score=mse; allowed: recon_error, bce"),
        ({"size": [640]}, "model.size=[640]; allowed: [width, height] in px, 16 to 16384 each"),
        ({"size": [640, 480, 3]}, "model.size=[640, 480, 3]; allowed: [width, height] in px, 16 to 16384 each"),
        ({"size": [640.5, 480]}, "model.size=[640.5, 480]; allowed: [width, height] in px, 16 to 16384 each"),
        ({"threshold": 2}, "model.threshold=2; allowed: null or a number from 0 to 1"),
        ({"shuffle": 1}, "model.shuffle=1; allowed: true or false"),
        ({"latent": 3}, "There is no key model.latent; did you mean model.latent_dim?"),
    ],
)
def test_other_values_are_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as error:
        validate_signature(network, {**GOOD, **values}, "model")
    assert str(error.value) == message


def test_a_missing_value_is_named() -> None:
    with pytest.raises(UserError, match=r"model\.latent_dim is missing: set it with model.latent_dim=VALUE"):
        validate_signature(network, {}, "model")


def test_parameters_given_elsewhere_are_unknown_keys() -> None:
    with pytest.raises(UserError, match=r"There is no key model\.score"):
        validate_signature(network, {**GOOD, "score": "bce"}, "model", without=["score"])
