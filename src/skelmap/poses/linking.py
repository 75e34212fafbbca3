"""Link the people of successive frames, for detectors that do not track."""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

MAX_STEP = 0.5
"""A person may move this share of their own height or width between two frames before they count as another."""
MAX_GAP = 15
"""Frames after which a lost person is not looked for any more (0.5 s at 30 fps)."""


def link_people(keypoints: NDArray[np.float32], frame: NDArray[np.int64]) -> NDArray[np.int64]:
    """Number the people so that the same person keeps the same number.

    Frame by frame, people are matched to the tracks last seen by the least total distance (Hungarian method); a
    distance is the mean over the joints both have. Matches further than MAX_STEP start a new track.

    Args:
        keypoints: (N, V, 3) x px, y px, confidence; rows in any order.
        frame: (N,) frame of each row.

    Returns:
        (N,) int64 track of each row; rows without any joint are in track -1 - i, i counting them within the frame.
    """
    track = np.full(len(frame), -1, np.int64)
    last: dict[int, int] = {}  # track -> the row in which it was last seen
    order = np.argsort(frame, kind="stable")
    bounds = np.flatnonzero(np.diff(frame[order])) + 1
    present = np.any(keypoints[..., 2] > 0, axis=1)
    count = 0
    for rows in np.split(order, bounds):
        absent = rows[~present[rows]]
        track[absent] = -1 - np.arange(len(absent))
        rows = rows[present[rows]]
        if not len(rows):
            continue
        now = frame[rows[0]]
        last = {t: r for t, r in last.items() if now - frame[r] <= MAX_GAP}
        for row, known in _match(keypoints, rows, last):
            if known is None:
                known, count = count, count + 1
            track[row], last[known] = known, row
    return track


def _match(
    keypoints: NDArray[np.float32], rows: NDArray[np.int64], last: dict[int, int]
) -> list[tuple[int, int | None]]:
    """Pair each row with a known track, or None."""
    known = list(last)
    cost = np.array([[_distance(keypoints[row], keypoints[last[t]]) for t in known] for row in rows])
    pairs = dict(zip(*linear_sum_assignment(cost), strict=True)) if known else {}
    return [
        (int(row), known[pairs[i]] if i in pairs and cost[i, pairs[i]] <= MAX_STEP else None)
        for i, row in enumerate(rows)
    ]


def _distance(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Mean joint distance in sizes of the larger person; 1e6 where they share no joint."""
    both = (one[:, 2] > 0) & (other[:, 2] > 0)
    if not both.any():
        return 1e6
    size = max(float(np.ptp(p[p[:, 2] > 0, :2], axis=0).max()) for p in (one, other))
    return float(np.linalg.norm(one[both, :2] - other[both, :2], axis=1).mean()) / max(size, 1.0)
