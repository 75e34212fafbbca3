"""Frame scores: from scores of windows to one score for each frame of the test split.

A row is one person in one frame. A segment is a sequence of rows of one person in successive frames.
"""

import math
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from skelmap.data.windows import EvalIndex
from skelmap.evaluation.alarms import AlarmRule
from skelmap.evaluation.coverage import Counts, count
from skelmap.utils.errors import UserError
from skelmap.utils.names import list_names

SMOOTH_SECONDS = 1.0
"""Length of the causal mean of the smoothed score."""
HOLD_SECONDS = AlarmRule.release_seconds
"""Seconds for which the last score of a person stands for frames without a newer one, as an alarm goes on."""
TOLERANCE = 1e-6
"""Seconds by which times may differ that are meant to be equal."""
MAX_FRAMES = 50_000_000
"""Largest test split (19 days at 30 fps); a larger one is taken for wrong frame numbers."""


@dataclass(frozen=True, eq=False)
class Predictions:
    """Scores of the test windows, in any order.

    Attributes:
        start: (W,) int64 first row of each window. For `window = seq_len` these are `EvalIndex.starts`, for
            `window = 1` the rows in these windows.
        score: (W,) floating, higher = more abnormal, on any scale.
        latent: (W, J) latent mean of each window, or None if the model has no latents.
        window: rows of a window: T for a sequence model, 1 for a frame model.
    """

    start: Tensor
    score: Tensor
    latent: Tensor | None
    window: int


class OnlineScores(NamedTuple):
    """Scores as a camera gives them: each belongs to the last frame of its window.

    Attributes:
        clip: (W,) int64 index of the recording, ascending.
        track: (W,) int64 person, ascending within a recording.
        time: (W,) float64 seconds, ascending within a person.
        score: (W,) float64, higher = more abnormal.
    """

    clip: NDArray[np.int64]
    track: NDArray[np.int64]
    time: NDArray[np.float64]
    score: NDArray[np.float64]


def online_scores(predictions: Predictions, rows: EvalIndex) -> OnlineScores:
    """Assign the scores of windows to the last frames of the windows.

    Args:
        predictions: scores of windows of a split, in any order.
        rows: the split.
    """
    last = predictions.start.cpu().numpy() + predictions.window - 1
    order = np.argsort(last, kind="stable")
    last, score = last[order], predictions.score.double().cpu().numpy()[order]
    return OnlineScores(rows.clip[last], rows.track[last], rows.frame[last] / rows.fps, score)


def causal_mean(
    clip: NDArray[np.int64],
    track: NDArray[np.int64],
    time: NDArray[np.float64],
    score: NDArray[np.float64],
    seconds: float,
) -> NDArray[np.float64]:
    """Average each score with those of the same person within the last seconds: smoothing without later scores.

    Args:
        clip: (N,) recording, ascending.
        track: (N,) person, ascending within a recording.
        time: (N,) seconds, ascending within a person.
        score: (N,) finite.
        seconds: length of the average, at least 0.

    Returns:
        (N,) means; the mean of equal scores is exactly that score.
    """
    mean, number = score.copy(), np.ones(len(score))
    for lag in range(1, len(score)):
        same = (clip[lag:] == clip[:-lag]) & (track[lag:] == track[:-lag])
        near = np.flatnonzero(same & (time[lag:] - time[:-lag] < seconds - TOLERANCE)) + lag
        if not len(near):
            break
        number[near] += 1
        mean[near] += (score[near - lag] - mean[near]) / number[near]
    return mean


def covering_mean(score: Tensor, start: Tensor, width: int, rows: int) -> Tensor:
    """Average, for each row, the scores of the windows that contain it.

    Args:
        score: (W,) float64 window scores, finite.
        start: (W,) int64 first row of each window, in any order.
        width: rows of a window.
        rows: N.

    Returns:
        (N,) float64; NaN for rows without a window.
    """
    by_start = score.new_full((rows + width - 1,), torch.nan)
    by_start[start + width - 1] = score
    return _running_mean(by_start.unfold(0, width, 1))  # a row is in the windows that start 0 .. width - 1 rows before


def window_mean(row_score: Tensor, start: Tensor, width: int) -> Tensor:
    """Average, for each window, the scores of its rows.

    Args:
        row_score: (N,) float64.
        start: (S,) int64 first row of each window.
        width: rows of a window.

    Returns:
        (S,) float64.
    """
    return _running_mean(row_score.unfold(0, width, 1))[start]


def _running_mean(values: Tensor) -> Tensor:
    """Average (N, T) over T without NaNs; the mean of equal values is exactly that value."""
    mean = values.new_zeros(len(values))
    count = torch.zeros_like(mean)
    for column in values.unbind(1):
        known = ~column.isnan()
        count += known
        mean = torch.where(known, mean + (column - mean) / count.clamp(min=1), mean)
    return torch.where(count > 0, mean, torch.nan)


