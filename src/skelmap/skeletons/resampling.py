"""Resample keypoints to the model's clock and bridge short gaps.

Recordings and live cameras pass through the same `Resampler`, so that a model sees the same windows of both.
"""

import math
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from skelmap.skeletons.clip import Clip

BridgeSeconds = Annotated[float, Field(ge=0, le=60)]
LOST_FRAMES = 3.5
"""A gap of fewer source frames is bridged however slow the source is."""
SUCCESSIVE = 1.5
"""Source frames further apart than this, in frame intervals, have a gap between them."""
ON_TICK = 1e-3
"""A detection this close to a tick, in ticks, is taken as it is; gaps may be this much longer than the longest."""
SHARES = 2**20
"""Shares are rounded to this part of the way, so that they do not depend on the rounding of times."""


class Resampler:
    """Keypoints of one person at the ticks 0, 1, 2, ... of a clock that starts with the recording or stream.

    Between two detections joints move in a straight line; a joint detected in one of them alone is taken from the
    nearer detection.

    Args:
        fps: ticks a second.
    """

    def __init__(self, fps: float) -> None:
        self.fps = fps
        self._last_tick = -math.inf
        self._last: NDArray[np.float32] | None = None

    def update(
        self, time: float, keypoints: NDArray[np.float32], longest: float
    ) -> tuple[bool, list[tuple[int, NDArray[np.float32]]]]:
        """Take the next detection.

        Args:
            time: seconds since the start, later than that of the last detection.
            keypoints: (V, 3) x px, y px, confidence.
            longest: gap since the last detection that is filled at most, seconds; see `longest_gap`.

        Returns:
            Whether a new segment begins; (tick, keypoints) of each tick since the last detection.
        """
        now = time * self.fps
        before, since = self._last, self._last_tick
        self._last, self._last_tick = keypoints, now
        if before is None or now - since > longest * self.fps + ON_TICK:
            nearest = round(now)
            return True, [(nearest, keypoints)] if abs(now - nearest) < ON_TICK else []
        ticks = range(math.floor(since + ON_TICK) + 1, math.floor(now + ON_TICK) + 1)
        return False, [(tick, _interpolate(before, keypoints, (tick - since) / (now - since))) for tick in ticks]


def _interpolate(one: NDArray[np.float32], other: NDArray[np.float32], share: float) -> NDArray[np.float32]:
    """Keypoints at a share of the way from one detection to the other."""
    share = round(share * SHARES) / SHARES
    if share > 1 - ON_TICK:
        return other
    both = (one[:, 2] > 0) & (other[:, 2] > 0)
    nearer = one if share < 0.5 else other
    return np.where(both[:, None], one + np.float32(share) * (other - one), nearer)


def longest_gap(bridge_seconds: float, interval: float, fps: float) -> float:
    """Longest gap in a person's detections that is bridged, seconds.

    Args:
        bridge_seconds: configured length; 0 bridges nothing and fills ticks between successive frames alone.
        interval: seconds from one source frame to the next.
        fps: ticks a second.
    """
    interval = max(interval, 1 / fps)
    return max(bridge_seconds, LOST_FRAMES * interval) if bridge_seconds else SUCCESSIVE * interval


def resample_clip(clip: Clip, fps: float, bridge_seconds: float) -> Clip:
    """Resample every person of a clip; a frame of the result is a tick of the clock.

    Args:
        clip: at its own frame rate.
        fps: ticks a second.
        bridge_seconds: see `longest_gap`.

    Returns:
        The rows in which a joint was detected, and the interpolated ones.
    """
    longest = longest_gap(bridge_seconds, 1 / clip.frame_rate, fps)
    rows: list[NDArray[np.float32]] = []
    ticks: list[int] = []
    tracks: list[int] = []
    resamplers: dict[int, Resampler] = {}
    for row in np.flatnonzero(clip.present):  # sorted by track, then frame
        person = int(clip.track[row])
        resampler = resamplers.setdefault(person, Resampler(fps))
        _, found = resampler.update(int(clip.frame[row]) / clip.fps, clip.keypoints[row], longest)
        for tick, keypoints in found:
            ticks.append(tick)
            rows.append(keypoints)
            tracks.append(person)
    keypoints = np.stack(rows) if rows else np.zeros((0, *clip.keypoints.shape[1:]), np.float32)
    frame, track = np.array(ticks, np.int64), np.array(tracks, np.int64)
    return Clip.build(clip.name, keypoints, clip.layout, clip.size, fps, frame, track)


def label_ticks(span: tuple[int, int], source_fps: float, fps: float) -> tuple[int, int]:
    """Convert a labelled, half-open span of source frames to ticks; a tick has the label of the frame shown then.

    Args:
        span: first source frame and one past the last.
        source_fps: frames a second of the source.
        fps: ticks a second.

    Returns:
        First tick and one past the last; equal if no tick lies in the span.
    """
    first, stop = (math.ceil(frame * fps / source_fps - ON_TICK) for frame in span)
    return first, stop


def clip_ticks(span: tuple[int, int], source_fps: float, fps: float) -> tuple[int, int]:
    """Convert the span of a whole clip to ticks: those from its first frame to its last.

    Args:
        span: first source frame and one past the last; (0, 0) of an empty clip.
        source_fps: frames a second of the source.
        fps: ticks a second.
    """
    first, stop = span
    if stop <= first:
        return 0, 0
    start = math.ceil(first * fps / source_fps - ON_TICK)
    return start, max(math.floor((stop - 1) * fps / source_fps + ON_TICK) + 1, start)
