"""Windows that the report shows: examples of reconstructions, and latents."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from skelmap.data.windows import EvalIndex
from skelmap.evaluation.frame_scores import Predictions, covering_mean, window_mean
from skelmap.evaluation.metrics import to_numpy

QUANTILES = (0.1, 0.5, 0.9)
"""Quantiles of the scores at which examples are picked, so that they are neither the best nor the worst ones."""
MAX_LATENTS = 2000


class ExampleWindows(NamedTuple):
    """Test windows of T rows to show as examples.

    Attributes:
        start: (K,) int64 first row of each window.
        label: (K,) int64, 1 = all T frames are abnormal, 0 = all are normal.
        score: (K,) float64 score of the window.
        title: (K,) clip, frames and action.
    """

    start: NDArray[np.int64]
    label: NDArray[np.int64]
    score: NDArray[np.float64]
    title: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Examples:
    """Windows with their reconstructions.

    Attributes:
        input: (K, T, C, H, W) floating in [0, 1], 1 = skeleton.
        recon: (K, T, C, H, W) floating in [0, 1].
        label: (K,) 1 = abnormal.
        title: (K,) clip, frames and action.
        score: (K,) score of the window.
        channels: (C,) names of the channels.
    """

    input: NDArray[np.floating]
    recon: NDArray[np.floating]
    label: NDArray[np.int64]
    title: tuple[str, ...]
    score: NDArray[np.float64]
    channels: tuple[str, ...]


class Latents(NamedTuple):
    """Latents of a sample of test windows.

    Attributes:
        mu: (M, J) float64 latent means.
        label: (M,) int64 label of the window's middle frame, 1 = abnormal.
        action: (M,) action in the middle frame, empty if the manifest has none there.
    """

    mu: NDArray[np.float64]
    label: NDArray[np.int64]
    action: tuple[str, ...]


def pick_windows(predictions: Predictions, rows: EvalIndex) -> ExampleWindows:
    """Pick normal and abnormal windows of T rows at the 10 %, 50 % and 90 % quantile of their class's scores.

    The score of a frame model's window is the mean of its rows' scores. Windows with both normal and abnormal frames
    are not picked.

    Args:
        predictions: one score for each test window, in any order.
        rows: the test split.

    Returns:
        Up to 6 windows, normal ones first, each class by rising score; fewer if a class has few windows.
    """
    score = _window_scores(predictions, rows)
    label = _row_labels(rows)
    cumulative = np.concatenate([[0], np.cumsum(label)])
    abnormal = cumulative[rows.starts + rows.seq_len] - cumulative[rows.starts]  # abnormal frames of each window
    picked: list[int] = []
    for wanted in (0, rows.seq_len):
        index = np.flatnonzero(abnormal == wanted)
        index = index[np.argsort(score[index], kind="stable")]
        if len(index):
            at = np.unique(np.round(np.array(QUANTILES) * (len(index) - 1)).astype(int))
            picked += index[at].tolist()
    start = rows.starts[picked]
    return ExampleWindows(start, label[start], score[picked], tuple(_title(rows, int(row)) for row in start))


def sample_latents(predictions: Predictions, rows: EvalIndex, seed: int = 0) -> Latents | None:
    """Draw the latents of at most 2,000 windows of all clips at random.

    Args:
        predictions: with latents, in any order.
        rows: the test split.
        seed: of the draw.

    Returns:
        The latents, or None if the model has none.
    """
    if predictions.latent is None:
        return None
    start, first = np.unique(predictions.start.cpu().numpy(), return_index=True)
    drawn = np.sort(np.random.default_rng(seed).permutation(len(start))[:MAX_LATENTS])
    mu = to_numpy(predictions.latent[torch.from_numpy(first[drawn]).to(predictions.latent.device)])
    middle = start[drawn] + predictions.window // 2
    return Latents(mu, _row_labels(rows)[middle], tuple(_action(rows, int(row)) for row in middle))


def _window_scores(predictions: Predictions, rows: EvalIndex) -> NDArray[np.float64]:
    """Score each window of T rows, in the order of `rows.starts`."""
    score, start = predictions.score.to("cpu", torch.float64), predictions.start.cpu()
    by_start = covering_mean(score, start, 1, len(rows.clip))
    starts = torch.tensor(rows.starts)
    return to_numpy(by_start[starts] if predictions.window > 1 else window_mean(by_start, starts, rows.seq_len))


def _row_labels(rows: EvalIndex) -> NDArray[np.int64]:
    """Label the rows: (N,)."""
    label = np.zeros(len(rows.clip), np.int64)
    for index, recording in enumerate(rows.recordings):
        here = rows.clip == index
        label[here] = recording.labels(rows.frame[here])
    return label


def _action(rows: EvalIndex, row: int) -> str:
    return str(rows.recordings[rows.clip[row]].action_names(rows.frame[row : row + 1])[0])


def _title(rows: EvalIndex, start: int) -> str:
    last = start + rows.seq_len - 1
    clip, action = rows.recordings[rows.clip[start]].clip, _action(rows, start + rows.seq_len // 2)
    return f"{clip}, frames {rows.frame[start]}–{rows.frame[last]}" + (f", {action}" if action else "")
