"""Nearest neighbours on views of keypoint windows, against scikit-learn and NumPy."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from model_cases import built, small_overrides, trainer
from scipy.linalg import logm
from scipy.spatial.distance import cdist, pdist
from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors

from hydra_config import Compose
from skelmap.data.datamodule import Batch
from skelmap.models.feature_distance import FeatureDistance
from skelmap.models.feature_models import FeatureKNN, FeaturePCA
from skelmap.models.pose_features import LOWEST, STEP, STILL, VIEWS, joints_of, scaled
from skelmap.skeletons.readers import read_clip, write_clip
from skelmap.training.run import run
from skelmap.utils.errors import UserError
from synthetic_data import write_toy_dataset

T, V, KEPT = 6, 5, [0, 1, 2, 4]
HANDS = [0, 1, 3]
"""Of the joints that are kept."""
DIMENSIONS = {"posture": 4, "trajectory": 6, "spectra": 8}
RNG = np.random.default_rng(0)
TRAIN, VAL, TEST = (RNG.normal(size=(n, T, V, 2)).astype(np.float32) for n in (200, 30, 40))


def model(kind: type[FeatureDistance] = FeatureKNN, **others: Any) -> FeatureDistance:
    sizes = {"window": T, "views": list(DIMENSIONS), "dimensions": list(DIMENSIONS.values()), "max_windows": 1000}
    own = {"neighbours": 3, "remainder": False} if kind is FeatureKNN else {}
    built = kind(**(sizes | own | others))
    built.joints, built.hands = torch.tensor(KEPT), torch.tensor(HANDS)
    return built


def fitted(kind: type[FeatureDistance] = FeatureKNN, **others: Any) -> FeatureDistance:
    """Fitted to the training windows, with the usual distances of the validation windows."""
    ours = model(kind, **others)
    ours.fit(TRAIN.reshape(200, -1).copy())
    ours.log = lambda *_, **__: None
    ours.validation_step(batch(VAL[:20]))
    ours.validation_step(batch(VAL[20:]))
    ours.on_validation_epoch_end()
    return ours


def batch(places: np.ndarray) -> Batch:
    return Batch(torch.arange(len(places)), torch.from_numpy(places).unsqueeze(2))


def views(places: np.ndarray, names: Iterable[str]) -> dict[str, np.ndarray]:
    """Views of the kept joints, in NumPy and SciPy, one window after the other."""
    return {name: np.stack([one_view(name, window) for window in places.astype(np.float64)]) for name in names}


def one_view(name: str, window: np.ndarray) -> np.ndarray:
    kept = window[:, KEPT]
    offsets = kept - kept.mean(axis=1, keepdims=True)
    kept = kept / np.sqrt((offsets**2).sum(axis=2).mean())
    flat = kept.reshape(T, -1)
    if name == "motion":
        covariance = np.cov((flat[STEP:] - flat[:-STEP]).T, bias=True)
        still = max(STILL**2, LOWEST * np.trace(covariance))
        return logm(covariance + still * np.eye(len(covariance)))[np.triu_indices(len(covariance))]
    if name == "posture":
        distance = np.array([pdist(frame) for frame in kept])
        apart = np.array([frame[:, None] - frame for frame in kept])[:, *np.triu_indices(len(KEPT), 1)]
        direction = (apart / (distance + 5 * STILL)[..., None]).mean(axis=0)
        return np.concatenate([distance.mean(axis=0), np.log(distance.std(axis=0) + 2 * STILL), direction.ravel()])
    amplitudes = np.abs(np.fft.rfft(flat - flat.mean(axis=0), axis=0))[1:] / T
    spectra = np.concatenate([flat.mean(axis=0), np.log(amplitudes + STILL / 10).ravel()])
    return {"trajectory": flat.ravel(), "spectra": spectra}[name]


def test_views_are_what_they_say() -> None:
    expected = views(TEST, VIEWS)
    places = scaled(torch.from_numpy(TEST[:, :, KEPT]).double())
    for name, view in VIEWS.items():
        np.testing.assert_allclose(view(places), expected[name], rtol=1e-6, atol=1e-5, err_msg=name)


@given(st.floats(0.01, 100), st.integers(0, 39))
def test_the_size_of_a_person_does_not_matter(times: float, i: int) -> None:
    one = torch.from_numpy(TEST[i : i + 1]).double()
    for view in VIEWS.values():
        torch.testing.assert_close(view(scaled(one * times)), view(scaled(one)), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("view", VIEWS)
def test_a_number_changes_with_the_joints_it_is_of(view: str) -> None:
    still = torch.from_numpy(TEST[:1, :1]).double().expand(-1, T, -1, -1)
    of = joints_of(view, T, V)
    for joint in range(V):
        moved = still.clone()
        moved[:, :, joint] += torch.from_numpy(TEST[1, :, joint])
        changed = ((VIEWS[view](moved) - VIEWS[view](still))[0].abs() > 1e-5).tolist()
        concerned = of == joint  # who moves alone moves together with nobody
        assert changed == (concerned.all(dim=1) if view == "motion" else concerned.any(dim=1)).tolist()


def test_joints_in_one_place_have_views_without_nan() -> None:
    for view in VIEWS.values():
        assert view(scaled(torch.zeros(2, T, V, 2))).isfinite().all()


def distances(kind: str) -> tuple[np.ndarray, np.ndarray]:
    """What validation and test windows have in each view, (views, N), by scikit-learn."""
    usual, asked = [], []
    for name, dimensions in DIMENSIONS.items():
        seen, val, test = (views(places, [name])[name] for places in (TRAIN, VAL, TEST))
        pca = PCA(dimensions, whiten=True, svd_solver="full").fit(seen)
        near = NearestNeighbors(n_neighbors=3).fit(pca.transform(seen))
        for found, x in ((usual, val), (asked, test)):
            rebuilt = pca.inverse_transform(pca.transform(x))
            residual = np.linalg.norm(x - rebuilt, axis=1)
            found.append(residual if kind == "residual" else near.kneighbors(pca.transform(x))[0].mean(axis=1))
    return np.array(usual), np.array(asked)


@pytest.mark.parametrize(("kind", "of"), [("neighbours", FeatureKNN), ("residual", FeaturePCA)])
def test_the_score_is_the_mean_distance_in_units_of_the_usual_one(kind: str, of: type[FeatureDistance]) -> None:
    usual, asked = distances(kind)
    scored = fitted(of).predict_step(batch(TEST))
    np.testing.assert_allclose(scored.score, (asked / usual.mean(axis=1, keepdims=True)).mean(axis=0), rtol=2e-3)
    assert scored.latent.shape == (40, 4)


@pytest.mark.parametrize("of", [FeatureKNN, FeaturePCA])
def test_contributions_of_the_joints_are_parts_of_the_score(of: type[FeatureDistance]) -> None:
    ours = fitted(of, views=[*VIEWS, *(f"hands_{view}" for view in VIEWS)], dimensions=8 * [4])
    score, parts = ours.score_and_attribution(torch.from_numpy(TEST)[:, :, None])
    assert parts.shape == (40, T, 1, V, 2) and not parts[..., [3], :].any()  # a joint that is left out
    torch.testing.assert_close(parts.sum(dim=(1, 2, 3, 4)), score, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("view", VIEWS)
def test_the_joint_that_moves_as_nobody_did_contributes_most(view: str) -> None:
    standing = np.float32([[0, 0], [1, 0], [0, 1], [5, 5], [1, 2]])
    ours = model(views=[view], dimensions=[5], remainder=True)
    ours.fit((standing + TRAIN / 10).reshape(200, -1))
    for joint in KEPT:
        asked = standing + TEST / 10
        asked[:, :, joint] += TEST[:, :, joint]
        parts = ours.contributions(torch.from_numpy(asked)[:, :, None]).sum(dim=(1, 2, 4))
        assert (parts.argmax(dim=1) == joint).float().mean() > 0.8


def test_a_view_of_hands_is_that_of_their_joints_in_units_of_the_whole_body() -> None:
    ours = fitted(views=["hands_posture"], dimensions=[4])
    places = [scaled(torch.from_numpy(x[:, :, KEPT]))[:, :, HANDS] for x in (TRAIN, TEST)]
    expected = [VIEWS["posture"](hands).numpy() for hands in places]
    pca = PCA(4, whiten=True, svd_solver="full").fit(expected[0])
    near = NearestNeighbors(n_neighbors=3).fit(pca.transform(expected[0]))
    found = ours.distances(torch.from_numpy(TEST).flatten(1))[0][:, 0]
    np.testing.assert_allclose(found, near.kneighbors(pca.transform(expected[1]))[0].mean(axis=1), rtol=2e-3)


@pytest.mark.parametrize("groups", [1, 4])
def test_distances_are_relative_to_what_is_usual_at_that_place(groups: int) -> None:
    """Of several groups the nearest of others count, of one group those that share no frame: here every T-th."""
    ours = model(views=["posture"], dimensions=[4], relative=0.5)
    ours.fit(TRAIN.reshape(200, -1).copy())
    start, group = torch.arange(200) * 2, torch.arange(200) % groups
    ours.take_usual(start, group)
    pca = PCA(4, whiten=True, svd_solver="full").fit(views(TRAIN, ["posture"])["posture"])
    seen, asked = (pca.transform(views(places, ["posture"])["posture"]) for places in (TRAIN, TEST))
    apart = cdist(seen, seen)
    tied = np.abs(np.subtract.outer(start, start)) < T if groups == 1 else np.equal.outer(group, group)
    usual = np.sort(np.where(tied, np.inf, apart), axis=1)[:, :3].mean(axis=1)
    usual = np.maximum(usual, np.median(usual) / 10) ** 0.5
    far, nearest = NearestNeighbors(n_neighbors=3).fit(seen).kneighbors(asked)
    expected = far.mean(axis=1) / usual[nearest].mean(axis=1)
    np.testing.assert_allclose(ours.distances(torch.from_numpy(TEST).flatten(1))[0][:, 0], expected, rtol=2e-3)


def test_distances_are_plain_where_too_few_windows_share_no_frame() -> None:
    ours, plain = (model(relative=relative) for relative in (1, 0))
    for one in (ours, plain):
        one.fit(TRAIN.reshape(200, -1).copy())
    ours.take_usual(torch.zeros(200, dtype=torch.int64), torch.zeros(200, dtype=torch.int64))
    x = torch.from_numpy(TEST).flatten(1)
    torch.testing.assert_close(ours.distances(x), plain.distances(x))


def test_windows_that_repeat_in_another_group_make_no_distance_endless() -> None:
    ours = model(views=["posture"], dimensions=[4], relative=1)
    ours.fit(np.concatenate([TRAIN[:190], np.tile(TRAIN[:1], (10, 1, 1, 1))]).reshape(200, -1))
    ours.take_usual(torch.arange(200), torch.arange(200) % 2)
    assert ours.posture_usual.min() >= ours.posture_usual.median() / 10.001


def test_training_learns_what_is_usual_and_which_joints_are_of_the_hands(compose: Compose, task: Path) -> None:
    ours, data = built(compose, task, "neighbours")
    trainer(1).fit(ours, data)
    hands = [data.layout.joints[joint] for joint in ours.joints[ours.hands]]
    assert hands == ["neck", "right_wrist", "left_wrist", "right_hip", "left_hip"]
    assert ours.hands_posture_usual.std() > 0


def test_directions_beyond_the_dimensions_are_divided_by_the_last_standard_deviation() -> None:
    ours = fitted(views=["trajectory"], dimensions=[5], remainder=True)
    seen, asked = (views(places, ["trajectory"])["trajectory"] for places in (TRAIN, TEST))
    pca = PCA(svd_solver="full").fit(seen)
    width = np.sqrt(np.maximum(pca.explained_variance_, pca.explained_variance_[4]))
    near = NearestNeighbors(n_neighbors=3).fit(pca.transform(seen) / width)
    expected = near.kneighbors(pca.transform(asked) / width)[0].mean(axis=1)
    np.testing.assert_allclose(ours.distances(torch.from_numpy(TEST).flatten(1))[0][:, 0], expected, rtol=1e-3)


def test_what_never_changes_in_training_is_seen_when_it_does() -> None:
    """Somebody who lies among people who stand, all moving one joint alike."""
    standing = np.tile(np.array([[0, 0], [1, 0], [0, 1], [0, 0], [1, 2]], np.float32), (200, T, 1, 1))
    standing[:, :, 2] += TRAIN[:, :, 2] / 10
    ours = model(views=["posture"], dimensions=[5], remainder=True)
    ours.fit(standing.reshape(200, -1).copy())
    lying = standing[..., ::-1] * np.array([1, -1], np.float32)
    usual, unusual = (ours.describe(torch.from_numpy(places.reshape(200, -1)))[0] for places in (standing, lying))
    assert unusual.min() > 3 * usual.max()


def test_ranks_are_shares_of_validation_windows_that_are_nearer() -> None:
    usual, asked = distances("neighbours")
    ranks = (usual[:, None] < asked[:, :, None]).mean(axis=2).mean(axis=0)
    np.testing.assert_allclose(fitted(ranks=True).predict_step(batch(TEST)).score, ranks, atol=0.02)


def test_half_precision_of_the_trainer_does_not_touch_distances() -> None:
    ours = model()
    ours.fit(TRAIN.reshape(200, -1).copy())
    exact = ours.predict_step(batch(TEST)).score
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(ours.predict_step(batch(TEST)).score, exact)


def test_views_have_no_more_dimensions_than_numbers() -> None:
    ours = model(views=["posture"], dimensions=[100])
    ours.fit(TRAIN.reshape(200, -1).copy())
    assert ours.posture_axes.shape == (24, 24)


def test_coordinates_that_never_change_do_not_count() -> None:
    """The neck is at the origin of every window: whitening it would divide rounding errors by themselves."""
    still = TRAIN.copy()
    still[:, :, 1] = 0
    asked = torch.from_numpy(TEST.copy())
    asked[:, :, 1] = 0
    ours = model(views=["trajectory"], dimensions=[100])
    ours.fit(still.reshape(200, -1).copy())
    assert ours.trajectory_axes.shape == (8 * T, 6 * T)
    nudged = asked.clone()
    nudged[:, :, 1] += 1e-5 * torch.randn(40, T, 2)
    torch.testing.assert_close(
        ours.describe(nudged.flatten(1))[0], ours.describe(asked.flatten(1))[0], rtol=1e-2, atol=0
    )


def test_joints_that_are_seldom_seen_are_left_out() -> None:
    assert FeatureKNN.often_seen(torch.tensor([1.0, 0.2, 0.5, 0.0])).tolist() == [0, 2]
    assert FeatureKNN.often_seen(torch.tensor([0.3, 0.2, 0.0, 0.6])).tolist() == [0, 1, 3]


def test_fewer_windows_than_neighbours_are_refused() -> None:
    with pytest.raises(UserError, match=r"model.neighbours=3; 3 training windows allow fewer"):
        model().fit(TRAIN[:3].reshape(3, -1).copy())


@pytest.mark.parametrize(
    ("others", "message"),
    [
        ({"views": ["gait"], "dimensions": [3]}, "model.views has gait; allowed are motion, posture, trajectory, "),
        ({"views": ["motion"], "dimensions": [3, 4]}, r"with model.dimensions=\[3, 4\]; allowed are views, each once"),
        ({"views": [], "dimensions": []}, r"model.views=\[\] with"),
        ({"views": ["motion", "motion"], "dimensions": [3, 4]}, "each once"),
        ({"views": ["motion"], "dimensions": [0]}, "whole numbers of at least 1"),
        ({"views": ["motion"], "dimensions": [3], "window": 4}, "data.seq_len=4; model.views with motion allows 5"),
        ({"views": ["hands_motion"], "dimensions": [3], "window": 4}, "model.views with motion allows 5"),
        ({"views": ["hands"], "dimensions": [3]}, "model.views has hands; allowed are motion, .*, hands_motion, "),
    ],
)
def test_views_that_cannot_be_taken_are_refused(others: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        FeatureKNN(**({"window": T, "neighbours": 3, "max_windows": 9} | others))


@pytest.mark.parametrize("view", VIEWS)
def test_the_shortest_windows_of_a_view_are_told_apart(view: str) -> None:
    shortest = {"motion": STEP + 2, "spectra": 2}.get(view, 1)
    ours = model(views=[view], dimensions=[4], window=shortest)
    ours.fit(TRAIN[:, :shortest].reshape(200, -1).copy())
    score, _ = ours.describe(torch.from_numpy(TEST[:, :shortest]).flatten(1))
    assert score.isfinite().all() and score.std() > 0


@pytest.mark.parametrize(("seen", "words"), [(["nose"], "nose"), (["left_eye"], "none")])
def test_recordings_that_show_one_joint_of_the_body_are_refused(
    seen: list[str], words: str, compose: Compose, tmp_path: Path
) -> None:
    task = write_toy_dataset(tmp_path)
    for path in tmp_path.glob("train_*.npz"):
        clip = read_clip(path, path.stem)
        unseen = [joint for joint, name in enumerate(clip.layout.joints) if name not in seen]
        clip.keypoints[:, unseen] = 0
        write_clip(path, clip)
    message = rf"joints of the body that are ever seen in split train: {words}; neighbours: .* two or more"
    for name in ("neighbours", "pca_course"):
        ours, data = built(compose, task, name)
        with pytest.raises(UserError, match=message.replace("neighbours", ours.name)):
            trainer(1).fit(ours, data)


@pytest.mark.parametrize("words", ["+trainer.limit_val_batches=0", "trainer.check_val_every_n_epoch=2"])
@pytest.mark.parametrize(("name", "what"), [("neighbours", "its units from"), ("knn_ranks", "ranks among")])
def test_validation_recordings_that_the_trainer_passes_over_are_missed(
    name: str, what: str, words: str, compose: Compose, task: Path, tmp_path: Path
) -> None:
    message = rf"takes {what} validation windows, but epoch 1 looked at none; allowed are trainer\.limit_val_batches"
    for _ in range(2):  # nothing is left from which a second try would go on
        with pytest.raises(UserError, match=message):
            run(compose(*small_overrides(name), f"data.manifest={task}", words))


def test_a_subspace_that_leaves_nothing_is_refused() -> None:
    ours = model(FeaturePCA, views=["posture"], dimensions=[100])
    with pytest.raises(UserError, match=r"dimensions=\[100\]: all 24 directions of view posture .*; allowed are fewer"):
        ours.fit(TRAIN.reshape(200, -1).copy())


def test_a_single_window_is_refused() -> None:
    with pytest.raises(UserError, match=r"PCA: posture, .*: one training window; allowed are two or more"):
        model(FeaturePCA).fit(TRAIN[:1].reshape(1, -1).copy())


def test_ranks_without_validation_recordings_are_refused(compose: Compose, tmp_path: Path) -> None:
    ours, data = built(compose, write_toy_dataset(tmp_path, with_val=False), "knn_ranks")
    with pytest.raises(UserError, match=r"model\.ranks=true needs validation recordings; model\.ranks=false does not"):
        trainer(1).fit(ours, data)


def test_maps_are_refused(compose: Compose, task: Path) -> None:
    ours, data = built(compose, task, "neighbours", "data.representation=maps")
    with pytest.raises(UserError, match=r"neighbours on views compares keypoints; allowed is data.representation=key"):
        trainer(1).fit(ours, data)


@pytest.mark.slow
def test_real_drumming_is_told_from_other_movements_of_people_not_in_training(
    compose: Compose, real_data: Path
) -> None:
    drums = ("data=manifest", f"data.manifest={real_data}/manifest_drums.csv", "data.window_stride=10")
    assert run(compose("model=neighbours", *drums, "trainer.accelerator=cpu"))["auroc"] > 0.9
