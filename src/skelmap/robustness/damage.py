"""Damage recordings as detectors, cameras and trackers do; functions of a clip and a random generator."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from skelmap.skeletons.clip import Clip
from skelmap.skeletons.person_size import person_sizes

JOINT_SHARE, FRAME_SHARE = 0.1, 0.2
"""Share of the detected joints, and of the frames, that are dropped."""
JITTER = 0.05
"""Standard deviation of the jitter of each coordinate, in sizes of the person (`person_sizes`): 4 px of 270 px."""
TRACK_SECONDS, GAP_SECONDS = 4.0, 1.0
"""Mean length of a broken track, and the longest gap after it."""

Damage = Callable[[Clip, Generator], Clip]


def drop_joints(clip: Clip, rng: Generator) -> Clip:
    """Drop every joint of every row with the same probability, independently."""
    keep = rng.random(clip.keypoints.shape[:2]) >= JOINT_SHARE
    return replace(clip, keypoints=clip.keypoints * keep[..., None].astype(np.float32))


def drop_frames(clip: Clip, rng: Generator) -> Clip:
    """Drop all people of a share of the frames."""
    first, stop = clip.span
    return _without(clip, (rng.random(stop - first) < FRAME_SHARE)[clip.frame - first])


def jitter(clip: Clip, rng: Generator) -> Clip:
    """Move every detected joint at random, independently from frame to frame."""
    keypoints = clip.keypoints.copy()
    sizes = np.nan_to_num(person_sizes(clip.keypoints, clip.layout))
    noise = rng.normal(0, JITTER, (*keypoints.shape[:2], 2)) * sizes[:, None, None]
    keypoints[..., :2] += np.where(keypoints[..., 2:] > 0, noise, 0)
    return replace(clip, keypoints=keypoints)


def every(number: int) -> Damage:
    """Keep every `number`-th frame, as a slower camera would take them."""

    def thin(clip: Clip, rng: Generator) -> Clip:
        return _select(clip, (clip.frame - clip.span[0]) % (number * clip.step) == 0)

    return thin


def break_tracks(clip: Clip, rng: Generator) -> Clip:
    """Break each track into parts with numbers of their own; half of the breaks lose the person for up to a second.

    The length of a part has an exponential distribution.
    """
    track, lost = np.empty_like(clip.track), np.zeros(len(clip), np.bool_)
    count = 0
    for number in np.unique(clip.track):
        rows = np.flatnonzero(clip.track == number)  # sorted by frame
        begin, end = int(clip.frame[rows[0]]), int(clip.frame[rows[-1]]) + 1
        while begin < end:
            length = 1 + round(rng.exponential(TRACK_SECONDS) * clip.fps)
            gap = round(rng.uniform(0, GAP_SECONDS) * clip.fps) if rng.random() < 0.5 else 0
            frame = clip.frame[rows]
            track[rows[frame >= begin]] = count
            lost[rows[(frame >= begin + length) & (frame < begin + length + gap)]] = True
            begin, count = begin + length + gap, count + 1
    broken = replace(clip, track=track)
    order = np.lexsort((broken.frame, broken.track))
    return _without(_select(broken, order), lost[order])


def _without(clip: Clip, lost: NDArray[np.bool_]) -> Clip:
    """Make (N,) rows empty; the span of the clip stays."""
    return replace(clip, keypoints=np.where(lost[:, None, None], np.float32(0), clip.keypoints))


def _select(clip: Clip, rows: NDArray[np.bool_ | np.int64]) -> Clip:
    return replace(clip, keypoints=clip.keypoints[rows], frame=clip.frame[rows], track=clip.track[rows])