@dataclass(frozen=True, eq=False)
class Frames:
    """Frames of the test split, sorted by (clip, frame).

    Attributes:
        clips: names of the clips.
        actions: names of the actions; empty if the manifest has none.
        clip: (F,) int64 index into `clips`.
        frame: (F,) int64 frame number at `data.fps`.
        label: (F,) int64, 1 = abnormal.
        action: (F,) int64 index into `actions`, -1 = none.
        empty: (F,) bool, the frame has no people.
    """

    clips: tuple[str, ...]
    actions: tuple[str, ...]
    clip: Tensor
    frame: Tensor
    label: Tensor
    action: Tensor
    empty: Tensor


@dataclass(frozen=True, eq=False)
class FrameScores(Frames):
    """Evaluated frames of the test split with their scores, on the device of the predictions.

    Attributes:
        score: (F,) float64, the primary score, which a camera would give; NaN where it does not exist (online: before
            the first full window).
        variant: (F,) float64, the second score, which knows later frames; NaN where only a held primary score exists.
        smoothed: (F,) float64, the primary score of each person averaged over the last `SMOOTH_SECONDS`, NaN as
            `score`.
        counts: numbers of evaluated and left out frames of the whole test split.
    """

    score: Tensor
    variant: Tensor
    smoothed: Tensor
    counts: Counts

    def select(self, keep: Tensor) -> "FrameScores":
        """Select frames by an (F,) bool mask."""
        columns = ("clip", "frame", "label", "action", "empty", "score", "variant", "smoothed")
        return replace(self, **{name: getattr(self, name)[keep] for name in columns})


def frame_scores(predictions: Predictions, rows: EvalIndex) -> FrameScores:
    """Score the frames of the test split.

    The primary score of a row uses no later frame: that of the window that ends with it (sequence models, online),
    or of the row itself. The variant of a sequence model is the mean over the windows that contain the row. The variant
    of a frame model is the control that gives it T frames of context: a window's score is the mean over its rows, a
    row's the mean over the windows that contain it.

    The primary score of a frame is the highest of the last scores of all people, each at most `HOLD_SECONDS` old, so
    that the break of a track is no gap; the variant is the highest of the people in the frame. Without either, a frame
    without people has the lowest score of the split.

    Args:
        predictions: one score for each window of `rows`.
        rows: the test split.

    Returns:
        All frames of the clips' spans except those without any score.

    Raises:
        UserError: no window at all, too large frame numbers, NaN or infinite scores (names the clips).
        ValueError: predictions for other windows than those of `rows`.
    """
    device = torch.device("cpu") if predictions.score.device.type == "mps" else predictions.score.device  # no float64
    predictions = replace(
        predictions, start=predictions.start.to(device), score=predictions.score.to(device, torch.float64)
    )
    starts = torch.tensor(rows.starts, device=device)
    if not len(starts):
        raise UserError(
            f"nothing to evaluate: no person is seen for {rows.seq_len} successive frames in any of the "
            f"{len(rows.recordings)} test clips"
        )
    frames, frame_of_row = _list_frames(rows, device)
    _check_windows(predictions, starts, rows)
    _check_finite(predictions, rows)
    row_scores = _row_scores(predictions, starts, rows)
    age = _hold(row_scores[0], frame_of_row, rows)
    columns = [
        _highest_per_frame(values, frame_of_row, len(frames.clip), held)
        for values, held in zip(row_scores, (age, None, age), strict=True)
    ]
    at, clip, label = (column.cpu().numpy() for column in (frame_of_row, frames.clip, frames.label))
    counts = count(rows, at, clip, label, row_scores[:2], (~columns[0].isnan()).cpu().numpy(), predictions.window)
    score, variant, smoothed = (
        torch.where(frames.empty & column.isnan(), column[~column.isnan()].min(), column) for column in columns
    )
    table = FrameScores(**vars(frames), score=score, variant=variant, smoothed=smoothed, counts=counts)
    return table.select(~variant.isnan() | ~score.isnan())


def _hold(row_score: Tensor, frame_of_row: Tensor, rows: EvalIndex) -> Tensor:
    """Number of later frames for which the score of each row is its person's last one, (N,) int64."""
    known = (~row_score.isnan()).cpu().numpy()
    at = np.flatnonzero(known)
    clip, track, frame = rows.clip[at], rows.track[at], rows.frame[at]
    stop = np.array(rows.spans)[clip, 1]
    same = np.append((np.diff(clip) == 0) & (np.diff(track) == 0), False)
    following = np.where(same, np.append(frame[1:], 0), stop)
    longest = math.floor(HOLD_SECONDS * rows.fps + TOLERANCE)
    held = np.zeros(len(known), np.int64)
    held[at] = np.clip(following - frame - 1, 0, longest)
    return torch.from_numpy(held).to(frame_of_row.device)


