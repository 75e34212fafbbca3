"""Track people from frame to frame, for pose estimators that do not."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

MAX_DISTANCE = 0.5
"""Largest distance from the predicted position at which a detection is the same person, in sizes of the person."""
MAX_GAP = 15
"""Frames without detection after which a track ends (0.5 s at 30 fps)."""
VELOCITY_WEIGHT = 0.5
"""Weight of the newest step in the exponential average of the velocity."""


class _TrackState(NamedTuple):
    """Last detection of a tracked person.

    Attributes:
        frame: frame number.
        joints: (V, 3) x px, y px, confidence.
        velocity: (2,) px per frame.
    """

    frame: int
    joints: NDArray[np.float64]
    velocity: NDArray[np.float64]

    def predict(self, frame: int) -> NDArray[np.float64]:
        """(V, 3): the joints in a later frame at constant velocity."""
        joints = self.joints.copy()
        joints[:, :2] += (frame - self.frame) * self.velocity
        return joints

    def update(self, frame: int, joints: NDArray[np.float64]) -> "_TrackState":
        """Add a detection; the step is the median over the common joints, so that moving arms have little effect."""
        both = (self.joints[:, 2] > 0) & (joints[:, 2] > 0)
        step = np.median(joints[both, :2] - self.joints[both, :2], axis=0) / (frame - self.frame)
        return _TrackState(frame, joints, VELOCITY_WEIGHT * step + (1 - VELOCITY_WEIGHT) * self.velocity)


class PeopleTracker:
    """Online tracker of the people of one camera: gives the same person the same number in every frame.

    In each frame, detections are matched to the positions that the tracks predict at constant velocity, with the least
    total distance (Hungarian method). A distance is the mean over common joints. A detection further than MAX_DISTANCE
    from all tracks starts a new one. As only past frames are used, a live camera that drops frames (their numbers are
    skipped) and a recording give the same numbers.
    """

    def __init__(self) -> None:
        self._frame = -1
        self._tracks: dict[int, _TrackState] = {}  # by number
        self._count = 0

    def track(self, people: NDArray[np.float32], frame: int | None = None) -> NDArray[np.int64]:
        """Number the people of the next frame.

        Args:
            people: (P, V, 3) x px, y px, confidence; joints that are not finite count as missing.
            frame: frame number, above the previous one; None for the next number.

        Returns:
            (P,) int64 number of each person, from 0; the ith person without any joint gets -1 - i.
        """
        self._frame = self._frame + 1 if frame is None else frame
        self._tracks = {n: state for n, state in self._tracks.items() if self._frame - state.frame <= MAX_GAP}
        joints = np.where(np.isfinite(people).all(axis=2, keepdims=True), people, 0).astype(np.float64)  # no overflow
        present = np.any(joints[..., 2] > 0, axis=1)
        numbers = np.empty(len(people), np.int64)
        numbers[~present] = -1 - np.arange(np.count_nonzero(~present))
        for i, match in zip(np.flatnonzero(present), self._match(joints[present]), strict=True):
            if match is None:
                number, self._count = self._count, self._count + 1
                self._tracks[number] = _TrackState(self._frame, joints[i], np.zeros(2))
            else:
                number = match
                self._tracks[number] = self._tracks[number].update(self._frame, joints[i])
            numbers[i] = number
        return numbers

    def _match(self, people: NDArray[np.float64]) -> list[int | None]:
        """Number of the track that each person continues, or None."""
        from scipy.optimize import linear_sum_assignment  # what reads manifests needs no scipy

        matched: list[int | None] = [None] * len(people)
        if numbers := list(self._tracks):
            distance = _distances(people, np.array([self._tracks[n].predict(self._frame) for n in numbers]))
            cost = np.minimum(distance, MAX_DISTANCE)  # distances of pairs that cannot match must not affect the others
            for i, j in zip(*linear_sum_assignment(cost), strict=True):
                if distance[i, j] <= MAX_DISTANCE:
                    matched[i] = numbers[j]
        return matched


def link_people(keypoints: NDArray[np.float32], frame: NDArray[np.int64]) -> NDArray[np.int64]:
    """Track the people of a whole recording.

    Args:
        keypoints: (N, V, 3) x px, y px, confidence; rows in any order.
        frame: (N,) frame of each row.

    Returns:
        (N,) int64 person number of each row, as `PeopleTracker` gives them.
    """
    number = np.empty(len(frame), np.int64)
    tracker = PeopleTracker()
    order = np.argsort(frame, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(frame[order])) + 1):
        if len(rows):
            number[rows] = tracker.track(keypoints[rows], int(frame[rows[0]]))
    return number


def join_tracks(
    keypoints: NDArray[np.float32], frame: NDArray[np.int64], track: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Join the tracks of a person whom a tracker has lost: one that begins where another one has just ended.

    A track continues another that ended at most `MAX_GAP` frames before, if its first detection lies within
    `MAX_DISTANCE` of the position that the other one's last detections predict; the nearest of several.

    Args:
        keypoints: (N, V, 3) x px, y px, confidence; each row has a detected joint.
        frame: (N,) frame of each row.
        track: (N,) person number of each row; the rows are sorted by (track, frame).

    Returns:
        (N,) person number of each row, that of the first of the joined tracks.
    """
    parts = np.split(np.arange(len(track)), np.flatnonzero(np.diff(track)) + 1) if len(track) else []
    parts.sort(key=lambda rows: int(frame[rows[0]]))
    ends: dict[int, _TrackState] = {}  # of the tracks so far, by the number of the first
    joined = track.copy()
    for rows in parts:
        first, points = int(frame[rows[0]]), keypoints[rows[0]].astype(np.float64)
        near = [number for number, state in ends.items() if 0 < first - state.frame <= MAX_GAP]
        if near:
            distance = _distances(points[None], np.array([ends[number].predict(first) for number in near]))[0]
            if distance.min() <= MAX_DISTANCE:
                joined[rows] = near[int(distance.argmin())]
        ends[int(joined[rows[0]])] = _end_of_track(keypoints[rows[-MAX_GAP:]], frame[rows[-MAX_GAP:]])
    return joined


