"""A monitored recording gets the scores and alarms that the evaluation and the threshold are computed from.

The recordings have gaps, lost frames, missing joints, two people, and frame rates other than the model's clock.
"""

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hydra_config import Compose
from monitor_events import NO_ALARMS
from skelmap.evaluation.thresholds import ValidationScores
from skelmap.monitor.runner import Monitor
from skelmap.monitor.scorers import TorchScorer
from skelmap.monitor.sinks import AlarmCollector, Sink
from skelmap.monitor.sources import ClipSource
from skelmap.monitor.stream import Event, FrameResult, TrackScore
from skelmap.skeletons.archives import write_clip
from skelmap.skeletons.clip import Clip
from skelmap.skeletons.manifest import read_manifest
from skelmap.skeletons.readers import read_clip
from skelmap.skeletons.resampling import clip_ticks
from skelmap.training.run import run
from skelmap.utils.errors import UserError
from synthetic_data import add_recordings, make_clip, wave, write_toy_dataset

LSTM = ("model=lstm_vae", "model.hidden_size=16", "model.latent_dim=4")
AE = ("model=ae", "model.latent_dim=4")
MODELS = {
    "lstm_vae": LSTM,
    "lstm_vae, keypoints": (*LSTM, "data.representation=keypoints"),
    "lstm_vae, channels": (*LSTM, "data.maps.channels=[left,body,motion]"),
    "lstm_vae, clock of 12 fps": (*LSTM, "data.fps=12"),
    "ae": AE,
    "ae, grey motion": (
        "model=ae",
        "model.latent_dim=4",
        "data.maps.channels=[motion,body]",
        "data.maps.threshold=null",
    ),
    "pca_windows": ("model=pca_windows", "model.latent_dim=4"),
    "feature_knn": ("model=feature_knn", "model.n_components=[4,4,4,4,4]", "model.density_power=0.5"),
}
COVERED = ("lstm_vae, keypoints", "lstm_vae, channels", "ae, grey motion", "pca_windows")
"""Slow tests: the other cases cover each of their parts."""
CASES = [pytest.param(name, marks=pytest.mark.slow) if name in COVERED else name for name in MODELS]


class ScoreCollector(Sink):
    """Collect scores and count the alarms that have ended."""

    def __init__(self) -> None:
        self.scores: list[TrackScore] = []
        self.alarms = 0

    def on_frame(self, result: FrameResult, latency_ms: float) -> None:
        self.scores += result.scores

    def on_event(self, event: Event) -> None:
        self.alarms += event.ended


def broken_clip(fps: float, seed: int) -> Clip:
    """Two people with missing joints, one lost frame in eight, and a gap of a second."""
    rng = np.random.default_rng(seed)
    frame = np.arange(round(4 * fps))
    one, other = wave(len(frame), seed), wave(len(frame), seed + 1) + np.float32([150, 0, 0])
    one[10:20, 4] = 0
    kept = [(rng.random(len(frame)) > 0.12) & ((frame < 1.5 * fps) | (frame >= 2.5 * fps)) for _ in range(2)]
    return replace(
        make_clip(
            np.concatenate([one[kept[0]], other[kept[1]]]),
            frame=np.concatenate([frame[k] for k in kept]),
            track=np.repeat([0, 1], [*map(sum, kept)]),
        ),
        fps=fps,
    )


def write_broken_dataset(folder: Path) -> Path:
    """The toy data set with broken recordings: validation at 25 fps, test at 30, 25, and 15 numbered 0, 2, 4, ..."""
    manifest = write_toy_dataset(folder)
    for name, fps, seed in (
        ("val", 25.0, 3),
        ("test_mixed", 30.0, 5),
        ("test_normal", 25.0, 7),
        ("test_abnormal", 15.0, 9),
    ):
        clip = broken_clip(fps, seed)
        if fps == 15:
            clip = replace(clip, fps=30.0, frame=2 * clip.frame)
        write_clip(folder / f"{name}.npz", clip)
    return manifest


def overrides(manifest: Path, model: str) -> tuple[str, ...]:
    small = ("trainer=cpu", "trainer.max_epochs=1", "data.seq_len=8", "data.window_stride=4")
    return ("data=manifest", f"data.manifest={manifest}", *MODELS[model], *small)


