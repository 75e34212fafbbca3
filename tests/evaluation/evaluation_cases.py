"""Invented test splits, with several people, gaps, empty frames and runs shorter than T."""

from pathlib import Path

import numpy as np
import torch

from skelmap.data.windows import EvalIndex
from skelmap.evaluation.frames import Predictions
from skelmap.skeletons.manifest import Recording, Span


def recording(name: str, abnormal: tuple[Span, ...] | None = (), work: tuple[tuple[str, Span], ...] = ()) -> Recording:
    return Recording(name, Path(name), "test", name, abnormal, work)


def rows_of(
    tracks: list[list[tuple[int, int]]],
    spans: list[Span],
    recordings: list[Recording],
    seq_len: int,
    fps: float = 30.0,
    frame_step: int = 1,
) -> EvalIndex:
    """Make rows from each clip's runs: (first frame, one past the last) of one person seen without a gap."""
    clip, frame, starts = [], [], []
    for index, runs in enumerate(tracks):
        for first, stop in runs:
            if stop - first >= seq_len * frame_step:
                starts += range(len(clip), len(clip) + stop - first - (seq_len - 1) * frame_step)
            clip += [index] * (stop - first)
            frame += range(first, stop)
    integers = (np.array(column, np.int64) for column in (clip, frame, starts))
    return EvalIndex(tuple(recordings), tuple(spans), (fps,) * len(spans), *integers, seq_len, frame_step)


def random_rows(rng: np.random.Generator, seq_len: int, frame_step: int = 1) -> EvalIndex:
    tracks, spans, recordings = [], [], []
    for index in range(int(rng.integers(1, 5))):
        first = int(rng.integers(0, 50))
        stop = first + int(rng.integers(1, 60))
        runs = []
        for _ in range(int(rng.integers(0, 4))):
            begin = int(rng.integers(first, stop))
            runs.append((begin, int(rng.integers(begin, stop)) + 1))
        middle = int(rng.integers(first, stop))
        abnormal = [(), None, ((middle, middle + 5),)][int(rng.integers(3))]
        tracks.append(runs)
        spans.append((first, stop))
        recordings.append(recording(f"clip{index}", abnormal, (("saw", (first, middle)),)))
    return rows_of(tracks, spans, recordings, seq_len, frame_step=frame_step)


def window_scores(rows: EvalIndex, score: np.ndarray, order: np.ndarray | None = None) -> Predictions:
    order = np.arange(len(score)) if order is None else order
    return Predictions(torch.tensor(rows.starts[order]), torch.tensor(score[order]), None, rows.seq_len)


def covered_rows(rows: EvalIndex) -> np.ndarray:
    return np.unique(rows.starts[:, None] + rows.frame_step * np.arange(rows.seq_len))


def three_clips(seed: int = 0, length: int = 200, seq_len: int = 10) -> EvalIndex:
    """Three clips of one person: cutting (partly abnormal), sawing (partly abnormal), and running (all abnormal)."""
    recordings = [
        recording("cut<script>", ((50, 90),), (("cut", (0, length)),)),
        recording("saw", ((20, 40), (120, 150)), (("saw", (0, length)),)),
        recording("run", None, (("run", (0, length)),)),
    ]
    return rows_of([[(0, length)]] * 3, [(0, length)] * 3, recordings, seq_len)


def plausible(rows: EvalIndex, window: int, seed: int = 0, latents: int | None = None) -> Predictions:
    """Scores that are higher for abnormal frames, with noise, in shuffled order."""
    rng = np.random.default_rng(seed)
    label = np.concatenate([r.labels(rows.frame[rows.clip == i]) for i, r in enumerate(rows.recordings)])
    start = rows.starts if window > 1 else covered_rows(rows)
    start = rng.permutation(start)
    score = 60 + 20 * label[start + window // 2] + rng.gamma(4, 4, len(start))
    latent = None if latents is None else torch.tensor(rng.normal(label[start][:, None], 1, (len(start), latents)))
    return Predictions(torch.tensor(start), torch.tensor(score), latent, window)
