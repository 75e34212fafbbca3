"""PCA, GMM, nearest neighbours and the mean template against scikit-learn."""

from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA as SklearnPCA
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import NearestNeighbors

from hydra_config import Compose
from model_cases import small_overrides
from skelmap.models import GMM, KNN, PCA, Baseline, MeanTemplate, RandomProjection
from skelmap.training.run import run
from skelmap.utils.errors import UserError

RNG = np.random.default_rng(0)
TRAIN, TEST = ((RNG.random((n, 60)) < RNG.random(60)).astype(np.float32) for n in (200, 40))


def fit_and_score(model: Baseline) -> tuple[np.ndarray, torch.Tensor | None]:
    model.fit(TRAIN.copy())
    score, latent = model.score_flat(torch.from_numpy(TEST))
    return score.numpy(), latent


def test_pca_scores_the_distance_to_the_subspace() -> None:
    score, latent = fit_and_score(PCA(latent_dim=5, max_windows=1000))
    reference = SklearnPCA(5).fit(TRAIN)
    residual = TEST - reference.inverse_transform(reference.transform(TEST))
    np.testing.assert_allclose(score, (residual**2).mean(axis=1), rtol=1e-4)
    np.testing.assert_allclose(np.abs(latent), np.abs(reference.transform(TEST)), rtol=1e-3, atol=1e-4)


def test_pca_scores_the_mean_error_of_its_reconstruction() -> None:
    model = PCA(window="sequence", latent_dim=5, max_windows=1000)
    model.fit((RNG.random((50, 2 * 36)) - 0.5).astype(np.float32))
    places = torch.rand(4, 2, 1, 18, 2) - 0.5
    score, errors = model.score_and_attribution(places)
    assert model.reconstruct(places).min() < 0, "keypoints left of the neck"
    torch.testing.assert_close(errors.flatten(1).mean(dim=1), score)


def test_gmm_scores_the_negative_log_likelihood() -> None:
    score, latent = fit_and_score(GMM(latent_dim=4, n_components=3, max_windows=1000))
    reference = SklearnPCA(4, random_state=0).fit(TRAIN)
    mixture = GaussianMixture(3, reg_covar=1e-3, random_state=0).fit(reference.transform(TRAIN).astype(np.float64))
    np.testing.assert_allclose(score, -mixture.score_samples(reference.transform(TEST)), rtol=1e-3)
    assert latent.shape == (40, 4)


def test_knn_scores_the_mean_distance_to_the_nearest() -> None:
    score, _ = fit_and_score(KNN(latent_dim=6, n_neighbors=4, max_windows=1000))
    reference = SklearnPCA(6, random_state=0).fit(TRAIN)
    distance, _ = NearestNeighbors(n_neighbors=4).fit(reference.transform(TRAIN)).kneighbors(reference.transform(TEST))
    np.testing.assert_allclose(score, distance.mean(axis=1), rtol=1e-4)


def test_a_random_projection_does_not_depend_on_the_windows_and_keeps_their_distances() -> None:
    models, scores = [], []
    for x in (TRAIN, RNG.normal(size=TRAIN.shape)):
        torch.manual_seed(0)
        models.append(RandomProjection(latent_dim=50, n_neighbors=4))
        models[-1].fit(x.astype(np.float32).copy())
        scores.append(models[-1].score_flat(torch.from_numpy(TEST))[0].numpy())
    torch.testing.assert_close(models[0].components, models[1].components)
    torch.testing.assert_close(models[0].components @ models[0].components.T, torch.eye(50))
    distance, _ = NearestNeighbors(n_neighbors=4).fit(TRAIN).kneighbors(TEST)
    np.testing.assert_allclose(scores[0], np.sqrt(50 / 60) * distance.mean(axis=1), rtol=0.15)


def test_the_mean_template_scores_the_squared_difference_from_it() -> None:
    score, latent = fit_and_score(MeanTemplate(max_windows=1000))
    np.testing.assert_allclose(score, ((TEST - TRAIN.mean(axis=0)) ** 2).mean(axis=1), rtol=1e-4)
    assert latent is None


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (PCA(61), r"model.latent_dim=61; 200 windows of 60 values allow fewer"),
        (GMM(4, 201), r"model.n_components=201; 200 training windows allow fewer"),
        (KNN(4, 201), r"model.n_neighbors=201; 200 training windows allow fewer"),
    ],
    ids=["pca", "gmm", "knn"],
)
def test_too_little_data_for_a_size_is_refused(model: Baseline, message: str) -> None:
    with pytest.raises(UserError, match=message):
        model.fit(TRAIN.copy())


@pytest.mark.parametrize("name", ["mean_template", "feature_knn"])
def test_validation_before_the_fit_is_refused(name: str, compose: Compose, task: Path) -> None:
    words = (*small_overrides(name), f"data.manifest={task}", "data.batch_size=8")
    with pytest.raises(UserError, match=r"fitted at the end .* allowed are trainer\.val_check_interval=1\.0"):
        run(compose(*words, "trainer.num_sanity_val_steps=2"))