def offline_scores(folder: Path) -> dict[tuple[str, int], float]:
    """Primary scores by clip and tick in scores.csv."""
    with (folder / "scores.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    return {(line["clip"], int(line["frame"])): float(line["score"]) for line in lines if line["score"]}


def streamed_scores(folder: Path, manifest: Path) -> dict[tuple[str, int], float]:
    """Highest of the people's last scores, two seconds old at most, at each tick of the watched test recordings."""
    scores: dict[tuple[str, int], float] = {}
    scorer = TorchScorer.open(folder)
    for recording in read_manifest(manifest).split("test"):
        collector = ScoreCollector()
        clip, fps = read_clip(recording.path, recording.clip), scorer.spec.fps
        Monitor(scorer, NO_ALARMS, [collector]).run([ClipSource(clip)])
        for tick in range(clip_ticks(clip.span, clip.fps, fps)[1]):
            recent = [score for score in collector.scores if tick - 2 * fps <= score.tick <= tick]
            last = {score.person: score.score for score in sorted(recent, key=lambda score: score.tick)}
            if last:
                scores[recording.clip, tick] = max(last.values())
    return scores


@pytest.mark.parametrize("model", CASES)
def test_streamed_scores_are_those_of_the_evaluation(model: str, compose: Compose, tmp_path: Path) -> None:
    manifest = write_broken_dataset(tmp_path / "task")
    run(compose(*overrides(manifest, model)))
    offline, streamed = offline_scores(tmp_path / "run"), streamed_scores(tmp_path / "run", manifest)
    common = offline.keys() & streamed.keys()
    assert len(common) > 60
    assert {offline[key] for key in offline.keys() - common} <= {min(offline.values())}, "frames without people"
    if not model.startswith("ae"):  # frame models score short segments, too, and are evaluated on those of windows
        assert streamed.keys() == common
    equal = {key for key in common if streamed[key] == pytest.approx(offline[key], rel=1e-5, abs=1e-6)}
    if model.startswith("ae"):
        assert len(equal) > 60 and all(streamed[key] > offline[key] for key in common - equal)
    else:
        assert equal == common


@pytest.mark.parametrize("model", ["pca_windows", "ae"])
def test_validation_scores_and_false_alarms_are_those_of_the_monitor(
    model: str, compose: Compose, tmp_path: Path
) -> None:
    manifest = write_broken_dataset(tmp_path / "task")
    run(compose(*overrides(manifest, model)))
    validation = ValidationScores.read(tmp_path / "run")
    rule = validation.rule(float(np.quantile(validation.score, 0.8)), 0.1, 0.3)
    collector = ScoreCollector()
    sources = [ClipSource(read_clip(r.path, r.clip)) for r in read_manifest(manifest).split("val")]
    Monitor(TorchScorer.open(tmp_path / "run"), rule, [collector, AlarmCollector()]).run(sources)
    live = np.array(sorted((score.person, score.time, score.score) for score in collector.scores))
    np.testing.assert_array_equal(live[:, 0], validation.track)
    np.testing.assert_allclose(live[:, 1], validation.time)
    np.testing.assert_allclose(live[:, 2], validation.score, rtol=1e-5, atol=1e-6)
    assert collector.alarms == validation.false_alarms(rule) > 0
    assert validation.hours == pytest.approx(4 / 3600, rel=0.02)


def test_validation_recordings_without_scores_add_their_time(compose: Compose, tmp_path: Path) -> None:
    manifest = write_toy_dataset(tmp_path / "task")
    short, empty = make_clip(wave(5), "short"), make_clip(np.zeros((40, 25, 3), np.float32), "empty")
    add_recordings(manifest, "val", short, empty)
    run(compose(*overrides(manifest, "pca_windows")))
    validation = ValidationScores.read(tmp_path / "run")
    assert len(validation.score) == 60 - 8 + 1 and set(validation.clip) == {0}
    assert validation.hours == pytest.approx((60 + 5 + 40) / 30 / 3600)


def test_validation_recordings_shorter_than_a_window_leave_no_scores(compose: Compose, tmp_path: Path) -> None:
    manifest = write_toy_dataset(tmp_path / "task")
    write_clip(manifest.parent / "val.npz", replace(make_clip(wave(12)), fps=60.0))
    run(compose(*overrides(manifest, "pca_windows")))
    assert (tmp_path / "run" / "metrics.json").exists()
    with pytest.raises(UserError, match=r"validation_scores\.npz: missing, .* allowed without it: threshold=NUMBER"):
        ValidationScores.read(tmp_path / "run")
