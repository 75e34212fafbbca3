"""People who look larger or smaller than in training are told of, and nobody else."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from seen import Given
from test_loop import RULE, Heard, Height

from hydra_config import Compose
from skelmap.data.input_spec import InputSpec
from skelmap.data.scale_check import LOOKED, ScaleCheck, people_sizes, usual_sizes
from skelmap.monitor.runner import Monitor
from skelmap.monitor.scorers import TorchScorer
from skelmap.monitor.sources import PoseFrame
from skelmap.skeletons.layouts import BODY_25, COCO_17
from skelmap.skeletons.manifest import read_manifest
from skelmap.skeletons.readers import read_clip
from skelmap.training.run import run
from skelmap.utils.errors import UserError
from synthetic_data import as_coco, make_clip, person, wave, write_toy_dataset


def test_a_size_is_measured_alike_in_every_layout_and_without_a_few_joints() -> None:
    clip = make_clip(wave(50))
    sizes = people_sizes(clip.keypoints, BODY_25)
    np.testing.assert_allclose(people_sizes(2 * clip.keypoints, BODY_25), 2 * sizes, rtol=1e-5)
    np.testing.assert_allclose(people_sizes(as_coco(clip).keypoints, COCO_17), sizes, rtol=0.01)
    clip.keypoints[:, BODY_25.joints.index("right_wrist")] = 0
    np.testing.assert_allclose(people_sizes(clip.keypoints, BODY_25), sizes, rtol=0.05)
    assert len(people_sizes(np.zeros((3, 25, 3), np.float32), BODY_25)) == 0 and usual_sizes([]) is None


@pytest.mark.parametrize(("times", "said"), [(2.4, "2.4 times"), (0.5, "0.5 times"), (1.1, ""), (0.9, "")])
def test_people_of_another_size_are_told_of_once(times: float, said: str) -> None:
    fit = ScaleCheck(usual_sizes([people_sizes(wave(200), BODY_25)]))
    texts = []
    for keypoints in wave(2 * LOOKED, 5):
        fit.see(times * keypoints[None] * np.float32([1, 1, 1 / times]), BODY_25)
        fit.see(np.zeros((0, 25, 3), np.float32), BODY_25)
        texts.append(fit.trouble)
    assert texts[: LOOKED - 1] == [""] * (LOOKED - 1)
    (text,) = set(texts[LOOKED:])
    assert text.startswith(f"people look {said} as large as in training") if said else not text


def test_the_monitor_says_it_and_goes_on_until_people_fit_again() -> None:
    class Small(Height):
        eye = replace(Height.eye, sizes=usual_sizes([people_sizes(person()[None], BODY_25)]))

    def seen(number: int, times: float) -> PoseFrame:
        keypoints = person()[None] * np.float32([times, times, 1])
        return PoseFrame(number, number / 30, (1440, 1080), keypoints, np.zeros(1, np.int64))

    heard = Heard()
    sights = [seen(n, 2.4 if n < 200 else 1.0) for n in range(400)]
    Monitor(Small(), RULE, [heard]).run([Given(sights)])
    said, over = heard.troubles
    assert "2.4 times as large" in said[0] and over == [] and len(heard.frames) == 400


@pytest.mark.parametrize(("model", "has_sizes"), [("pca_windows", True), ("neighbours", False)])
def test_a_run_keeps_the_sizes_of_its_training_where_they_matter(
    model: str, has_sizes: bool, compose: Compose, tmp_path: Path
) -> None:
    task = write_toy_dataset(tmp_path / "task")
    more = ("model.latent_dim=4",) if model == "pca_windows" else ("model.dimensions=[4,4,4,4]",)
    words = (f"data.manifest={task}", f"model={model}", "trainer=cpu", "data.seq_len=8", "data.stride=4")
    run(compose("data=manifest", *words, *more))
    eye = InputSpec.read(tmp_path / "run")
    assert (eye.sizes is not None) == has_sizes and TorchScorer(tmp_path / "run").eye == eye
    if eye.sizes:
        train = [read_clip(r.path, r.clip).keypoints for r in read_manifest(task).split("train")]
        assert eye.sizes == usual_sizes(people_sizes(keypoints, BODY_25) for keypoints in train)


def test_an_eye_of_an_earlier_version_is_read_and_a_damaged_one_refused(tmp_path: Path) -> None:
    Height.eye.write(tmp_path)
    values = json.loads((tmp_path / "eye.json").read_text())
    del values["people_px"]
    (tmp_path / "eye.json").write_text(json.dumps(values))
    assert InputSpec.read(tmp_path).sizes is None
    for sizes in ({"smallest": 3}, {"smallest": 3, "usual": 2, "largest": 4}, [1, 2, 3], "large"):
        (tmp_path / "eye.json").write_text(json.dumps(values | {"people_px": sizes}))
        with pytest.raises(UserError, match="damaged"):
            InputSpec.read(tmp_path)
