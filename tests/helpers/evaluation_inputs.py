"""Synthetic test splits for the evaluation, and predictions for them."""

from pathlib import Path

import numpy as np
import torch

from skelmap.data.windows import EvalIndex
from skelmap.evaluation.frame_scores import Predictions
from skelmap.skeletons.manifest import Recording, Span


def make_recording(
    name: str, abnormal: tuple[Span, ...] | None = (), actions: tuple[tuple[str, Span], ...] = ()
) -> Recording:
    return Recording(name, Path(name), "test", name, abnormal, actions)


def make_rows(
    segments: list[list[Span]], spans: list[Span], recordings: list[Recording], seq_len: int, fps: float = 30.0
) -> EvalIndex:
    """Make a test split from the segments of each clip: spans of frames in which one person is seen."""
    clip, track, frame, starts = [], [], [], []
    for index, of_clip in enumerate(segments):
        for person, (first, stop) in enumerate(of_clip):
            starts += range(len(clip), len(clip) + stop - first - seq_len + 1)
            clip += [index] * (stop - first)
            track += [person] * (stop - first)
            frame += range(first, stop)
    integers = (np.array(column, np.int64) for column in (clip, track, frame, starts))
    return EvalIndex(tuple(recordings), tuple(spans), fps, *integers, seq_len)


def random_rows(rng: np.random.Generator, seq_len: int) -> EvalIndex:
    """Make a test split with several people, gaps, frames without people and segments shorter than a window."""
    segments, spans, recordings = [], [], []
    for index in range(int(rng.integers(1, 5))):
        first = int(rng.integers(0, 50))
        stop = first + int(rng.integers(1, 60))
        of_clip = []
        for _ in range(int(rng.integers(0, 4))):
            begin = int(rng.integers(first, stop))
            of_clip.append((begin, int(rng.integers(begin, stop)) + 1))
        middle = int(rng.integers(first, stop))
        abnormal = [(), None, ((middle, middle + 5),)][int(rng.integers(3))]
        segments.append(of_clip)
        spans.append((first, stop))
        recordings.append(make_recording(f"clip{index}", abnormal, (("saw", (first, middle)),)))
    return make_rows(segments, spans, recordings, seq_len)


def three_clips(length: int = 200, seq_len: int = 10) -> EvalIndex:
    """Three clips of one person: cutting (partly abnormal), sawing (partly abnormal), and running (all abnormal)."""
    recordings = [
        make_recording("cut<script>", ((50, 90),), (("cut", (0, length)),)),
        make_recording("saw", ((20, 40), (120, 150)), (("saw", (0, length)),)),
        make_recording("run", None, (("run", (0, length)),)),
    ]
    return make_rows([[(0, length)]] * 3, [(0, length)] * 3, recordings, seq_len)


def one_clip(name: str = "a", abnormal: tuple[Span, ...] | None = (), frames: int = 50) -> EvalIndex:
    """One clip of one person, with windows of 10 frames."""
    return make_rows([[(0, frames)]], [(0, frames)], [make_recording(name, abnormal)], 10)


def covered_rows(rows: EvalIndex) -> np.ndarray:
    """Rows in a window: those that a frame model scores."""
    return np.unique(rows.starts[:, None] + np.arange(rows.seq_len))


def window_predictions(rows: EvalIndex, score: np.ndarray) -> Predictions:
    """Give each window the score of the same index."""
    return Predictions(torch.tensor(rows.starts), torch.tensor(score), None, rows.seq_len)


def noisy_predictions(rows: EvalIndex, window: int, seed: int = 0, latents: int | None = None) -> Predictions:
    """Draw scores that are higher for abnormal frames, for windows in shuffled order."""
    rng = np.random.default_rng(seed)
    label = np.concatenate([r.labels(rows.frame[rows.clip == i]) for i, r in enumerate(rows.recordings)])
    start = rows.starts if window > 1 else covered_rows(rows)
    start = rng.permutation(start)
    score = 60 + 20 * label[start + window // 2] + rng.gamma(4, 4, len(start))
    latent = None if latents is None else torch.tensor(rng.normal(label[start][:, None], 1, (len(start), latents)))
    return Predictions(torch.tensor(start), torch.tensor(score), latent, window)
