"""No shortcut features: classifiers on position, scale, joint count and confidence stay near chance.

Each classifier is trained on some clips and evaluated on others (grouped cross-validation).
"""

from pathlib import Path

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold, cross_val_predict

from skelmap.simulation.actions import perform_action
from skelmap.simulation.body import sample_worker
from skelmap.simulation.dataset import large_clips, simulate_dataset
from skelmap.simulation.motion_builder import MotionBuilder
from skelmap.simulation.timeline import Timeline
from skelmap.simulation.workshop import build_workshop
from skelmap.skeletons.manifest import read_manifest
from skelmap.skeletons.readers import read_clip

FEATURES = ("joints", "confidence", "x", "y", "scale")


def shortcuts(keypoints: np.ndarray) -> np.ndarray:
    """(N, 5): number of joints, mean confidence, image position of the hips, shoulder width."""
    seen = keypoints[..., 2] > 0
    points = np.where(seen[..., None], keypoints[..., :2], np.nan)
    hips = np.nanmean(np.where(np.isnan(points[:, [8, 9, 12]]), np.nan, points[:, [8, 9, 12]]), axis=1)
    breadth = np.linalg.norm(points[:, 2] - points[:, 5], axis=1)
    confidence = keypoints[..., 2].sum(axis=1) / np.maximum(seen.sum(axis=1), 1)
    return np.nan_to_num(np.stack([seen.sum(axis=1), confidence, hips[:, 0], hips[:, 1], breadth], axis=1), nan=-1.0)


def dataset(manifest: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    features, labels, groups = [], [], []
    for i, r in enumerate(read_manifest(manifest).split("test")):
        clip = read_clip(r.path, r.clip)
        features.append(shortcuts(clip.keypoints[::2]))
        labels.append(r.labels(clip.frame)[::2])
        groups += [i] * len(labels[-1])
    return np.concatenate(features), np.concatenate(labels), np.array(groups)


def auroc(features: np.ndarray, labels: np.ndarray, groups: np.ndarray) -> float:
    forest = RandomForestClassifier(20, min_samples_leaf=20, random_state=0, n_jobs=1)
    scores = cross_val_predict(forest, features, labels, groups=groups, cv=GroupKFold(6), method="predict_proba")[:, 1]
    return float(roc_auc_score(labels, scores))


@pytest.fixture(scope="module")
def frames(tmp_path_factory: pytest.TempPathFactory, paper: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Test frames of two seeds together: less variance than one."""
    one = dataset(paper)
    two = dataset(simulate_dataset(tmp_path_factory.mktemp("second"), seed=1))
    return (
        *(np.concatenate([a, b]) for a, b in zip(one[:2], two[:2], strict=True)),
        np.concatenate([one[2], two[2] + 100]),
    )


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Mean of empty slice")
def test_shortcut_features_do_not_classify(frames: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    features, labels, groups = frames
    found = {name: auroc(features[:, [i]], labels, groups) for i, name in enumerate(FEATURES)}
    found["all"] = auroc(features, labels, groups)
    assert max(found.values()) < 0.62, found


@pytest.mark.slow
def test_a_planted_shortcut_is_found(
    frames: tuple[np.ndarray, np.ndarray, np.ndarray], rng: np.random.Generator
) -> None:
    features, labels, groups = frames
    leaking = np.where(labels == 1, features[:, 0] - 4, features[:, 0]) + rng.normal(size=len(labels))
    assert auroc(leaking[:, None], labels, groups) > 0.65


def seconds_of(action: str, abnormal: bool, seed: int) -> float:
    """Duration of an action from the middle of the room; worker and workshop depend on the seed alone."""
    same = np.random.default_rng(seed)
    worker, workshop = sample_worker(same), build_workshop(same)
    motion = MotionBuilder(worker, workshop, np.random.default_rng([seed, abnormal]), Timeline((0.2, 3.9), -1.2))
    perform_action(motion, action, abnormal)
    return motion.timeline.now


@pytest.mark.parametrize("action", ["carry_chair", "cut_paper", "discard_trash", "carry_box"])
def test_normal_and_abnormal_actions_take_the_same_time(action: str) -> None:
    """Median duration of the normal and the abnormal variant over forty workers."""
    normal, abnormal = ([seconds_of(action, kind, seed) for seed in range(40)] for kind in (False, True))
    assert abs(np.log(np.median(abnormal) / np.median(normal))) < 0.12
    assert 0.25 < np.mean(np.array(abnormal) > np.array(normal)) < 0.75


@pytest.mark.slow
def test_one_handed_carrying_shows_in_the_joints() -> None:
    """On true joints the distance of the hands tells one-handed from two-handed carrying."""
    gaps: dict[bool, list[float]] = {False: [], True: []}
    for clip in large_clips(5, 12, 1.5):
        for name, (first, stop) in clip.motion.actions:
            if name.startswith("carry") and stop - first > 150:
                abnormal = any(a < stop and b > first for a, b in clip.motion.abnormal)
                middle = slice((first + stop) // 2, (first + stop) // 2 + 20)
                hands = clip.motion.joints[middle, 4] - clip.motion.joints[middle, 7]
                gaps[abnormal].append(float(np.std(np.linalg.norm(hands, axis=1))))
    assert np.median(gaps[True]) > 1.5 * np.median(gaps[False])
