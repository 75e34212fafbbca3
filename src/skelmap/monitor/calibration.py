"""What a run leaves for the monitor beside its checkpoint: what the model sees, and how normal work scores."""

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import track as progress

from skelmap.data.datamodule import SkeletonDataModule
from skelmap.data.input_spec import InputSpec
from skelmap.data.scale_check import Sizes, people_sizes, usual_sizes
from skelmap.data.windows import find_segments, window_starts
from skelmap.evaluation.thresholds import ValidationScores
from skelmap.models.base import Model
from skelmap.skeletons.clip import Clip
from skelmap.skeletons.manifest import Recording
from skelmap.skeletons.readers import PoseFormat, read_clip
from skelmap.skeletons.resampling import Resampler, bridge_for

AT_ONCE = 128
"""Windows that are scored together."""
MEASURED = 50
"""Training recordings in which people are measured, at most."""


def input_spec_of(title: str, model: Model, data: SkeletonDataModule) -> InputSpec:
    """Describe what a model with this title sees of these data.

    Raises:
        UserError: a training recording cannot be read.
    """
    sizes = None if model.scale_invariant else _sizes_in(data)
    fps = data.fps / data.frame_step
    return InputSpec(title, data.window, fps, data.layout, data.settings, data.simulated, sizes)


def _sizes_in(data: SkeletonDataModule) -> Sizes | None:
    """Measure the people of the training recordings; of many recordings, of some."""
    train = data.manifest.split("train")
    some = train[:: math.ceil(len(train) / MEASURED) or 1]
    clips = (read_clip(recording.path, recording.clip, data.format) for recording in some)
    return usual_sizes(people_sizes(clip.keypoints, clip.layout) for clip in clips)


def validation_scores(
    model: Model, eye: InputSpec, recordings: Sequence[Recording], fmt: PoseFormat
) -> ValidationScores:
    """Score recordings as a monitor would that watches them, in batches.

    Args:
        model: ready to score.
        eye: what it sees.
        recordings: of normal work, one or more.
        fmt: what JSON sources do not say.
    """
    columns: list[tuple[NDArray[np.int64], ...]] = []
    scores: list[NDArray[np.float64]] = []
    seconds = 0.0
    for number, recording in enumerate(progress(recordings, "how normal work scores", transient=True)):
        clip = read_clip(recording.path, recording.clip, fmt)
        first, stop = clip.span
        seconds += (stop - first) / clip.fps
        watched = at_ticks(clip, eye)
        starts = _starts(watched, eye)
        last = starts + eye.window - 1
        columns.append((np.full(len(last), number), watched.track[last], watched.frame[last]))
        scores.append(_scored(model, eye, watched, starts))
    clips, tracks, ticks = (np.concatenate(column) for column in zip(*columns, strict=True))
    return ValidationScores(clips, tracks, ticks / eye.fps, np.concatenate(scores), seconds / 3600)


def at_ticks(clip: Clip, eye: InputSpec) -> Clip:
    """Give a clip at the model's frame rate, with short gaps bridged, as `StreamDetector` sees it; a row is a tick."""
    bridge = bridge_for(1 / clip.fps, eye.fps)
    rows: list[NDArray[np.float32]] = []
    frames: list[int] = []
    tracks: list[int] = []
    for track in np.unique(clip.track[clip.present]).tolist():
        resampler = Resampler(eye.fps)
        for row in np.flatnonzero((clip.track == track) & clip.present):
            _, ticks = resampler.see(int(clip.frame[row]) / clip.fps, clip.keypoints[row], bridge)
            frames += [tick for tick, _ in ticks]
            rows += [keypoints for _, keypoints in ticks]
            tracks += [track] * len(ticks)
    stacked = np.stack(rows) if rows else np.zeros((0, *clip.keypoints.shape[1:]), np.float32)
    frame, numbers = np.array(frames, np.int64), np.array(tracks, np.int64)
    return Clip.build(clip.name, stacked, clip.layout, clip.size, eye.fps, frame, numbers)


def _starts(clip: Clip, eye: InputSpec) -> NDArray[np.int64]:
    runs = find_segments(np.zeros(len(clip), np.int32), clip.track.astype(np.int32), clip.frame.astype(np.int32))
    return window_starts(runs, eye.window)


@torch.inference_mode()
def _scored(model: Model, eye: InputSpec, clip: Clip, starts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Score the windows that begin at these rows, (W,)."""
    packed = torch.from_numpy(eye.settings.pack(clip))
    # made beforehand: small arrays kept between the large ones of the batches would hold their memory
    scores = np.empty(len(starts))
    for first in range(0, len(starts), AT_ONCE):
        batch = torch.from_numpy(starts[first : first + AT_ONCE])
        rows = batch[:, None] + torch.arange(eye.window)
        score, _ = model.score_windows(eye.settings.unpack(packed[rows].to(model.device)))
        scores[first : first + len(batch)] = score.double().cpu().numpy()
    return scores
