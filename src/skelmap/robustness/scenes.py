"""Scenes of several people, made from recordings of single ones: one clip, and normal work of others beside it."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.random import Generator

from skelmap.skeletons.clip import Clip
from skelmap.skeletons.manifest import Recording

COMPANIONS = 2
"""Other people in a scene."""

Labelled = tuple[Recording, Clip]
"""A recording with its keypoints."""


def make_scenes(recordings: Sequence[Labelled], rng: Generator) -> list[Labelled]:
    """Put clips of normal work of other groups beside each clip, in a picture that is as many times as wide.

    A scene lasts as long as its first clip, and has its labels.

    Args:
        recordings: of one layout, image size and frame rate.
        rng: draws the companions.

    Returns:
        The scenes, in order; empty if no clip has two normal clips of other groups.
    """
    scenes = []
    for recording, clip in recordings:
        others = [
            other
            for r, other in recordings
            if r.group != recording.group and r.abnormal == () and _kind(other) == _kind(clip)
        ]
        if len(others) >= COMPANIONS:
            chosen = rng.choice(len(others), COMPANIONS, replace=False)
            scenes.append((recording, _beside(clip, [others[index] for index in chosen])))
    return scenes


def _kind(clip: Clip) -> tuple[object, ...]:
    return clip.layout, clip.size, clip.fps, clip.step


def _beside(clip: Clip, others: Sequence[Clip]) -> Clip:
    """Place clips side by side; they begin together, and those beside the first end with it at the latest."""
    width, height = clip.size
    parts, count = [clip], int(clip.track.max(initial=-1)) + 1
    for place, other in enumerate(others, 1):
        frame = other.frame - other.span[0] + clip.span[0]
        shown = frame < clip.span[1]
        shift = np.where(other.keypoints[..., 2:] > 0, (place * width, 0), 0).astype(np.float32)
        keypoints = other.keypoints.copy()
        keypoints[..., :2] += shift
        track = other.track - other.track.min() + count
        parts.append(replace(other, keypoints=keypoints[shown], frame=frame[shown], track=track[shown]))
        count = int(track.max()) + 1
    return replace(
        clip,
        size=(width * len(parts), height),
        keypoints=np.concatenate([part.keypoints for part in parts]),
        frame=np.concatenate([part.frame for part in parts]),
        track=np.concatenate([part.track for part in parts]),
    )
