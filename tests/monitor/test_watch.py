"""Scores of a stream equal the scores of the offline evaluation."""

import csv
from pathlib import Path

import numpy as np
import pytest

from hydra_config import Compose
from skelmap.monitor.scorers import TorchScorer
from skelmap.monitor.sources import ClipSource
from skelmap.monitor.stream import StreamDetector
from skelmap.skeletons.clip import Clip
from skelmap.skeletons.manifest import read_manifest
from skelmap.skeletons.readers import read_clip, write_clip
from skelmap.training.run import run
from synthetic_data import make_clip, wave, write_toy_dataset

SMALL = ("trainer=cpu", "data.seq_len=8", "data.window_stride=4", "trainer.max_epochs=1")
MODELS = {
    "lstm_vae": ("model.hidden_size=16", "model.latent_dim=4"),
    "lstm_vae data.representation=keypoints": ("model.hidden_size=16", "model.latent_dim=4"),
    "ae": ("model.latent_dim=4",),
    "lstm_vae data.maps.channels=[left,body,motion]": ("model.hidden_size=16", "model.latent_dim=4"),
    "lstm_vae data.frame_step=3 data.maps.channels=[motion,body]": ("model.hidden_size=16", "model.latent_dim=4"),
    "pca_windows data.frame_step=2 data.representation=keypoints": ("model.latent_dim=4",),
    "ae data.frame_step=3": ("model.latent_dim=4",),
    "ae data.maps.channels=[motion,body] data.maps.threshold=null data.maps.resample=area": ("model.latent_dim=4",),
    "pca_windows": ("model.latent_dim=4",),
    "feature_knn": ("model.n_components=[4,4,4,4]", "model.density_power=0.5"),
}
LIKE_OTHERS = ("lstm_vae data.maps.channels=[left,body,motion]", "ae data.frame_step=3", "pca_windows")
"""Slow tests: the other cases cover each of their parts."""


def clip_with_gaps() -> Clip:
    """Two people with missing joints and with gaps that are too long to be bridged."""
    one, other = wave(90, 6), wave(90, 8)
    one[20:35, 4] = 0
    one[50:60, :3] = 0
    frame = np.arange(90)
    kept = (frame < 26) | (frame >= 38)
    stays = (frame < 40) | (frame >= 60)
    keypoints = np.concatenate([one[kept], other[stays] + np.float32([200, 0, 0])])
    track = np.repeat([0, 1], [kept.sum(), stays.sum()])
    return make_clip(keypoints, frame=np.concatenate([frame[kept], frame[stays]]), track=track)


def online(folder: Path) -> dict[tuple[str, int], float]:
    """Scores by clip and frame in scores.csv: the online scores, or those of single frames."""
    with (folder / "scores.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    column = "online" if "online" in lines[0] else "score"
    return {(line["clip"], int(line["frame"])): float(line[column]) for line in lines if line[column]}


@pytest.mark.parametrize("model", [pytest.param(m, marks=pytest.mark.slow) if m in LIKE_OTHERS else m for m in MODELS])
def test_streaming_equals_offline(model: str, compose: Compose, tmp_path: Path) -> None:
    task = write_toy_dataset(tmp_path / "task")
    write_clip(tmp_path / "task/test_normal.npz", clip_with_gaps())
    named, *more = model.split()
    overrides = ("data=manifest", f"data.manifest={task}", f"model={named}", *SMALL, *more, *MODELS[model])
    run(compose(*overrides))
    scorer = TorchScorer(tmp_path / "run")
    step = round(30 / scorer.spec.fps)
    offline = {key: score for key, score in online(tmp_path / "run").items() if key[1] % step == 0}
    streamed: dict[tuple[str, int], float] = {}
    for recording in read_manifest(task).split("test"):
        source = ClipSource(read_clip(recording.path, recording.clip))
        detector = StreamDetector(scorer, None, source.layout, source.fps)
        for frame in source:
            for score in detector.update(frame).scores:
                key = (recording.clip, score.tick * step)
                streamed[key] = max(streamed.get(key, -np.inf), score.score)
    if step > 1:  # the stream also scores tracks that are too short for the evaluation
        streamed = {key: score for key, score in streamed.items() if key in offline}
    assert offline.keys() == streamed.keys() and len(offline) * step > 50
    np.testing.assert_allclose([streamed[key] for key in offline], list(offline.values()), rtol=1e-5, atol=1e-6)
