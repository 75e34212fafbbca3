"""The autoregressive density of keypoints, against torch.distributions."""

from pathlib import Path

import pytest
import torch
from torch.distributions import MultivariateNormal
from torch.nn import functional as F

from hydra_config import Compose
from model_cases import built, trainer
from skelmap.models.masked_keypoints import MaskedKeypoints, masked_network
from skelmap.models.pose_features import JITTER, normalize_scale
from skelmap.skeletons.layouts import BODY_25
from skelmap.utils.errors import UserError

T, BODY = 3, list(BODY_25.body)


@pytest.mark.parametrize("keypoints", [1, 2, 12])
def test_the_output_for_a_keypoint_depends_on_those_before_it_only(keypoints: int) -> None:
    torch.manual_seed(0)
    network = masked_network(keypoints, hidden_size=64).double()
    moved = torch.zeros(keypoints, 2 * keypoints, dtype=torch.float64)
    still = network(moved)
    moved[range(keypoints), range(0, 2 * keypoints, 2)] = 5.0  # x of one keypoint after the other
    changed = ((network(moved) - still).abs() > 1e-9).unflatten(1, (keypoints, 5)).any(dim=2)
    assert torch.equal(changed, torch.ones(keypoints, keypoints, dtype=torch.bool).triu(1))


def test_the_score_is_the_mean_negative_log_density_of_the_body() -> None:
    torch.manual_seed(0)
    model, windows = MaskedKeypoints(seq_len=T, hidden_size=32), torch.randn(4, T, 1, 25, 2)
    places = normalize_scale(windows[:, :, 0, BODY])
    numbers = model.network(places.flatten(1)).view(4, T, len(BODY), 5)
    mean = numbers[..., :2] + F.pad(places[:, :-1], (0, 0, 0, 0, 1, 0))
    sigma, lower = F.softplus(numbers[..., 2:4]) + JITTER, torch.eye(2).repeat(4, T, len(BODY), 1, 1)
    lower[..., 1, 0] = numbers[..., 4]  # y depends on x, in units of their deviations
    density = MultivariateNormal(mean, scale_tril=sigma[..., None] * lower).log_prob(places)
    score, errors = model.score_and_attribution(windows)
    torch.testing.assert_close(score, -density.mean(dim=(1, 2)))
    torch.testing.assert_close(model.score_windows(windows)[0], score)
    assert errors.shape == windows.shape and errors[:, :, :, BODY].min() > 0
    assert errors.sum() == errors[:, :, :, BODY].sum(), "joints beside the body have no part"


def test_the_size_of_a_person_does_not_matter() -> None:
    model, windows = MaskedKeypoints(seq_len=T, hidden_size=32), torch.randn(4, T, 1, 25, 2)
    torch.testing.assert_close(model.score_windows(3 * windows)[0], model.score_windows(windows)[0])


def test_maps_are_refused(compose: Compose, task: Path) -> None:
    model, data = built(compose, task, "masked_keypoints", "data.representation=maps")
    with pytest.raises(UserError, match=r"masked keypoints takes keypoints; allowed is data\.representation=keypoints"):
        trainer(1).fit(model, data)
