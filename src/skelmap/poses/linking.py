"""Link the people of successive frames, for detectors that do not track."""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

MAX_STEP = 0.5
"""A person may move this share of their own height or width from one sighting to the next; else they are another."""
MAX_GAP = 15
"""Frames after which a lost person is not looked for any more (0.5 s at 30 fps)."""


class PeopleTracker:
    """Numbers the people of one camera, so that the same person keeps the same number.

    Frame by frame, people are matched to those last seen by the least total distance (Hungarian method); a distance is
    the mean over the joints both have. Matches further than MAX_STEP are new people. Only frames up to now count, so
    a live camera, whose frames are numbered with those that it drops, and a recording give the same numbers.
    """

    def __init__(self) -> None:
        self._frame = -1
        self._last: dict[int, tuple[int, NDArray[np.float64]]] = {}  # number -> frame and joints when last seen
        self._count = 0

    def track(self, people: NDArray[np.float32], frame: int | None = None) -> NDArray[np.int64]:
        """Number the people of the next frame.

        Args:
            people: (P, V, 3) x px, y px, confidence; a joint that is not finite counts as missing.
            frame: its number, above the last one's; None for the next, as if none was left out.

        Returns:
            (P,) int64 number of each person, from 0; the ith person without any joint has -1 - i.
        """
        self._frame = self._frame + 1 if frame is None else frame
        self._last = {n: seen for n, seen in self._last.items() if self._frame - seen[0] <= MAX_GAP}
        joints = np.where(np.isfinite(people).all(axis=2, keepdims=True), people, 0).astype(np.float64)  # no overflow
        present = np.any(joints[..., 2] > 0, axis=1)
        numbers = np.empty(len(people), np.int64)
        numbers[~present] = -1 - np.arange(np.count_nonzero(~present))
        for i, known in zip(np.flatnonzero(present), self._match(joints[present]), strict=True):
            if known is None:
                known, self._count = self._count, self._count + 1
            numbers[i], self._last[known] = known, (self._frame, joints[i])
        return numbers

    def _match(self, people: NDArray[np.float64]) -> list[int | None]:
        """Pair each person with a known number, or None."""
        known = list(self._last)
        if not known:
            return [None] * len(people)
        cost = np.array([[_distance(p, self._last[n][1]) for n in known] for p in people]).reshape(-1, len(known))
        matched: list[int | None] = [None] * len(people)
        for i, j in zip(*linear_sum_assignment(cost), strict=True):
            if cost[i, j] <= MAX_STEP:
                matched[i] = known[j]
        return matched


def link_people(keypoints: NDArray[np.float32], frame: NDArray[np.int64]) -> NDArray[np.int64]:
    """Number the people of a whole recording.

    Args:
        keypoints: (N, V, 3) x px, y px, confidence; rows in any order.
        frame: (N,) frame of each row.

    Returns:
        (N,) int64 number of each row, as `PeopleTracker` gives them.
    """
    number = np.empty(len(frame), np.int64)
    tracker = PeopleTracker()
    order = np.argsort(frame, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(frame[order])) + 1):
        if len(rows):
            number[rows] = tracker.track(keypoints[rows], int(frame[rows[0]]))
    return number


def _distance(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Mean joint distance in sizes of the larger person; 1e6 where they share no joint."""
    both = (one[:, 2] > 0) & (other[:, 2] > 0)
    if not both.any():
        return 1e6
    size = max(float(np.ptp(p[p[:, 2] > 0, :2], axis=0).max()) for p in (one, other))
    return float(np.linalg.norm(one[both, :2] - other[both, :2], axis=1).mean()) / max(size, 1.0)
