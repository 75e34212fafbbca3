"""The monitor warns if people look larger or smaller than in training."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hydra_config import Compose
from monitor_events import RULE, ListSource, NoseHeightScorer, RecordingSink
from skelmap.data.input_spec import SPEC_FILE, InputSpec
from skelmap.monitor.runner import Monitor
from skelmap.monitor.scorers import TorchScorer
from skelmap.monitor.sources import PoseFrame
from skelmap.skeletons.layouts import BODY_25, COCO_17
from skelmap.skeletons.manifest import read_manifest
from skelmap.skeletons.person_size import RECENT_FRAMES, ScaleCheck, person_sizes, size_range
from skelmap.skeletons.readers import read_clip
from skelmap.training.run import run
from skelmap.utils.errors import UserError
from synthetic_data import as_coco, make_clip, person, wave, write_toy_dataset


def test_a_size_is_independent_of_the_layout_and_of_a_few_missing_joints() -> None:
    clip = make_clip(wave(50))
    sizes = person_sizes(clip.keypoints, BODY_25)
    np.testing.assert_allclose(person_sizes(2 * clip.keypoints, BODY_25), 2 * sizes, rtol=1e-5)
    np.testing.assert_allclose(person_sizes(as_coco(clip).keypoints, COCO_17), sizes, rtol=0.01)
    clip.keypoints[:, BODY_25.joints.index("right_wrist")] = 0
    np.testing.assert_allclose(person_sizes(clip.keypoints, BODY_25), sizes, rtol=0.05)
    nobody = person_sizes(np.zeros((3, 25, 3), np.float32), BODY_25)
    assert np.isnan(nobody).all() and size_range(nobody) is None


@pytest.mark.parametrize(("scale", "text"), [(2.4, "2.4 times"), (0.5, "0.5 times"), (1.1, ""), (0.9, "")])
def test_people_of_another_size_cause_one_constant_warning(scale: float, text: str) -> None:
    check = ScaleCheck(size_range(person_sizes(wave(200), BODY_25)))
    warnings = []
    for keypoints in wave(2 * RECENT_FRAMES, 5):
        check.update(scale * keypoints[None] * np.float32([1, 1, 1 / scale]), BODY_25)
        check.update(np.zeros((0, 25, 3), np.float32), BODY_25)
        warnings.append(check.warning)
    assert warnings[: RECENT_FRAMES - 1] == [""] * (RECENT_FRAMES - 1)
    (warning,) = set(warnings[RECENT_FRAMES:])
    assert warning.startswith(f"people are {text} as large as in training") if text else not warning


def test_the_monitor_reports_the_warning_until_the_size_is_right() -> None:
    class SmallPeopleScorer(NoseHeightScorer):
        spec = replace(NoseHeightScorer.spec, people_px=size_range(person_sizes(person()[None], BODY_25)))

    def scaled_frame(number: int, scale: float) -> PoseFrame:
        keypoints = (person()[None] + np.float32([number % 2, 0, 0])) * np.float32([scale, scale, 1])
        return PoseFrame(number, number / 30, (1440, 1080), keypoints, np.zeros(1, np.int64))

    sink = RecordingSink()
    frames = [scaled_frame(n, 2.4 if n < 200 else 1.0) for n in range(400)]
    Monitor(SmallPeopleScorer(), RULE, [sink]).run([ListSource(frames)])
    (warning,), recovered = sink.statuses
    assert "2.4 times as large" in warning and recovered == [] and len(sink.results) == 400


@pytest.mark.parametrize(("model", "has_sizes"), [("pca_windows", True), ("feature_knn", False)])
def test_a_run_keeps_the_sizes_in_its_training_data_unless_its_model_is_scale_invariant(
    model: str, has_sizes: bool, compose: Compose, tmp_path: Path
) -> None:
    manifest = write_toy_dataset(tmp_path / "task")
    more = ("model.latent_dim=4",) if model == "pca_windows" else ("model.n_components=[4,4,4,4,4]",)
    overrides = (f"data.manifest={manifest}", f"model={model}", "trainer=cpu", "data.seq_len=8", "data.window_stride=4")
    run(compose("data=manifest", *overrides, *more))
    spec = InputSpec.read(tmp_path / "run")
    assert (spec.people_px is not None) == has_sizes and TorchScorer.open(tmp_path / "run").spec == spec
    if spec.people_px:
        train = [read_clip(r.path, r.clip).keypoints for r in read_manifest(manifest).split("train")]
        sizes = np.concatenate([person_sizes(keypoints, BODY_25) for keypoints in train])
        np.testing.assert_allclose(spec.people_px, size_range(sizes), rtol=1e-5)


def test_invalid_sizes_in_an_input_spec_are_refused(tmp_path: Path) -> None:
    NoseHeightScorer.spec.write(tmp_path)
    values = json.loads((tmp_path / SPEC_FILE).read_text())
    for sizes in ({"smallest": 3}, {"smallest": 3, "usual": 2, "largest": 4}, [1, 2, 3], "large"):
        (tmp_path / SPEC_FILE).write_text(json.dumps(values | {"people_px": sizes}))
        with pytest.raises(UserError, match="damaged"):
            InputSpec.read(tmp_path)