def _row_scores(predictions: Predictions, starts: Tensor, rows: EvalIndex) -> tuple[Tensor, Tensor, Tensor]:
    """Compute the primary score of each row, the variant and the smoothed score, (N,) float64, NaN where missing."""
    score, width, number = predictions.score, predictions.window, len(rows.clip)
    primary = score.new_full((number,), torch.nan)
    primary[predictions.start + width - 1] = score
    if width == 1:
        variant = covering_mean(window_mean(primary, starts, rows.seq_len), starts, rows.seq_len, number)
    else:
        variant = covering_mean(score, predictions.start, width, number)
    smoothed = torch.full_like(primary, torch.nan)
    known = (~primary.isnan()).nonzero()[:, 0]
    at = known.cpu().numpy()
    persons = rows.clip[at], rows.track[at], rows.frame[at] / rows.fps
    mean = causal_mean(*persons, primary[known].cpu().numpy(), SMOOTH_SECONDS)
    smoothed[known] = torch.from_numpy(mean).to(primary.device)
    return primary, variant, smoothed


def _highest_per_frame(row_score: Tensor, frame_of_row: Tensor, frames: int, held: Tensor | None) -> Tensor:
    """Take the highest score of each frame's rows.

    Args:
        row_score: (N,) float64, NaN for rows without a score.
        frame_of_row: (N,) int64 index of each row's frame.
        frames: F.
        held: (N,) int64 later frames for which a row's score stands, too; None for none.

    Returns:
        (F,) float64; NaN for frames without a score.
    """
    known = ~row_score.isnan()
    score, frame = row_score[known], frame_of_row[known]
    if held is not None:
        times = held[known] + 1
        since = torch.arange(int(times.sum()), device=times.device) - (times.cumsum(0) - times).repeat_interleave(times)
        score, frame = score.repeat_interleave(times), frame.repeat_interleave(times) + since
    highest = row_score.new_full((frames,), -torch.inf)
    highest.scatter_reduce_(0, frame, score, "amax")
    return torch.where(highest.isinf(), torch.nan, highest)


def _check_windows(predictions: Predictions, starts: Tensor, rows: EvalIndex) -> None:
    """Check that the predictions are for the windows of the test split."""
    start, score, window = predictions.start, predictions.score, predictions.window
    if window not in (1, rows.seq_len) or start.shape != score.shape or start.ndim != 1:
        raise ValueError(
            f"windows of {window} rows with starts {tuple(start.shape)} and scores {tuple(score.shape)}; "
            f"expected: 1 or {rows.seq_len} rows, and (W,) of both"
        )
    expected = starts.sort().values
    if window == 1:
        zeros = torch.zeros_like(starts, dtype=torch.float64)
        expected = (~covering_mean(zeros, starts, rows.seq_len, len(rows.clip)).isnan()).nonzero()[:, 0]
    found = torch.unique(start)  # a distributed sampler may repeat windows, which changes no score
    if not torch.equal(found, expected):
        raise ValueError(f"scores of {len(found)} windows; the test split has {len(expected)}")


def _check_finite(predictions: Predictions, rows: EvalIndex) -> None:
    bad = ~predictions.score.isfinite()
    if bad.any():
        clips = np.unique(rows.clip[predictions.start[bad].cpu().numpy()])
        names = [rows.recordings[index].clip for index in clips.tolist()]
        raise UserError(
            f"{int(bad.sum())} of {len(bad)} test scores are NaN or infinite, in clip {list_names(names)}; "
            "the model has diverged or its checkpoint is damaged"
        )


def _list_frames(rows: EvalIndex, device: torch.device) -> tuple[Frames, Tensor]:
    """List every frame of every clip's span, and the index of each row's frame, (N,) int64."""
    lengths = np.array([stop - first for first, stop in rows.spans], np.int64)
    if lengths.sum() > MAX_FRAMES:
        longest = rows.recordings[int(lengths.argmax())].clip
        raise UserError(
            f"the test clips span {lengths.sum()} frames ({longest} alone {lengths.max()}); allowed: up to "
            f"{MAX_FRAMES}; are its frame numbers right?"
        )
    frame = np.concatenate([np.arange(first, stop) for first, stop in rows.spans])
    frame_of_row = (np.cumsum(lengths) - lengths)[rows.clip] + rows.frame - np.array(rows.spans)[rows.clip, 0]
    actions = tuple(dict.fromkeys(name for recording in rows.recordings for name, _ in recording.actions))
    label, action = np.empty(len(frame), np.int64), np.full(len(frame), -1, np.int64)
    for recording, part in zip(rows.recordings, np.split(np.arange(len(frame)), np.cumsum(lengths)[:-1]), strict=True):
        label[part] = recording.labels(frame[part])
        names = recording.action_names(frame[part])
        for index, name in enumerate(actions):
            action[part[names == name]] = index
    clip = np.repeat(np.arange(len(lengths)), lengths)
    empty = np.bincount(frame_of_row, minlength=len(frame)) == 0
    clips = tuple(recording.clip for recording in rows.recordings)
    *columns, frame_of_row = (torch.from_numpy(c).to(device) for c in (clip, frame, label, action, empty, frame_of_row))
    return Frames(clips, actions, *columns), frame_of_row
