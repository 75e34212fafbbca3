"""Changes of a recording that keep its meaning keep all window scores to 1e-6.

SKELMAP_TRIALS=5000 python -m pytest -q -s -m slow tests/reliability/test_equal_inputs.py
"""

import copy
import os
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from random import Random

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from equal_inputs import CHANGES, Written, random_recording, scale_coordinates, write
from hydra_config import compose_train
from monitor_events import RULE
from skelmap.data.datamodule import SkeletonDataModule
from skelmap.data.keypoints import KeypointSettings
from skelmap.monitor.scorers import TorchScorer
from skelmap.monitor.sources import ClipSource
from skelmap.monitor.stream import StreamDetector
from skelmap.skeletons.manifest import read_manifest
from skelmap.skeletons.readers import read_clip
from skelmap.training.run import run

TRIALS = int(os.environ.get("SKELMAP_TRIALS", 100))
FIRST = int(os.environ.get("SKELMAP_FIRST_TRIAL", 0))
CLOCK = 30.0
MODELS = {
    "ae": ("data.img_size=14",),
    "lstm_vae": ("data.representation=keypoints", "model.hidden_size=8"),
    "feature_knn": (),
}


def train(models: Iterable[str], task: Path, folder: Path) -> dict[str, TorchScorer]:
    small = (f"data.manifest={task}", "data=manifest", "data.seq_len=8", "trainer=cpu", "trainer.max_epochs=1")
    for model in models:
        paths = (f"paths.output_dir={folder / model}", f"paths.cache_dir={folder / 'cache'}")
        run(compose_train(f"model={model}", *small, *paths, *MODELS[model]))
    return {model: TorchScorer.open(folder / model) for model in models}


@pytest.fixture(scope="module")
def scorers(task: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, TorchScorer]:
    """A trained model of keypoints."""
    return train(["lstm_vae"], task, tmp_path_factory.mktemp("runs"))


def scaled(scorer: TorchScorer, scale: float) -> TorchScorer:
    """The scorer for an image of another size: the crop has another size, too."""
    other, settings = copy.copy(scorer), scorer.spec.settings
    other.spec = replace(scorer.spec, settings=replace(settings, crop_size=round(settings.crop_size * scale)))
    return other


def evaluated(manifest: Path, one: Written, scorer: TorchScorer) -> Iterator[tuple[int, float]]:
    """Last tick and score of each window, as training and evaluation read them."""
    spec, settings = scorer.spec, scorer.spec.settings
    is_keypoints = isinstance(settings, KeypointSettings)
    data = SkeletonDataModule(
        *(manifest, manifest.parent / "cache", spec.window),
        window="sequence" if spec.window > 1 else "frame",
        representation="keypoints" if is_keypoints else "maps",
        img_size=28 if is_keypoints else settings.img_size,
        maps={"crop_size": settings.crop_size},
        pose_format=one.pose_format.plain(),
        fps=CLOCK,
    )
    starts = data.scored_starts("test")
    scores = scorer.score(data.gather(torch.from_numpy(starts)).numpy())
    return zip(data.cache.frame[starts + spec.window - 1].tolist(), scores.tolist(), strict=True)


def streamed(manifest: Path, one: Written, scorer: TorchScorer) -> Iterator[tuple[int, float]]:
    """Tick and score of each window, as the monitor reads them."""
    (recording,) = read_manifest(manifest).recordings
    source = ClipSource(read_clip(recording.path, recording.clip, one.pose_format))
    detector = StreamDetector(scorer, RULE, source.layout, source.fps)
    for frame in source:
        yield from ((score.tick, score.score) for score in detector.update(frame).scores)


def scores(one: Written, folder: Path, scorer: TorchScorer, by: str) -> NDArray[np.float64]:
    """(W, 2): tick and score of all windows, sorted."""
    door = {"evaluation": evaluated, "monitor": streamed}[by]
    found = door(write(one, folder), one, scaled(scorer, one.scale))
    return np.array(sorted((tick - one.ticks, score) for tick, score in found)).reshape(-1, 2)


def compare(number: int, scorers: dict[str, TorchScorer], folder: Path) -> tuple[str, list[str], int, float]:
    """Score a recording before and after one to four changes: the model, the changes, windows, largest difference."""
    rng = Random(number)
    model, by = rng.choice(list(scorers)), rng.choice(("evaluation", "monitor"))
    one = other = random_recording(rng)
    allowed = [change for change in CHANGES if change is not scale_coordinates or model != "ae"]
    changes = rng.sample(allowed, rng.randint(1, 4))
    for change in changes:
        other = change(other, rng, CLOCK)
    before, after = (scores(each, folder / name, scorers[model], by) for each, name in ((one, "one"), (other, "other")))
    shutil.rmtree(folder)
    names = [change.__name__ for change in changes]
    if before.shape != after.shape or (before[:, 0] != after[:, 0]).any():
        return f"{model}, {by}", names, len(before), np.inf
    difference = np.abs(before[:, 1] - after[:, 1]) / np.maximum(np.abs(before[:, 1]), 1)
    return f"{model}, {by}", names, len(before), float(difference.max(initial=0))


def differing(numbers: range, scorers: dict[str, TorchScorer], folder: Path) -> list[str]:
    """Trials whose scores differ; print the count of windows and the largest difference of each model and change."""
    faults, windows, largest = [], Counter[str](), Counter[str]()
    for number in numbers:
        (folder / str(number)).mkdir()
        by, names, count, difference = compare(number, scorers, folder / str(number))
        for name in (by, *names):
            windows[name] += count
            largest[name] = max(largest[name], difference)
        if difference > 1e-6:
            faults.append(f"trial {number}, {by}, {', '.join(names)}: {difference:.2g}")
    for name, count in windows.items():
        print(f"{name}: {count} windows, difference at most {largest[name]:.1e}")
    return faults


def test_changes_that_keep_the_meaning_keep_the_scores(scorers: dict[str, TorchScorer], tmp_path: Path) -> None:
    assert differing(range(10), scorers, tmp_path) == []


def test_a_movement_by_a_pixel_changes_the_scores(scorers: dict[str, TorchScorer], tmp_path: Path) -> None:
    """The comparison can fail."""
    one = random_recording(Random(0))
    keypoints = one.keypoints.copy()
    keypoints[len(keypoints) // 2 :, 4, :2] += 1
    other = replace(one, keypoints=keypoints)
    before, after = (
        scores(each, tmp_path / str(i), scorers["lstm_vae"], "evaluation") for i, each in enumerate((one, other))
    )
    assert np.abs(before - after).max() > 1e-5


@pytest.mark.slow
def test_many_changes_that_keep_the_meaning_keep_the_scores(task: Path, tmp_path: Path) -> None:
    """With models of maps, of keypoints, and of pose features."""
    scorers = train(MODELS, task, tmp_path / "runs")
    assert differing(range(FIRST, FIRST + TRIALS), scorers, tmp_path) == []
