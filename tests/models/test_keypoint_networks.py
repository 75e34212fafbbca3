"""Networks on keypoints."""

from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score
from torch.distributions import Normal

from hydra_config import Compose
from model_cases import NETWORKS, built, trainer
from skelmap.models.losses import gaussian_nll
from skelmap.training.run import run

KEYPOINTS = "data.representation=keypoints"


def test_the_negative_log_likelihood_of_keypoints_is_a_sum_over_coordinates() -> None:
    mean, keypoints, log_sigma = torch.randn(3, 4, 1, 25, 2), torch.randn(3, 4, 1, 25, 2), torch.tensor(-1.3)
    expected = -Normal(mean, log_sigma.exp()).log_prob(keypoints).flatten(1).sum(dim=1)
    torch.testing.assert_close(gaussian_nll(mean, keypoints, log_sigma), expected)


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_learn_keypoints_and_their_standard_deviation(name: str, compose: Compose, task: Path) -> None:
    model, data = built(compose, task, name, KEYPOINTS, "data.window_stride=4", "data.batch_size=8")
    fitted = trainer(epochs=60)
    fitted.fit(model, data)
    windows = data.gather(torch.from_numpy(data.starts("train")))
    assert windows.shape[2:] == (1, 25, 2)
    with torch.inference_mode():
        error = (model.eval().reconstruct(windows) - windows).square().mean().sqrt().item()
    assert error < 0.5 * (windows - windows.mean(dim=0)).square().mean().sqrt().item() + 0.02
    assert 0.3 < model.likelihood.log_sigma.exp().item() / error < 3


@pytest.mark.slow
def test_a_run_on_keypoints_distinguishes_lying_from_standing(compose: Compose, task: Path, tmp_path: Path) -> None:
    sizes = ("model.latent_dim=4", "model.hidden_size=32", "model.learning_rate=0.01", "data.seq_len=8")
    data = ("data=manifest", f"data.manifest={task}", "data.window_stride=2", KEYPOINTS)
    numbers = run(compose(*data, *sizes, "model=lstm_vae", "trainer=cpu"))
    scores = np.genfromtxt(tmp_path / "run" / "scores.csv", delimiter=",", names=True, dtype=None, encoding="utf-8")
    scores = scores[~np.isnan(scores["score"])]
    assert numbers["auroc"] == pytest.approx(roc_auc_score(scores["label"], scores["score"]), abs=1e-6)
    assert numbers["auroc"] > 0.95
    assert str(numbers["model"]).endswith(", keypoints")
