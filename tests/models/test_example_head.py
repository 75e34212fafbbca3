"""Models on pose features that are given labelled examples."""

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from hydra_config import Compose
from model_cases import built, small_overrides, trainer
from skelmap.models.feature_knn import FeatureKNN
from skelmap.monitor.onnx_export import export
from skelmap.skeletons.archives import write_clip
from skelmap.skeletons.layouts import BODY_25
from skelmap.training.run import run
from skelmap.utils.errors import UserError
from synthetic_data import make_clip, wave, write_toy_dataset


def one_arm(frames: int, seed: int) -> NDArray[np.float32]:
    """(N, 25, 3): a person who swings the right arm only."""
    keypoints = wave(frames, seed)
    for joint in ("left_elbow", "left_wrist"):
        index = BODY_25.joints.index(joint)
        keypoints[:, index, 0] = keypoints[:, index, 0].mean()
    return keypoints


def write_examples(folder: Path, abnormal: bool, *clips: NDArray[np.float32]) -> Path:
    lines = ["clip,path,split,group,abnormal"]
    for number, keypoints in enumerate(clips):
        name = f"example{number}"
        write_clip(folder / f"{name}.npz", make_clip(keypoints, name, track=np.zeros(len(keypoints), np.int64)))
        lines.append(f"{name},{name}.npz,train,{name},{'all' if abnormal else ''}")
    path = folder / "examples.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def fitted(compose: Compose, task: Path, *overrides: str) -> FeatureKNN:
    model, data = built(compose, task, "feature_knn", "model.density_power=0", *overrides)
    trainer(1).fit(model, data)
    assert isinstance(model, FeatureKNN)
    return model


def scores(model: FeatureKNN, data_of: Compose, task: Path, keypoints: NDArray[np.float32]) -> torch.Tensor:
    """Scores of all windows of a recording."""
    _, data = built(data_of, task, "feature_knn")
    packed = data.settings.pack(make_clip(keypoints, track=np.zeros(len(keypoints), np.int64)))
    frames = data.settings.unpack(torch.from_numpy(packed))
    with torch.inference_mode():
        return model.score_windows(frames.unfold(0, 8, 1).permute(0, 4, 1, 2, 3).contiguous())[0]


def test_examples_raise_the_scores_of_their_kind_alone(compose: Compose, task: Path, tmp_path: Path) -> None:
    examples = write_examples(tmp_path, True, one_arm(40, 10), one_arm(40, 11))
    plain, ours = fitted(compose, task), fitted(compose, task, f"data.examples={examples}")
    recordings = {"normal": wave(60, 3), "known": one_arm(60, 12), "unknown": wave(60, 13, abnormal=True)}
    before, after = ({k: scores(model, compose, task, x) for k, x in recordings.items()} for model in (plain, ours))
    rise = {kind: (after[kind] - before[kind]).mean() / before["normal"].std() for kind in recordings}
    assert rise["known"] > 2 and rise["normal"] < 0.5 and (after["known"] >= before["known"]).all()
    assert after["unknown"].min() > after["normal"].max()  # as without examples


def test_evidence_is_the_standardised_logistic_regression(compose: Compose, task: Path, tmp_path: Path) -> None:
    examples = write_examples(tmp_path, True, one_arm(40, 10))
    words = ("model.example_weight=3", f"data.examples={examples}")
    model, data = built(compose, task, "feature_knn", "model.density_power=0", *words)
    trainer(1).fit(model, data)
    starts = {"normal": data.starts("train"), "abnormal": data.example_windows.abnormal, "val": data.starts("val")}
    with torch.inference_mode():
        windows = {name: data.gather(torch.from_numpy(rows)).flatten(1) for name, rows in starts.items()}
        white = {name: model.distances(x)[1].double().numpy() for name, x in windows.items()}
        score = {name: model.score_flat(x)[0].numpy() for name, x in windows.items()}
        distance = {name: (model.distances(x)[0] / model.units).mean(dim=1).numpy() for name, x in windows.items()}
    label = np.repeat([0, 1], [len(white["normal"]), len(white["abnormal"])])
    head = LogisticRegression(C=1e-3, class_weight="balanced", max_iter=500)
    head.fit(np.concatenate([white["normal"], white["abnormal"]]), label)
    usual = head.decision_function(white["val"])
    spread = distance["val"].std(ddof=1)
    for name in windows:
        z = (head.decision_function(white[name]) - usual.mean()) / usual.std()
        expected = distance[name] + 3 * spread * np.maximum(0, z - 1)
        np.testing.assert_allclose(score[name], expected, rtol=1e-2, err_msg=name)


def test_confirmed_normal_work_is_near_from_then_on(compose: Compose, task: Path, tmp_path: Path) -> None:
    """A false alarm that is confirmed as normal raises none again."""
    examples = write_examples(tmp_path, False, wave(60, 13, abnormal=True))
    plain, ours = fitted(compose, task), fitted(compose, task, f"data.examples={examples}")
    lying = wave(60, 14, abnormal=True)
    before, after = (scores(model, compose, task, lying).mean() for model in (plain, ours))
    assert before > 3 and after < 1.5


def overrides_with_examples(tmp_path: Path) -> tuple[str, ...]:
    task = write_toy_dataset(tmp_path / "task")
    examples = write_examples(tmp_path, True, one_arm(40, 10), one_arm(40, 11))
    data = (f"data.manifest={task}", f"data.examples={examples}", "data.n_examples=1")
    return (*small_overrides("feature_knn"), *data, "model.features=[hands_posture]", "model.n_components=[4]")


def test_a_run_with_examples_is_named_so(compose: Compose, tmp_path: Path) -> None:
    metrics = run(compose(*overrides_with_examples(tmp_path)))
    assert metrics["model"] == "feature KNN: hands_posture; 1 abnormal example"


@pytest.mark.slow
def test_the_evidence_of_examples_is_exported(compose: Compose, tmp_path: Path) -> None:
    run(compose(*overrides_with_examples(tmp_path)))
    assert export(tmp_path / "run", tmp_path / "onnx") < 1e-4


def test_models_that_would_ignore_abnormal_examples_refuse_them(compose: Compose, task: Path, tmp_path: Path) -> None:
    examples = write_examples(tmp_path, True, one_arm(40, 10))
    words = (*small_overrides("ae"), f"data.manifest={task}", f"data.examples={examples}")
    with pytest.raises(UserError, match=r"data.examples=.*examples.csv: AE learns from normal windows only"):
        run(compose(*words))


def test_abnormal_examples_without_validation_recordings_are_refused(compose: Compose, tmp_path: Path) -> None:
    task = write_toy_dataset(tmp_path / "task", with_val=False)
    examples = write_examples(tmp_path, True, one_arm(40, 10))
    model, data = built(compose, task, "feature_knn", f"data.examples={examples}")
    with pytest.raises(UserError, match=r"abnormal examples \(data.examples\) need validation recordings"):
        trainer(1).fit(model, data)
