"""What a run leaves for the monitor beside its checkpoint: what the model sees, and how normal work scores."""

from pathlib import Path

import numpy as np
from torch import Tensor

from skelmap.data import SkeletonMaps
from skelmap.monitor.eye import Eye
from skelmap.monitor.normal import NormalScores


def write_eye(folder: Path, title: str, data: SkeletonMaps) -> None:
    """Write down what a model with this title sees."""
    Eye(title, data.window, data.fps, data.format.layout, data.settings, data.simulated).write(folder)


def write_normal_scores(folder: Path, data: SkeletonMaps, start: Tensor, score: Tensor) -> None:
    """Write the scores of the validation recordings' windows.

    Args:
        folder: of the run.
        data: whose windows they are.
        start: (W,) first row of each window, in any order.
        score: (W,) of the windows.
    """
    order = start.argsort()
    last = start[order].cpu().numpy() + data.window - 1
    cache = data.cache
    clip = cache.clip[last].astype(np.int64)
    recordings = zip(data.manifest.recordings, cache.spans, cache.fps, strict=True)
    seconds = sum((stop - first) / fps for recording, (first, stop), fps in recordings if recording.split == "val")
    NormalScores(
        clip=clip,
        track=cache.track[last].astype(np.int64),
        time=cache.frame[last] / np.array(cache.fps)[clip],
        score=score[order].double().cpu().numpy(),
        hours=seconds / 3600,
    ).write(folder)
