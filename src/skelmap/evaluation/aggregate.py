"""From window scores to row scores to frame scores, as pure functions of tensors.

Means over windows are running means, one step for each of the T rows of a window and vectorised over all windows.
Differences of cumulative sums would take fewer steps, but their rounding turns equal scores into different ones,
and an AUROC sees ties.
"""

import torch
from torch import Tensor


def covering_mean(score: Tensor, start: Tensor, width: int, rows: int, step: int = 1) -> Tensor:
    """Average, for each row, the scores of the windows that cover it.

    Args:
        score: (W,) float64 window scores, finite.
        start: (W,) int64 first row of each window, in any order.
        width: rows of a window.
        rows: N.
        step: rows from one row of a window to the next.

    Returns:
        (N,) float64; NaN where no window covers the row.
    """
    last = (width - 1) * step
    by_start = score.new_full((rows + last,), torch.nan)
    by_start[start + last] = score
    # A row is covered by the windows that start 0 .. width - 1 steps before it.
    return _running_mean(by_start.unfold(0, last + 1, 1)[:, ::step])


def window_mean(row_score: Tensor, start: Tensor, width: int, step: int = 1) -> Tensor:
    """Average, for each window, the scores of its rows: the control that gives a frame model T frames to look at.

    Args:
        row_score: (N,) float64.
        start: (S,) int64 first row of each window.
        width: rows of a window.
        step: rows from one row of a window to the next.

    Returns:
        (S,) float64.
    """
    return _running_mean(row_score.unfold(0, (width - 1) * step + 1, 1)[:, ::step])[start]


def last_row(score: Tensor, start: Tensor, width: int, rows: int, step: int = 1) -> Tensor:
    """Give each window's score to its last row, as it is known when that frame has just been seen.

    Returns:
        (N,) float64; NaN where no window ends.
    """
    by_row = score.new_full((rows,), torch.nan)
    by_row[start + (width - 1) * step] = score
    return by_row


def highest_per_frame(row_score: Tensor, frame: Tensor, frames: int) -> Tensor:
    """Take the highest score over the people of each frame.

    Args:
        row_score: (N,) float64, NaN where a row has no score.
        frame: (N,) int64 frame that a row belongs to, 0 .. frames - 1.
        frames: F.

    Returns:
        (F,) float64; NaN where no row of the frame has a score.
    """
    known = ~row_score.isnan()
    highest = row_score.new_full((frames,), -torch.inf)
    highest.scatter_reduce_(0, frame[known], row_score[known], "amax")
    return torch.where(highest.isinf(), torch.nan, highest)


def _running_mean(values: Tensor) -> Tensor:
    """Average (N, T) over T without the NaNs; equal values have exactly themselves as mean."""
    mean = values.new_zeros(len(values))
    count = torch.zeros_like(mean)
    for column in values.unbind(1):
        known = ~column.isnan()
        count += known
        mean = torch.where(known, mean + (column - mean) / count.clamp(min=1), mean)
    return torch.where(count > 0, mean, torch.nan)
