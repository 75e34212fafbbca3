"""Frame scores: from window scores to the table of judged frames."""

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from skelmap.utils.errors import UserError

if TYPE_CHECKING:  # at run time this would load Lightning
    from skelmap.data.windows import EvalIndex


@dataclass(frozen=True, eq=False)
class Predictions:
    """A model's scores of the test windows, in any order.

    Attributes:
        start: (W,) int64 first row of each window. For `window = seq_len` these are the `starts` of the test
            rows (`skelmap.data.JudgedRows`), for `window = 1` the rows that these windows cover.
        score: (W,) floating, higher = more abnormal, any finite values.
        latent: (W, J) mu of each window, or None where a model has no latents.
        window: rows a window holds: T for a sequence model, 1 for a frame model.
    """

    start: Tensor
    score: Tensor
    latent: Tensor | None
    window: int


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


MAX_FRAMES = 50_000_000
"""More frames than this in a test split (19 days at 30 fps) are taken for wrong frame numbers."""


@dataclass(frozen=True)
class Counts:
    """What was judged and what was left out.

    Attributes:
        frames: judged frames, those with nobody included.
        abnormal: judged frames with label 1.
        nobody: judged frames with nobody in them; they have the lowest score.
        left_out: frames whose people are all in runs too short for a window; they count for no metric.
        left_out_abnormal: those of them with label 1: what the AUROC says nothing about.
        rows_left_out: rows (people in frames) in runs too short for a window.
        clips: clips with judged frames.
        clips_left_out: clips with people but without any window of `seq_len` rows.
        windows: windows of `seq_len` rows.
    """

    frames: int
    abnormal: int
    nobody: int
    left_out: int
    left_out_abnormal: int
    rows_left_out: int
    clips: int
    clips_left_out: int
    windows: int

    def as_dict(self) -> dict[str, int]:
        """Return the counts by name."""
        return asdict(self)


@dataclass(frozen=True, eq=False)
class FrameScores:
    """The F judged frames of a test split, sorted by (clip, frame), on the device of the predictions.

    Attributes:
        clips: names of the clips.
        fps: frames a second of each clip.
        works: names of the works; empty where the manifest names none.
        clip: (F,) int64 index into `clips`.
        frame: (F,) int64 frame number.
        label: (F,) int64, 1 = abnormal.
        work: (F,) int64 index into `works`, -1 = none.
        nobody: (F,) bool, nobody was found in the frame.
        score: (F,) float64, the primary score.
        variant: (F,) float64, the score of the other kind; NaN where it does not exist (online: before the first
            window is full).
        counts: what was judged and left out.
    """

    clips: tuple[str, ...]
    fps: tuple[float, ...]
    works: tuple[str, ...]
    clip: Tensor
    frame: Tensor
    label: Tensor
    work: Tensor
    nobody: Tensor
    score: Tensor
    variant: Tensor
    counts: Counts

    def select(self, keep: Tensor) -> "FrameScores":
        """Select frames by a (F,) bool mask; the counts stay those of the whole."""
        columns = ("clip", "frame", "label", "work", "nobody", "score", "variant")
        return replace(self, **{name: getattr(self, name)[keep] for name in columns})


def frame_scores(predictions: Predictions, rows: "EvalIndex") -> FrameScores:
    """Score every frame of the test split.

    A row's score is the mean over the windows that cover it, a frame's the highest over its people. The variant of a
    frame model (`window = 1`) is averaged over T: a window's score is the mean of its rows' scores, and a row's again
    the mean over the windows that cover it. The variant of a window model is online: a window's score belongs to
    its last frame. Frames with nobody have the lowest score of the split.

    Args:
        predictions: a model's scores, one for every window that `rows` asks for.
        rows: the test split.

    Returns:
        The judged frames.

    Raises:
        UserError: no window at all, absurd frame numbers, NaN or infinite scores (naming the clips).
        ValueError: windows missing from the predictions, or not asked for.
    """
    device = torch.device("cpu") if predictions.score.device.type == "mps" else predictions.score.device  # no float64
    start, score = predictions.start.to(device), predictions.score.to(device, torch.float64)
    starts, clip = torch.tensor(rows.starts, device=device), torch.tensor(rows.clip, device=device)
    if not len(starts):
        raise UserError(
            f"nothing to judge: no person is seen for {rows.shortest} frames in a row in any of the "
            f"{len(rows.recordings)} test clips"
        )
    grid = _Grid.build(rows, device)
    t, step, nothing = rows.seq_len, rows.frame_step, torch.zeros_like(starts, dtype=torch.float64)
    covered = ~covering_mean(nothing, starts, t, len(clip), step).isnan()
    _check(predictions.window, start, score, starts, covered, clip, rows)

    row_score = covering_mean(score, start, predictions.window, len(clip), step)
    if predictions.window == 1:
        row_variant = covering_mean(window_mean(row_score, starts, t, step), starts, t, len(clip), step)
    else:
        row_variant = last_row(score, start, predictions.window, len(clip), step)

    score, variant = (grid.highest(values) for values in (row_score, row_variant))
    counts = _counts(rows, grid, score, clip, covered)
    table = FrameScores(
        clips=tuple(r.clip for r in rows.recordings),
        fps=rows.fps,
        works=grid.works,
        clip=grid.clip,
        frame=grid.frame,
        label=grid.label,
        work=grid.work,
        nobody=grid.nobody,
        score=score,
        variant=variant,
        counts=counts,
    )
    return table.select(~score.isnan())


