"""Nearest neighbours and PCA on pose features of keypoint windows, against scikit-learn and NumPy."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.linalg import logm
from scipy.spatial.distance import cdist, pdist
from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors
from torch.utils.data import DataLoader

from hydra_config import Compose
from model_cases import built, small_overrides, trainer
from skelmap.data.datamodule import Batch
from skelmap.models.feature_distance import FeatureDistance
from skelmap.models.feature_knn import FeatureKNN
from skelmap.models.feature_pca import FeaturePCA
from skelmap.models.pose_features import FEATURES, JITTER, MOTION_STEP, SHRINKAGE, feature_joints, normalize_scale
from skelmap.skeletons.archives import write_clip
from skelmap.skeletons.readers import read_clip
from skelmap.training.run import run
from skelmap.utils.errors import UserError
from synthetic_data import write_toy_dataset

T, V, KEPT = 6, 5, [0, 1, 2, 4]
HANDS = [0, 1, 3]
"""Indices into KEPT."""
N_COMPONENTS = {"posture": 4, "trajectory": 6, "spectra": 8}
RNG = np.random.default_rng(0)
TRAIN, VAL, TEST = (RNG.normal(size=(n, T, V, 2)).astype(np.float32) for n in (200, 30, 40))


def model(kind: type[FeatureDistance] = FeatureKNN, **others: Any) -> FeatureDistance:
    sizes = {
        "seq_len": T,
        "features": list(N_COMPONENTS),
        "n_components": list(N_COMPONENTS.values()),
        "max_windows": 999,
    }
    own = {"n_neighbors": 3, "keep_residual": False} if kind is FeatureKNN else {}
    built = kind(**(sizes | own | others))
    built.joints, built.hand_joints = torch.tensor(KEPT), torch.tensor(HANDS)
    return built


def fitted(kind: type[FeatureDistance] = FeatureKNN, **others: Any) -> FeatureDistance:
    """A model fitted to the training windows, with the distances of the validation windows."""
    ours = model(kind, **others)
    ours.fit(TRAIN.reshape(200, -1).copy())
    trainer(1).validate(ours, DataLoader([batch(VAL[:20]), batch(VAL[20:])], batch_size=None), verbose=False)
    return ours


def batch(places: np.ndarray) -> Batch:
    return Batch(torch.arange(len(places)), torch.from_numpy(places).unsqueeze(2))


def features(places: np.ndarray, names: Iterable[str]) -> dict[str, np.ndarray]:
    """Features of the kept joints, in NumPy and SciPy, one window after the other."""
    return {name: np.stack([one_feature(name, window) for window in places.astype(np.float64)]) for name in names}


def one_feature(name: str, window: np.ndarray) -> np.ndarray:
    kept = window[:, KEPT]
    offsets = kept - kept.mean(axis=1, keepdims=True)
    kept = kept / np.sqrt((offsets**2).sum(axis=2).mean())
    flat = kept.reshape(T, -1)
    if name == "motion":
        covariance = np.cov((flat[MOTION_STEP:] - flat[:-MOTION_STEP]).T, bias=True)
        identity = (SHRINKAGE * np.diag(covariance).mean() + JITTER**2) * np.eye(len(covariance))
        return logm((1 - SHRINKAGE) * covariance + identity)[np.triu_indices(len(covariance))]
    if name == "posture":
        distance = np.array([pdist(frame) for frame in kept])
        apart = np.array([frame[:, None] - frame for frame in kept])[:, *np.triu_indices(len(KEPT), 1)]
        direction = (apart / (distance + 5 * JITTER)[..., None]).mean(axis=0)
        return np.concatenate([distance.mean(axis=0), np.log(distance.std(axis=0) + 2 * JITTER), direction.ravel()])
    if name == "kinematics":
        return kinematics(kept)
    amplitudes = np.abs(np.fft.rfft(flat - flat.mean(axis=0), axis=0))[1:] / T
    spectra = np.concatenate([flat.mean(axis=0), np.log(amplitudes + JITTER / 10).ravel()])
    return {"trajectory": flat.ravel(), "spectra": spectra}[name]


def kinematics(kept: np.ndarray) -> np.ndarray:
    """Positions and speeds relative to the first joint, extreme distances and correlations of pairs, by loops."""
    first, others = kept[:, 0], kept[:, 1:] - kept[:, :1]
    steps = np.diff(kept, axis=0)
    speeds = np.array([np.linalg.norm(np.diff(x, axis=0), axis=1) for x in (first, *others.transpose(1, 0, 2))])
    positions = others.reshape(T, -1)
    parts = [positions.mean(axis=0), np.log(positions.std(axis=0) + 2 * JITTER)]
    parts += [np.log(speeds.mean(axis=1) + JITTER), np.log(speeds.max(axis=1) + JITTER)]
    pairs = list(zip(*np.triu_indices(len(KEPT), 1), strict=True))
    distances = [np.linalg.norm(kept[:, a] - kept[:, b], axis=1) for a, b in pairs]
    parts += [np.min(distances, axis=1), np.max(distances, axis=1)]
    size = [np.linalg.norm(steps[:, joint]) for joint in range(len(KEPT))]
    parts += [np.array([(steps[:, a] * steps[:, b]).sum() / (size[a] * size[b] + JITTER) for a, b in pairs])]
    return np.concatenate(parts)


def test_features_equal_their_numpy_versions() -> None:
    expected = features(TEST, FEATURES)
    places = normalize_scale(torch.from_numpy(TEST[:, :, KEPT]).double())
    for name, feature in FEATURES.items():
        np.testing.assert_allclose(feature(places), expected[name], rtol=1e-6, atol=1e-5, err_msg=name)


@given(st.floats(0.01, 100), st.integers(0, 39))
def test_the_size_of_a_person_does_not_matter(times: float, i: int) -> None:
    one = torch.from_numpy(TEST[i : i + 1]).double()
    for feature in FEATURES.values():
        scaled = feature(normalize_scale(one * times))
        torch.testing.assert_close(scaled, feature(normalize_scale(one)), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("feature", FEATURES)
def test_each_dimension_depends_on_its_feature_joints(feature: str) -> None:
    still = torch.from_numpy(TEST[:1] if feature == "kinematics" else TEST[:1, :1]).double().expand(-1, T, -1, -1)
    of = feature_joints(feature, T, V)
    for joint in range(V):
        moved = still.clone()
        moved[:, :, joint] += torch.from_numpy(TEST[1, :, joint])
        changed = ((FEATURES[feature](moved) - FEATURES[feature](still))[0].abs() > 1e-5).tolist()
        concerned = (of == joint).any(dim=1)
        if feature == "motion":  # a single moving joint has no covariance with others, and changes the mean variance
            row, column = torch.triu_indices(2 * V, 2 * V)
            concerned = (of == joint).all(dim=1) | (row == column)
        assert changed == concerned.tolist()


def test_features_of_coinciding_joints_are_finite() -> None:
    for feature in FEATURES.values():
        assert feature(normalize_scale(torch.zeros(2, T, V, 2))).isfinite().all()


def distances(kind: str) -> tuple[np.ndarray, np.ndarray]:
    """Distances of validation and test windows in each feature, (features, N), by scikit-learn."""
    usual, queried = [], []
    for name, components in N_COMPONENTS.items():
        train, val, test = (features(places, [name])[name] for places in (TRAIN, VAL, TEST))
        pca = PCA(components, whiten=True, svd_solver="full").fit(train)
        near = NearestNeighbors(n_neighbors=3).fit(pca.transform(train))
        for found, x in ((usual, val), (queried, test)):
            rebuilt = pca.inverse_transform(pca.transform(x))
            residual = np.linalg.norm(x - rebuilt, axis=1)
            found.append(residual if kind == "residual" else near.kneighbors(pca.transform(x))[0].mean(axis=1))
    return np.array(usual), np.array(queried)


@pytest.mark.parametrize(("kind", "of"), [("neighbors", FeatureKNN), ("residual", FeaturePCA)])
def test_the_score_is_the_mean_distance_in_units_of_the_validation_mean(kind: str, of: type[FeatureDistance]) -> None:
    usual, asked = distances(kind)
    scored = fitted(of).predict_step(batch(TEST))
    np.testing.assert_allclose(scored.score, (asked / usual.mean(axis=1, keepdims=True)).mean(axis=0), rtol=2e-3)
    assert scored.latent.shape == (40, 4)


@pytest.mark.parametrize("of", [FeatureKNN, FeaturePCA])
def test_attributions_to_joints_sum_to_the_score(of: type[FeatureDistance]) -> None:
    ours = fitted(of, features=[*FEATURES, *(f"hands_{feature}" for feature in FEATURES)], n_components=10 * [4])
    score, parts = ours.score_and_attribution(torch.from_numpy(TEST)[:, :, None])
    assert parts.shape == (40, T, 1, V, 2) and not parts[..., [3], :].any()  # a joint that is left out
    torch.testing.assert_close(parts.sum(dim=(1, 2, 3, 4)), score, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("feature", FEATURES)
def test_a_joint_that_moves_unlike_training_has_the_largest_attribution(feature: str) -> None:
    standing = np.float32([[0, 0], [1, 0], [0, 1], [5, 5], [1, 2]])
    ours = model(features=[feature], n_components=[5], keep_residual=True)
    ours.fit((standing + TRAIN / 10).reshape(200, -1))
    for joint in KEPT:
        asked = standing + TEST / 10
        asked[:, :, joint] += TEST[:, :, joint]
        parts = ours.attribution(torch.from_numpy(asked)[:, :, None]).sum(dim=(1, 2, 4))
        assert (parts.argmax(dim=1) == joint).float().mean() > 0.7


def test_a_feature_of_hands_uses_the_size_of_the_whole_body() -> None:
    ours = fitted(features=["hands_posture"], n_components=[4])
    places = [normalize_scale(torch.from_numpy(x[:, :, KEPT]))[:, :, HANDS] for x in (TRAIN, TEST)]
    expected = [FEATURES["posture"](hands).numpy() for hands in places]
    pca = PCA(4, whiten=True, svd_solver="full").fit(expected[0])
    near = NearestNeighbors(n_neighbors=3).fit(pca.transform(expected[0]))
    found = ours.distances(torch.from_numpy(TEST).flatten(1))[0][:, 0]
    np.testing.assert_allclose(found, near.kneighbors(pca.transform(expected[1]))[0].mean(axis=1), rtol=2e-3)


@pytest.mark.parametrize("groups", [1, 4])
def test_distances_are_divided_by_the_local_distance(groups: int) -> None:
    """Neighbours are of other groups, or, of a single group, windows without common frames."""
    ours = model(features=["posture"], n_components=[4], density_power=0.5)
    ours.fit(TRAIN.reshape(200, -1).copy())
    start, group = torch.arange(200) * 2, torch.arange(200) % groups
    ours.fit_local_density(start, group)
    pca = PCA(4, whiten=True, svd_solver="full").fit(features(TRAIN, ["posture"])["posture"])
    seen, asked = (pca.transform(features(places, ["posture"])["posture"]) for places in (TRAIN, TEST))
    apart = cdist(seen, seen)
    tied = np.abs(np.subtract.outer(start, start)) < T if groups == 1 else np.equal.outer(group, group)
    usual = np.sort(np.where(tied, np.inf, apart), axis=1)[:, :3].mean(axis=1)
    usual = np.maximum(usual, np.median(usual) / 10) ** 0.5
    far, nearest = NearestNeighbors(n_neighbors=3).fit(seen).kneighbors(asked)
    expected = far.mean(axis=1) / usual[nearest].mean(axis=1)
    np.testing.assert_allclose(ours.distances(torch.from_numpy(TEST).flatten(1))[0][:, 0], expected, rtol=2e-3)


def test_distances_are_not_divided_if_too_few_windows_are_unrelated() -> None:
    ours, plain = (model(density_power=relative) for relative in (1, 0))
    for one in (ours, plain):
        one.fit(TRAIN.reshape(200, -1).copy())
    ours.fit_local_density(torch.zeros(200, dtype=torch.int64), torch.zeros(200, dtype=torch.int64))
    x = torch.from_numpy(TEST).flatten(1)
    torch.testing.assert_close(ours.distances(x), plain.distances(x))


def test_repeated_windows_make_no_distance_infinite() -> None:
    ours = model(features=["posture"], n_components=[4], density_power=1)
    ours.fit(np.concatenate([TRAIN[:190], np.tile(TRAIN[:1], (10, 1, 1, 1))]).reshape(200, -1))
    ours.fit_local_density(torch.arange(200), torch.arange(200) % 2)
    assert ours.posture_local_scale.min() >= ours.posture_local_scale.median() / 10.001


def test_training_selects_the_hand_joints_and_fits_local_densities(compose: Compose, task: Path) -> None:
    ours, data = built(compose, task, "feature_knn")
    trainer(1).fit(ours, data)
    hands = [data.layout.joints[joint] for joint in ours.joints[ours.hand_joints]]
    assert hands == ["neck", "right_wrist", "left_wrist", "right_hip", "left_hip"]
    assert ours.hands_posture_local_scale.std() > 0


def test_the_residual_is_divided_by_the_last_component_s_standard_deviation() -> None:
    ours = fitted(features=["trajectory"], n_components=[5], keep_residual=True)
    seen, asked = (features(places, ["trajectory"])["trajectory"] for places in (TRAIN, TEST))
    pca = PCA(svd_solver="full").fit(seen)
    width = np.sqrt(np.maximum(pca.explained_variance_, pca.explained_variance_[4]))
    near = NearestNeighbors(n_neighbors=3).fit(pca.transform(seen) / width)
    expected = near.kneighbors(pca.transform(asked) / width)[0].mean(axis=1)
    np.testing.assert_allclose(ours.distances(torch.from_numpy(TEST).flatten(1))[0][:, 0], expected, rtol=1e-3)


def test_a_change_of_what_is_constant_in_training_is_detected() -> None:
    """A lying person after training on standing people who move one joint."""
    standing = np.tile(np.array([[0, 0], [1, 0], [0, 1], [0, 0], [1, 2]], np.float32), (200, T, 1, 1))
    standing[:, :, 2] += TRAIN[:, :, 2] / 10
    ours = model(features=["posture"], n_components=[5], keep_residual=True)
    ours.fit(standing.reshape(200, -1).copy())
    lying = standing[..., ::-1] * np.array([1, -1], np.float32)
    usual, unusual = (ours.score_flat(torch.from_numpy(places.reshape(200, -1)))[0] for places in (standing, lying))
    assert unusual.min() > 3 * usual.max()


def test_ranks_are_shares_of_validation_windows_with_smaller_distances() -> None:
    usual, asked = distances("neighbors")
    ranks = (usual[:, None] < asked[:, :, None]).mean(axis=2).mean(axis=0)
    np.testing.assert_allclose(fitted(rank_normalize=True).predict_step(batch(TEST)).score, ranks, atol=0.02)


def test_mixed_precision_does_not_change_distances() -> None:
    ours = model()
    ours.fit(TRAIN.reshape(200, -1).copy())
    exact = ours.predict_step(batch(TEST)).score
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(ours.predict_step(batch(TEST)).score, exact)


def test_there_are_at_most_as_many_components_as_feature_dimensions() -> None:
    ours = model(features=["posture"], n_components=[100])
    ours.fit(TRAIN.reshape(200, -1).copy())
    assert ours.posture_axes.shape == (24, 24)


def test_constant_coordinates_do_not_count() -> None:
    """The neck is at the origin of every window: whitening it would divide rounding errors by themselves."""
    still = TRAIN.copy()
    still[:, :, 1] = 0
    asked = torch.from_numpy(TEST.copy())
    asked[:, :, 1] = 0
    ours = model(features=["trajectory"], n_components=[100])
    ours.fit(still.reshape(200, -1).copy())
    assert ours.trajectory_axes.shape == (8 * T, 6 * T)
    nudged = asked.clone()
    nudged[:, :, 1] += 1e-5 * torch.randn(40, T, 2)
    torch.testing.assert_close(
        ours.score_flat(nudged.flatten(1))[0], ours.score_flat(asked.flatten(1))[0], rtol=1e-2, atol=0
    )


def test_rarely_detected_joints_are_ignored() -> None:
    assert FeatureKNN.frequent_joints(torch.tensor([1.0, 0.2, 0.5, 0.0])).tolist() == [0, 2]
    assert FeatureKNN.frequent_joints(torch.tensor([0.3, 0.2, 0.0, 0.6])).tolist() == [0, 1, 3]


def test_fewer_windows_than_neighbours_are_refused() -> None:
    with pytest.raises(UserError, match=r"model.n_neighbors=3; 3 training windows allow fewer"):
        model().fit(TRAIN[:3].reshape(3, -1).copy())


@pytest.mark.parametrize(
    ("others", "message"),
    [
        ({"features": ["motion"], "n_components": [3, 4]}, r"with model.n_components=\[3, 4\]; allowed are feat"),
        ({"features": [], "n_components": []}, r"model.features=\[\] with"),
        ({"features": ["motion", "motion"], "n_components": [3, 4]}, "each once"),
        ({"features": ["motion"], "n_components": [3], "seq_len": 4}, "data.seq_len=4; .* with motion allows 5"),
        ({"features": ["hands_motion"], "n_components": [3], "seq_len": 4}, "model.features with motion allows 5"),
    ],
)
def test_features_that_cannot_be_computed_are_refused(others: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        FeatureKNN(**({"seq_len": T, "n_neighbors": 3, "max_windows": 9} | others))


@pytest.mark.parametrize("feature", FEATURES)
def test_the_shortest_windows_of_a_feature_give_different_scores(feature: str) -> None:
    shortest = {"motion": MOTION_STEP + 2, "kinematics": 2, "spectra": 2}.get(feature, 1)
    ours = model(features=[feature], n_components=[4], seq_len=shortest)
    ours.fit(TRAIN[:, :shortest].reshape(200, -1).copy())
    score, _ = ours.score_flat(torch.from_numpy(TEST[:, :shortest]).flatten(1))
    assert score.isfinite().all() and score.std() > 0


@pytest.mark.parametrize(("seen", "words"), [(["nose"], "nose"), (["left_eye"], "none")])
def test_recordings_with_fewer_than_two_body_joints_are_refused(
    seen: list[str], words: str, compose: Compose, tmp_path: Path
) -> None:
    task = write_toy_dataset(tmp_path)
    for path in tmp_path.glob("train_*.npz"):
        clip = read_clip(path, path.stem)
        unseen = [joint for joint, name in enumerate(clip.layout.joints) if name not in seen]
        clip.keypoints[:, unseen] = 0
        write_clip(path, clip)
    message = rf"joints of the body that are detected in split train: {words}; feature ...: .* needs two or more"
    for name in ("feature_knn", "feature_pca_trajectory"):
        ours, data = built(compose, task, name, "data.min_joints=0", "data.min_size=0")
        with pytest.raises(UserError, match=message):
            trainer(1).fit(ours, data)


@pytest.mark.parametrize(
    "words",
    [("+trainer.limit_val_batches=0",), ("trainer.max_epochs=2", "trainer.check_val_every_n_epoch=2")],
    ids=" ".join,
)
@pytest.mark.parametrize(("name", "what"), [("feature_knn", "its units from"), ("feature_knn_ranks", "ranks among")])
def test_skipping_the_validation_recordings_is_refused(
    name: str, what: str, words: tuple[str, ...], compose: Compose, task: Path, tmp_path: Path
) -> None:
    message = rf"takes {what} validation windows, but epoch 1 validated none; allowed are trainer\.limit_val_batches"
    for _ in range(2):  # nothing is left from which a second try would go on
        with pytest.raises(UserError, match=message):
            run(compose(*small_overrides(name), f"data.manifest={task}", *words))


def test_a_subspace_that_leaves_nothing_is_refused() -> None:
    ours = model(FeaturePCA, features=["posture"], n_components=[100])
    with pytest.raises(
        UserError, match=r"n_components=\[100\]: the subspace of feature posture has all its 24 dimensions"
    ):
        ours.fit(TRAIN.reshape(200, -1).copy())


def test_a_single_window_is_refused() -> None:
    with pytest.raises(UserError, match=r"feature PCA: posture, .*: one training window; allowed are two or more"):
        model(FeaturePCA).fit(TRAIN[:1].reshape(1, -1).copy())


def test_ranks_without_validation_recordings_are_refused(compose: Compose, tmp_path: Path) -> None:
    ours, data = built(compose, write_toy_dataset(tmp_path, with_val=False), "feature_knn_ranks")
    with pytest.raises(UserError, match=r"model\.rank_normalize=true needs validation recordings"):
        trainer(1).fit(ours, data)


def test_maps_are_refused(compose: Compose, task: Path) -> None:
    ours, data = built(compose, task, "feature_knn", "data.representation=maps")
    with pytest.raises(UserError, match=r"feature KNN: .* takes keypoints; allowed is data.representation=keypoints"):
        trainer(1).fit(ours, data)
