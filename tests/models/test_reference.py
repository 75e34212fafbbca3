"""Scores by the latents of normal windows, against scikit-learn; they travel in the checkpoint."""

from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.covariance import EmpiricalCovariance
from sklearn.neighbors import KNeighborsRegressor, NearestNeighbors

from hydra_config import Compose
from skelmap.models.latent_scores import SCORES, Reference
from skelmap.training.run import run
from skelmap.utils.errors import UserError

RNG = np.random.default_rng(0)
MIXING = RNG.normal(size=(4, 4))
TRAIN, VAL, TEST = (RNG.normal(size=(n, 4)) @ MIXING for n in (200, 60, 30))
VAL_ERROR, ERROR = RNG.random(60) + 0.5, RNG.random(30)


def tensors(*arrays: np.ndarray) -> list[torch.Tensor]:
    return [torch.from_numpy(array).float() for array in arrays]


@pytest.fixture(scope="module")
def reference() -> Reference:
    fitted = Reference()
    fitted.fit(*tensors(TRAIN, VAL, VAL_ERROR))
    return fitted


def white(x: np.ndarray) -> np.ndarray:
    """Any square root of the precision will do: distances are the same."""
    return x @ np.linalg.cholesky(np.linalg.inv(np.cov(TRAIN.T, bias=True)))


def near(x: np.ndarray) -> np.ndarray:
    return NearestNeighbors(n_neighbors=5).fit(white(TRAIN)).kneighbors(white(x))[0].mean(axis=1)


EXPECTED = {
    "mahalanobis": lambda: np.sqrt(EmpiricalCovariance().fit(TRAIN).mahalanobis(TEST)),
    "neighbours": lambda: near(TEST),
    "relative_error": lambda: ERROR / KNeighborsRegressor(5).fit(white(VAL), VAL_ERROR).predict(white(TEST)),
    "error_and_neighbours": lambda: ERROR / VAL_ERROR.mean() + near(TEST) / near(VAL).mean(),
}


@pytest.mark.parametrize("score", SCORES)
def test_each_score_is_what_it_says(reference: Reference, score: str) -> None:
    np.testing.assert_allclose(reference.score(score, *tensors(TEST, ERROR)), EXPECTED[score](), rtol=1e-3)


def test_latents_that_the_network_does_not_use_do_not_count(reference: Reference) -> None:
    train, val, test = (np.hstack([x, np.full((len(x), 1), 3.0)]) for x in (TRAIN, VAL, TEST))
    wider = Reference()
    wider.fit(*tensors(train, val, VAL_ERROR))
    test[:, 4] += 1
    for score in SCORES:
        ours = wider.score(score, *tensors(test, ERROR))
        torch.testing.assert_close(ours, reference.score(score, *tensors(TEST, ERROR)), rtol=1e-3, atol=1e-4)


def test_without_validation_errors_are_relative_to_nothing() -> None:
    fitted = Reference()
    fitted.fit(*tensors(TRAIN), torch.zeros(0, 4), torch.zeros(0))
    assert fitted.score("neighbours", *tensors(TEST, ERROR)).isfinite().all()
    with pytest.raises(UserError, match=r"model.score=relative_error needs validation recordings; mahalanobis and nei"):
        fitted.check("relative_error")


@pytest.mark.slow
def test_going_on_from_the_best_checkpoint_makes_the_reference_anew(
    task: Path, compose: Compose, tmp_path: Path
) -> None:
    sizes = ("trainer=cpu", "data.seq_len=8", "data.window_stride=4", "model.latent_dim=4")
    base = ("data=manifest", f"data.manifest={task}", "model=ae", *sizes)
    run(compose(*base, "trainer.max_epochs=2", run=tmp_path / "whole"))
    run(compose(*base, "trainer.max_epochs=1", run=tmp_path / "half"))
    best = f"ckpt_path={tmp_path}/half/checkpoints/best.ckpt"
    run(compose(*base, "trainer.max_epochs=2", best, run=tmp_path / "on"))
    whole, on = (torch.load(tmp_path / name / "checkpoints/best.ckpt", weights_only=True) for name in ("whole", "on"))
    assert whole["epoch"] == on["epoch"] == 1
    torch.testing.assert_close(on["state_dict"], whole["state_dict"], rtol=0, atol=0)


def test_the_best_checkpoint_serves_all_scores(task: Path, compose: Compose, tmp_path: Path) -> None:
    sizes = ("trainer=cpu", "trainer.max_epochs=1", "data.seq_len=8", "data.window_stride=4", "model.latent_dim=4")
    base = ("data=manifest", f"data.manifest={task}", "model=ae", *sizes)
    trained = run(compose(*base, run=tmp_path / "trained"))
    best, last = (f"ckpt_path={tmp_path}/trained/checkpoints/{name}.ckpt" for name in ("best", "last"))
    again = (*base, "train=false", "model.score=relative_error")
    assert run(compose(*again, best, run=tmp_path / "relative"))["auroc"] != trained["auroc"]
    with pytest.raises(
        UserError, match=r"model.score=relative_error: only best.ckpt of a finished training has_motion"
    ):
        run(compose(*again, last, run=tmp_path / "refused"))
