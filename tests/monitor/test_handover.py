"""What a run says of normal work is what a monitor would say of it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hydra_config import Compose
from skelmap.evaluation.thresholds import ValidationScores
from skelmap.monitor.runner import Monitor
from skelmap.monitor.scorers import TorchScorer
from skelmap.monitor.sinks import AlarmCollector, Sink
from skelmap.monitor.sources import ClipSource
from skelmap.monitor.stream import Event, FrameResult
from skelmap.skeletons.clip import Clip
from skelmap.skeletons.manifest import read_manifest
from skelmap.skeletons.readers import read_clip, write_clip
from skelmap.training.run import run
from skelmap.utils.errors import UserError
from synthetic_data import add_recordings, make_clip, wave, write_toy_dataset


class Heard(Sink):
    """Remembers scores and alarms."""

    def __init__(self) -> None:
        self.scores: list[tuple[int, float, float]] = []
        self.ended = 0

    def on_frame(self, result: FrameResult, latency_ms: float) -> None:
        self.scores += [(scored.person, scored.time, scored.score) for scored in result.scores]

    def on_event(self, event: Event) -> None:
        self.ended += event.ended


def broken(fps: float) -> Clip:
    """Two people of whom one frame in eight is lost, and once many in a row."""
    rng = np.random.default_rng(0)
    frame = np.arange(200)
    kept = [(rng.random(200) > 0.12) & ((frame < 90) | (frame >= 120)) for _ in range(2)]
    keypoints = np.concatenate([wave(200, 3)[kept[0]], wave(200, 9)[kept[1]] + np.float32([150, 0, 0])])
    clip = make_clip(
        keypoints, frame=np.concatenate([frame[k] for k in kept]), track=np.repeat([0, 1], [*map(sum, kept)])
    )
    return Clip(clip.name, clip.keypoints, clip.layout, clip.size, fps, clip.frame, clip.track)


def overrides(task: Path, model: str) -> tuple[str, ...]:
    words = (f"data.manifest={task}", f"model={model}", "trainer=cpu", "trainer.max_epochs=1", "model.latent_dim=4")
    return ("data=manifest", *words, "data.seq_len=8", "data.window_stride=4")


@pytest.mark.parametrize("fps", [30.0, 25.0])
@pytest.mark.parametrize("model", ["pca_windows", "ae"])
def test_normal_scores_and_false_alarms_are_those_of_the_monitor(
    model: str, fps: float, compose: Compose, tmp_path: Path
) -> None:
    task = write_toy_dataset(tmp_path / "task")
    write_clip(tmp_path / "task/val.npz", broken(fps))
    run(compose(*overrides(task, model)))
    normal = ValidationScores.read(tmp_path / "run")
    rule = normal.rule(float(np.quantile(normal.score, 0.8)), 0.1, 0.3)
    heard = Heard()
    recordings = read_manifest(task).split("val")
    Monitor(TorchScorer(tmp_path / "run"), rule, [heard, AlarmCollector()]).run(
        [ClipSource(read_clip(r.path, r.clip)) for r in recordings]
    )
    live = np.array(sorted(heard.scores))
    np.testing.assert_array_equal(live[:, 0], normal.track)
    np.testing.assert_allclose(live[:, 1], normal.time)
    np.testing.assert_allclose(live[:, 2], normal.score, rtol=1e-5, atol=1e-6)
    assert heard.ended == normal.false_alarms(rule) > 0
    assert normal.hours == pytest.approx(200 / fps / 3600)


def test_a_short_recording_and_one_without_people_add_their_time_but_no_scores(
    compose: Compose, tmp_path: Path
) -> None:
    task = write_toy_dataset(tmp_path / "task")
    short, nobody = make_clip(wave(5), "short"), make_clip(np.zeros((40, 25, 3), np.float32), "nobody")
    add_recordings(task, "val", short, nobody)
    run(compose(*overrides(task, "pca_windows")))
    normal = ValidationScores.read(tmp_path / "run")
    assert len(normal.score) == 60 - 8 + 1 and set(normal.clip) == {0}
    assert normal.hours == pytest.approx((60 + 5 + 40) / 30 / 3600)


def test_recordings_too_short_at_the_model_s_frame_rate_leave_no_scores(compose: Compose, tmp_path: Path) -> None:
    task = write_toy_dataset(tmp_path / "task")
    write_clip(task.parent / "val.npz", replace(make_clip(wave(12)), fps=60.0))
    run(compose(*overrides(task, "pca_windows")))
    assert (tmp_path / "run" / "metrics.json").exists()
    with pytest.raises(UserError, match=r"validation_scores\.npz: missing, .* allowed without it: threshold=NUMBER"):
        ValidationScores.read(tmp_path / "run")
