"""The Python interface gives the numbers of the command line, with the same defaults."""

from contextlib import closing
from inspect import signature
from pathlib import Path

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from omegaconf import OmegaConf

from hydra_config import ROOT, Compose
from skelmap.api import evaluate, predict
from skelmap.data import SkeletonDataModule
from skelmap.data.windows import window_length
from skelmap.models import AE, LSTMVAE
from skelmap.pose_estimation.registry import open_estimator
from skelmap.pose_estimation.video import Video
from skelmap.skeletons.clip import Clip
from skelmap.skeletons.layouts import BODY_25
from skelmap.skeletons.readers import read_clip
from skelmap.training.run import run
from skelmap.utils.errors import UserError
from synthetic_videos import write_video

SMALL = (
    "model=lstm_vae",
    "model.hidden_size=16",
    "data=manifest",
    "data.seq_len=8",
    "trainer=cpu",
    "trainer.max_epochs=1",
)


@pytest.fixture(scope="module")
def quiet() -> dict[str, bool]:
    return {"enable_progress_bar": False, "enable_model_summary": False, "logger": False}


def test_a_run_s_checkpoint_gives_its_numbers_in_python(
    task: Path, compose: Compose, tmp_path: Path, quiet: dict[str, bool]
) -> None:
    metrics = run(compose(*SMALL, f"data.manifest={task}"))
    model = LSTMVAE.load_from_checkpoint(tmp_path / "run" / "checkpoints" / "best.ckpt")
    data = SkeletonDataModule(task, tmp_path / "cache", seq_len=8)
    (logged,) = pl.Trainer(accelerator="cpu", **quiet).test(model, data, verbose=False)
    assert logged["test/auroc"] == pytest.approx(metrics["auroc"], rel=1e-6)
    assert logged["test/auroc_window"] == pytest.approx(metrics["auroc_window"], rel=1e-6)
    assert model.evaluation is not None and model.evaluation.primary.auroc.value == metrics["auroc"]

    of_folder = predict(tmp_path / "run", task.parent / "test_mixed.npz")
    of_model = predict(model, read_clip(task.parent / "test_mixed.npz", "test_mixed"), data)
    assert of_folder == of_model and len(of_model) == 60 - 7
    online = [row.split(",") for row in (tmp_path / "run" / "scores.csv").read_text().splitlines()[1:]]
    expected = [float(row[3]) for row in online if row[0] == "test_mixed" and row[3]]
    np.testing.assert_allclose([score.score for score in of_model], expected, rtol=1e-4)
    with pytest.raises(UserError, match="needs data="):
        predict(model, task.parent / "test_mixed.npz")


def test_keypoints_and_videos_become_scores_in_a_few_lines(
    task: Path, tmp_path: Path, quiet: dict[str, bool], mediapipe_stand_in: None
) -> None:
    torch.manual_seed(0)
    data = SkeletonDataModule(task, tmp_path, seq_len=8, window="frame")
    model = AE()
    pl.Trainer(max_epochs=2, enable_checkpointing=False, accelerator="cpu", **quiet).fit(model, data)
    result = evaluate(model, data)
    assert result.primary.auroc.value is not None and result.frames.score.shape == (180,)
    assert {score.person for score in predict(model, task.parent / "test_normal.npz", data)} == {0}
    video = write_video(tmp_path / "video.mp4", frames=24, fps=30.0)
    with closing(open_estimator("mediapipe")) as estimator:
        found = [estimator.detect(image) for _, image in Video(video).frames()]
    seen = np.flatnonzero([len(people) for people in found])  # the first frames are dark and show nobody
    clip = Clip.build("video", np.concatenate(found), BODY_25, (64, 48), 30.0, frame=seen)
    of_video, of_clip = (predict(model, recording, data) for recording in (video, clip))
    assert of_video == of_clip and len(of_video) == 24 - seen[0] > len(seen)  # a short gap is bridged
    (tmp_path / "text.mp4").write_text("no video")
    with pytest.raises(UserError, match=r"text\.mp4"):
        predict(model, tmp_path / "text.mp4", data)


def test_the_data_file_has_the_defaults_of_the_constructor() -> None:
    node = OmegaConf.to_container(OmegaConf.load(ROOT / "conf/data/manifest.yaml"), resolve=False)
    assert isinstance(node, dict)
    defaults = {key: parameter.default for key, parameter in signature(SkeletonDataModule).parameters.items()}
    plain = {key: value for key, value in node.items() if key not in ("_target_", "manifest", "maps", "pose_format")}
    fixed = {key: value for key, value in plain.items() if "${" not in str(value)}
    assert {"img_size", "fps", "bridge_seconds"} <= fixed.keys()
    assert fixed == {key: defaults[key] for key in fixed}
    asked = LSTMVAE.input_defaults({})
    defaults["seq_len"] = window_length(defaults["seq_len"], defaults["seconds"], 30.0)
    assert {key: defaults[key] for key in asked._fields if key in defaults} == {
        key: value for key, value in asked._asdict().items() if key in defaults
    }
