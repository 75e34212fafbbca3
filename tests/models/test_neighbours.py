"""Nearest neighbours on views of keypoint windows, against scikit-learn and NumPy."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from model_cases import built, trainer
from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors

from composing import Compose
from skelmap.data import Batch
from skelmap.errors import UserError
from skelmap.experiment import run
from skelmap.models import Neighbours
from skelmap.models.views import STILL, VIEWS, course, posture, scaled, spread

T, V = 6, 5
RNG = np.random.default_rng(0)
TRAIN, VAL, TEST = (RNG.normal(size=(n, T, V, 2)).astype(np.float32) for n in (200, 30, 40))


def model(**others: int) -> Neighbours:
    sizes = {"posture": 4, "spread": 6, "course": 8, "neighbours": 3, "max_windows": 1000} | others
    built = Neighbours(window=T, **sizes)
    built.joints = torch.tensor([0, 1, 2, 4])
    return built


def batch(places: np.ndarray) -> Batch:
    frames = torch.from_numpy(places).flatten(0, 1).unsqueeze(1)
    return Batch(torch.arange(len(places)), frames, torch.arange(len(frames)).view(len(places), T))


def views(places: np.ndarray) -> dict[str, np.ndarray]:
    """The views of the kept joints, in NumPy."""
    kept = places[:, :, [0, 1, 2, 4]].astype(np.float64)
    offsets = kept - kept.mean(axis=2, keepdims=True)
    kept = kept / np.sqrt((offsets**2).sum(axis=3).mean(axis=(1, 2)))[:, None, None, None]
    return {
        "posture": kept.mean(axis=1).reshape(len(kept), -1),
        "spread": np.log(kept.std(axis=1) + STILL).reshape(len(kept), -1),
        "course": kept[:, ::2].reshape(len(kept), -1),
    }


def test_views_are_what_they_say() -> None:
    expected = views(TEST)
    places = scaled(torch.from_numpy(TEST[:, :, [0, 1, 2, 4]]))
    for name, view in VIEWS.items():
        np.testing.assert_allclose(view(places), expected[name], rtol=1e-4, atol=1e-5)


@given(st.floats(0.01, 100), st.integers(0, 39))
def test_the_size_of_a_person_does_not_matter(times: float, i: int) -> None:
    one = torch.from_numpy(TEST[i : i + 1])
    for view in (posture, spread, course):
        torch.testing.assert_close(view(scaled(one * times)), view(scaled(one)), rtol=1e-3, atol=1e-4)


def test_joints_in_one_place_have_views_without_nan() -> None:
    for view in VIEWS.values():
        assert view(scaled(torch.zeros(2, T, V, 2))).isfinite().all()


def test_the_score_is_the_mean_distance_in_units_of_the_usual_one() -> None:
    ours = model()
    ours.fit(TRAIN.reshape(200, -1).copy())
    ours.log = lambda *_, **__: None
    ours.validation_step(batch(VAL[:20]))
    ours.validation_step(batch(VAL[20:]))
    ours.on_validation_epoch_end()
    scored = ours.predict_step(batch(TEST))
    total = np.zeros(40)
    for name, dims in (("posture", 4), ("spread", 6), ("course", 8)):
        seen, usual, asked = (views(places)[name] for places in (TRAIN, VAL, TEST))
        pca = PCA(dims, whiten=True, svd_solver="full").fit(seen)
        found = NearestNeighbors(n_neighbors=3).fit(pca.transform(seen))
        usual, asked = (found.kneighbors(pca.transform(x))[0].mean(axis=1) for x in (usual, asked))
        total += asked / usual.mean() / 3
    np.testing.assert_allclose(scored.score, total, rtol=1e-3)
    assert scored.latent.shape == (40, 4)


def test_half_precision_of_the_trainer_does_not_touch_distances() -> None:
    ours = model()
    ours.fit(TRAIN.reshape(200, -1).copy())
    exact = ours.predict_step(batch(TEST)).score
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(ours.predict_step(batch(TEST)).score, exact)


def test_views_have_no_more_dimensions_than_numbers() -> None:
    ours = model(posture=100)
    ours.fit(TRAIN.reshape(200, -1).copy())
    assert ours.posture_axes.shape == (8, 8)


def test_coordinates_that_never_change_do_not_count() -> None:
    """The neck is at the origin of every window: whitening it would divide rounding errors by themselves."""
    still = TRAIN.copy()
    still[:, :, 1] = 0
    asked = torch.from_numpy(TEST.copy())
    asked[:, :, 1] = 0
    ours = model(spread=100)
    ours.fit(still.reshape(200, -1).copy())
    assert ours.spread_axes.shape == (8, 6)
    nudged = asked.clone()
    nudged[:, :, 1] += 1e-5 * torch.randn(40, T, 2)
    torch.testing.assert_close(
        ours.describe(nudged.flatten(1))[0], ours.describe(asked.flatten(1))[0], rtol=1e-2, atol=0
    )


def test_joints_that_are_seldom_seen_are_left_out() -> None:
    assert Neighbours.often_seen(torch.tensor([1.0, 0.2, 0.5, 0.0])).tolist() == [0, 2]
    assert Neighbours.often_seen(torch.tensor([0.3, 0.2, 0.0, 0.6])).tolist() == [0, 1, 3]


def test_fewer_windows_than_neighbours_are_refused() -> None:
    with pytest.raises(UserError, match=r"model.neighbours=3; 3 training windows allow fewer"):
        model().fit(TRAIN[:3].reshape(3, -1).copy())


def test_maps_are_refused(composed: Compose, task: Path) -> None:
    ours, data = built(composed, task, "neighbours", "data.representation=maps")
    with pytest.raises(
        UserError, match=r"model=neighbours compares keypoints; allowed is data.representation=keypoints"
    ):
        trainer(1).fit(ours, data)


@pytest.mark.slow
def test_real_drumming_is_told_from_other_movements_of_people_not_in_training(
    composed: Compose, real_data: Path
) -> None:
    drums = ("data=manifest", f"data.manifest={real_data}/manifest_drums.csv", "data.stride=10")
    assert run(composed("model=neighbours", *drums, "trainer.accelerator=cpu"))["auroc"] > 0.9
