"""What a report shows of single windows: examples of reconstructions, and latents."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from skelmap.evaluation.frames import Predictions, covering_mean, window_mean
from skelmap.evaluation.metrics import to_numpy

if TYPE_CHECKING:  # at run time this would load Lightning
    from skelmap.data.windows import EvalIndex

QUANTILES = (0.1, 0.5, 0.9)
"""Examples are taken from the whole range of scores, not from its best end."""
MAX_LATENTS = 2000


class ExampleWindows(NamedTuple):
    """Test windows worth a look.

    Attributes:
        start: (K,) int64 first row of each window of T rows.
        label: (K,) int64, 1 = all T frames are abnormal, 0 = all are normal.
        score: (K,) float64 score of the window.
        title: (K,) clip, frames and work.
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
        title: (K,) clip, frames and work.
        score: (K,) score of the window.
        channels: (C,) what each channel shows.
    """

    input: NDArray[np.floating]
    recon: NDArray[np.floating]
    label: NDArray[np.int64]
    title: tuple[str, ...]
    score: NDArray[np.float64]
    channels: tuple[str, ...]


class Latents(NamedTuple):
    """Latents of some test windows.

    Attributes:
        mu: (M, J) float64.
        label: (M,) int64 of the window's middle frame, 1 = abnormal.
        work: (M,) name of the work in the middle frame, empty where the manifest names none.
    """

    mu: NDArray[np.float64]
    label: NDArray[np.int64]
    work: tuple[str, ...]


def pick_windows(predictions: Predictions, rows: "EvalIndex") -> ExampleWindows:
    """Pick normal and abnormal windows of T rows at the 10 %, 50 % and 90 % quantile of their class's scores.

    A frame model's window has the mean of its rows' scores. Windows with normal and abnormal frames are not picked,
    also if these lie between their own.

    Args:
        predictions: a score for every test window, in any order.
        rows: the test split.

    Returns:
        Up to 6 windows, normal ones first, each by rising score; fewer where a class has few windows.
    """
    score = _window_scores(predictions, rows)
    label = _labels(rows)
    ends = np.concatenate([[0], np.cumsum(label)])
    abnormal = ends[rows.starts + rows.span] - ends[rows.starts]  # abnormal frames of each window
    picked: list[int] = []
    for wanted in (0, rows.span):
        index = np.flatnonzero(abnormal == wanted)
        index = index[np.argsort(score[index], kind="stable")]
        if len(index):
            at = np.unique(np.round(np.array(QUANTILES) * (len(index) - 1)).astype(int))
            picked += index[at].tolist()
    start = rows.starts[picked]
    return ExampleWindows(start, label[start], score[picked], tuple(_title(rows, int(row)) for row in start))


def sample_latents(predictions: Predictions, rows: "EvalIndex", seed: int = 0) -> Latents | None:
    """Draw at most 2,000 windows' latents, spread over all clips at random.

    Args:
        predictions: with latents, in any order.
        rows: the test split.
        seed: of the draw.

    Returns:
        The latents, or None where the model has none.
    """
    if predictions.latent is None:
        return None
    start, first = np.unique(predictions.start.cpu().numpy(), return_index=True)
    chosen = np.sort(np.random.default_rng(seed).permutation(len(start))[:MAX_LATENTS])
    mu = to_numpy(predictions.latent[torch.from_numpy(first[chosen]).to(predictions.latent.device)])
    middle = start[chosen] + predictions.window // 2 * rows.frame_step
    works = tuple(_work(rows, int(row)) for row in middle)
    return Latents(mu, _labels(rows)[middle], works)


def _window_scores(predictions: Predictions, rows: "EvalIndex") -> NDArray[np.float64]:
    """Score of each window of T rows, in the order of `rows.starts`."""
    score, start = predictions.score.to("cpu", torch.float64), predictions.start.cpu()
    by_start = covering_mean(score, start, 1, len(rows.clip))
    starts = torch.tensor(rows.starts)
    if predictions.window > 1:
        return to_numpy(by_start[starts])
    return to_numpy(window_mean(by_start, starts, rows.seq_len, rows.frame_step))


def _labels(rows: "EvalIndex") -> NDArray[np.int64]:
    """Label every row: (N,)."""
    label = np.zeros(len(rows.clip), np.int64)
    for index, recording in enumerate(rows.recordings):
        here = rows.clip == index
        label[here] = recording.labels(rows.frame[here])
    return label


def _work(rows: "EvalIndex", row: int) -> str:
    return str(rows.recordings[rows.clip[row]].action_names(rows.frame[row : row + 1])[0])


def _title(rows: "EvalIndex", start: int) -> str:
    last = start + rows.span - 1
    clip, work = rows.recordings[rows.clip[start]].clip, _work(rows, start + rows.seq_len // 2 * rows.frame_step)
    return f"{clip}, frames {rows.frame[start]}–{rows.frame[last]}" + (f", {work}" if work else "")
