"""Link the people of successive frames, for detectors that do not track."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

MAX_STEP = 0.5
"""A person may be this share of their own height or width from where they are expected; else they are another."""
MAX_GAP = 15
"""Frames after which a lost person is not looked for any more (0.5 s at 30 fps)."""
NEWEST = 0.5
"""Weight of a person's newest step in their velocity; the rest is what it was before."""


class _Seen(NamedTuple):
    """A person when last seen.

    Attributes:
        frame: its number.
        joints: (V, 3) x px, y px, confidence.
        velocity: (2,) px a frame.
    """

    frame: int
    joints: NDArray[np.float64]
    velocity: NDArray[np.float64]

    def expected(self, frame: int) -> NDArray[np.float64]:
        """(V, 3): the joints in a later frame if the person goes on as before."""
        joints = self.joints.copy()
        joints[:, :2] += (frame - self.frame) * self.velocity
        return joints

    def again(self, frame: int, joints: NDArray[np.float64]) -> "_Seen":
        """See the person in a later frame. The step is the median over the joints both have: arms count little."""
        both = (self.joints[:, 2] > 0) & (joints[:, 2] > 0)
        step = np.median(joints[both, :2] - self.joints[both, :2], axis=0) / (frame - self.frame)
        return _Seen(frame, joints, NEWEST * step + (1 - NEWEST) * self.velocity)


class PeopleTracker:
    """Numbers the people of one camera, so that the same person keeps the same number.

    Frame by frame, people are matched to where those last seen are expected if they go on at their velocity, by the
    least total distance (Hungarian method); a distance is the mean over the joints both have. Whoever is further than
    MAX_STEP from everybody is new. Only frames up to now count, so a live camera, whose frames are numbered with those
    that it drops, and a recording give the same numbers.
    """

    def __init__(self) -> None:
        self._frame = -1
        self._last: dict[int, _Seen] = {}  # by number
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
        self._last = {n: seen for n, seen in self._last.items() if self._frame - seen.frame <= MAX_GAP}
        joints = np.where(np.isfinite(people).all(axis=2, keepdims=True), people, 0).astype(np.float64)  # no overflow
        present = np.any(joints[..., 2] > 0, axis=1)
        numbers = np.empty(len(people), np.int64)
        numbers[~present] = -1 - np.arange(np.count_nonzero(~present))
        for i, known in zip(np.flatnonzero(present), self._match(joints[present]), strict=True):
            if known is None:
                known, self._count = self._count, self._count + 1
                self._last[known] = _Seen(self._frame, joints[i], np.zeros(2))
            else:
                self._last[known] = self._last[known].again(self._frame, joints[i])
            numbers[i] = known
        return numbers

    def _match(self, people: NDArray[np.float64]) -> list[int | None]:
        """Pair each person with a known number, or None."""
        matched: list[int | None] = [None] * len(people)
        if known := list(self._last):
            cost = _distances(people, np.array([self._last[n].expected(self._frame) for n in known]))
            reach = np.minimum(cost, MAX_STEP)  # how far a person is from strangers must not decide about others
            for i, j in zip(*linear_sum_assignment(reach), strict=True):
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


def _distances(ones: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    """(P, Q): mean joint distances in sizes of the larger person; 1e6 where they share no joint."""
    both = (ones[:, None, :, 2] > 0) & (others[:, :, 2] > 0)
    apart = np.linalg.norm(ones[:, None, :, :2] - others[:, :, :2], axis=3)
    mean = np.sum(apart, axis=2, where=both) / np.maximum(both.sum(axis=2), 1)
    size = np.maximum(np.maximum(_sizes(ones)[:, None], _sizes(others)), 1)
    return np.where(both.any(axis=2), mean / size, 1e6)


def _sizes(people: NDArray[np.float64]) -> NDArray[np.float64]:
    """(P,): height or width, whichever is larger, px."""
    seen, places = people[..., 2:] > 0, people[..., :2]
    low, high = places.min(axis=1, where=seen, initial=np.inf), places.max(axis=1, where=seen, initial=-np.inf)
    sizes: NDArray[np.float64] = (high - low).max(axis=1)
    return sizes