def _end_of_track(keypoints: NDArray[np.float32], frame: NDArray[np.int64]) -> _TrackState:
    """State of a track after its last rows."""
    state = _TrackState(int(frame[0]), keypoints[0].astype(np.float64), np.zeros(2))
    for number, joints in zip(frame[1:].tolist(), keypoints[1:].astype(np.float64), strict=True):
        if ((state.joints[:, 2] > 0) & (joints[:, 2] > 0)).any():
            state = state.update(number, joints)
        else:
            state = _TrackState(number, joints, state.velocity)
    return state


def _distances(people: NDArray[np.float64], predicted: NDArray[np.float64]) -> NDArray[np.float64]:
    """(P, Q): mean distance of common joints, in sizes of the larger person; 1e6 without common joints."""
    both = (people[:, None, :, 2] > 0) & (predicted[:, :, 2] > 0)
    distance = np.linalg.norm(people[:, None, :, :2] - predicted[:, :, :2], axis=3)
    mean = np.sum(distance, axis=2, where=both) / np.maximum(both.sum(axis=2), 1)
    size = np.maximum(np.maximum(_sizes(people)[:, None], _sizes(predicted)), 1)
    return np.where(both.any(axis=2), mean / size, 1e6)


def _sizes(people: NDArray[np.float64]) -> NDArray[np.float64]:
    """(P,): height or width of the bounding box, whichever is larger, px."""
    detected, xy = people[..., 2:] > 0, people[..., :2]
    low, high = xy.min(axis=1, where=detected, initial=np.inf), xy.max(axis=1, where=detected, initial=-np.inf)
    sizes: NDArray[np.float64] = (high - low).max(axis=1)
    return sizes