def _check(
    window: int, start: Tensor, score: Tensor, starts: Tensor, covered: Tensor, clip: Tensor, rows: "EvalIndex"
) -> None:
    if window not in (1, rows.seq_len) or start.shape != score.shape or start.ndim != 1:
        raise ValueError(
            f"windows of {window} rows with starts {tuple(start.shape)} and scores {tuple(score.shape)}; "
            f"1 or {rows.seq_len} rows and (W,) of both are expected"
        )
    asked = covered.nonzero()[:, 0] if window == 1 else starts.sort().values
    # A set of windows: a distributed sampler may have asked for the same window twice, which changes nothing here.
    if not torch.equal(torch.unique(start), asked):
        raise ValueError(f"scores of {len(torch.unique(start))} windows, but the test split has {len(asked)} of them")
    bad = ~score.isfinite()
    if bad.any():
        names = [rows.recordings[i].clip for i in torch.unique(clip[start[bad]]).tolist()]
        more = f" and {len(names) - 5} more" if len(names) > 5 else ""
        raise UserError(
            f"{int(bad.sum())} of {len(score)} test scores are NaN or infinite, in clip {', '.join(names[:5])}{more}; "
            "the model has diverged or its checkpoint is damaged"
        )


def _counts(rows: "EvalIndex", grid: "_Grid", score: Tensor, clip: Tensor, covered: Tensor) -> Counts:
    judged = ~score.isnan()
    with_people, with_windows = torch.unique(clip), torch.unique(clip[covered])
    return Counts(
        frames=int(judged.sum()),
        abnormal=int(grid.label[judged].sum()),
        nobody=int(grid.nobody.sum()),
        left_out=int((~judged).sum()),
        left_out_abnormal=int(grid.label[~judged].sum()),
        rows_left_out=int((~covered).sum()),
        clips=len(torch.unique(grid.clip[judged])),
        clips_left_out=len(with_people) - len(with_windows),
        windows=len(rows.starts),
    )


@dataclass(frozen=True, eq=False)
class _Grid:
    """Every frame of every clip's span, G of them; `of_row` (N,) says in which frame a row lies."""

    works: tuple[str, ...]
    clip: Tensor
    frame: Tensor
    label: Tensor
    work: Tensor
    nobody: Tensor
    of_row: Tensor

    @classmethod
    def build(cls, rows: "EvalIndex", device: torch.device) -> "_Grid":
        lengths = np.array([stop - first for first, stop in rows.spans], np.int64)
        if lengths.sum() > MAX_FRAMES:
            longest = rows.recordings[int(lengths.argmax())].clip
            raise UserError(
                f"the test clips span {lengths.sum()} frames ({longest} alone {lengths.max()}); up to {MAX_FRAMES} are "
                "allowed: are its frame numbers right?"
            )
        frame = np.concatenate([np.arange(first, stop) for first, stop in rows.spans])
        of_row = (np.cumsum(lengths) - lengths)[rows.clip] + rows.frame - np.array(rows.spans)[rows.clip, 0]
        works = tuple(dict.fromkeys(name for r in rows.recordings for name, _ in r.actions))
        label, work = (np.empty(len(frame), np.int64) for _ in range(2))
        parts = np.split(np.arange(len(frame)), np.cumsum(lengths)[:-1])
        for recording, part in zip(rows.recordings, parts, strict=True):
            label[part] = recording.labels(frame[part])
            named = recording.action_names(frame[part])
            work[part] = -1
            for index, name in enumerate(works):
                work[part[named == name]] = index
        nobody = np.bincount(of_row, minlength=len(frame)) == 0
        clip = np.repeat(np.arange(len(lengths)), lengths)
        columns = (clip, frame, label, work, nobody, of_row)
        return cls(works, *(torch.from_numpy(column).to(device) for column in columns))

    def highest(self, row_score: Tensor) -> Tensor:
        """Score the frames: (G,), the lowest score where nobody is, NaN where there are only left out people."""
        score = highest_per_frame(row_score, self.of_row, len(self.frame))
        return torch.where(self.nobody, score[~score.isnan()].min(), score)
