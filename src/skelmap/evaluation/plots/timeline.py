"""The score over the frames, abnormal spans shaded (the paper's figure 9)."""

from dataclasses import dataclass

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from numpy.typing import NDArray

from skelmap.evaluation.frames import FrameScores
from skelmap.evaluation.metrics import Floats
from skelmap.evaluation.plots.style import ABNORMAL, GREY, INK, STYLE, new_figure, short

PIECE = 2400
"""Frames of one clip that are drawn without a break; longer clips are cut into equal pieces."""
ROW = 2600
"""Frames laid end to end in a row."""
ROWS = 6


@dataclass(frozen=True, eq=False)
class TimelineSegment:
    """Judged frames of one clip that lie beside one another.

    Attributes:
        index: (K,) int64 into the table of frames.
        x: (K,) int64 position from the left end of the piece, 0 .. length - 1; left out frames are gaps.
        length: frames with the gaps.
        continued: the piece does not begin its clip.
    """

    index: NDArray[np.int64]
    x: NDArray[np.int64]
    length: int
    continued: bool


def cut(clip: NDArray[np.int64], frame: NDArray[np.int64]) -> list[TimelineSegment]:
    """Cut clips into pieces of at most PIECE frames.

    Args:
        clip: (F,) clip of each frame, sorted.
        frame: (F,) frame number, rising within a clip.
    """
    pieces = []
    for begin, end in runs(np.ones(len(clip), np.bool_), clip):
        x = frame[begin:end] - frame[begin]
        total = int(x[-1]) + 1
        length = -(-total // -(-total // PIECE))  # equal pieces, rounded up
        for left in range(0, total, length):
            inside = np.flatnonzero((x >= left) & (x < left + length))
            if len(inside):
                pieces.append(TimelineSegment(begin + inside, x[inside] - left, min(length, total - left), left > 0))
    return pieces


def chosen(pieces: list[TimelineSegment], label: NDArray[np.int64]) -> tuple[list[TimelineSegment], str]:
    """Keep what fits a page: evenly spread, over the pieces with both classes if there are such.

    Args:
        pieces: of all clips.
        label: (F,) 1 = abnormal.

    Returns:
        The pieces, in their order, and in words which ones they are; no words for all of them.
    """
    if len(lines(pieces)) <= ROWS:
        return pieces, ""
    share = np.array([label[piece.index].mean() for piece in pieces])
    mixed = np.flatnonzero((share > 0) & (share < 1))
    # Without mixed pieces, spread over the normal ones, then the abnormal ones: both are drawn in their proportion.
    candidates = mixed if len(mixed) else np.argsort(share, kind="stable")
    for count in range(min(len(candidates), ROWS * ROW), 0, -1):
        at = np.linspace(0, len(candidates) - 1, count).round().astype(int)
        kept = [pieces[i] for i in np.sort(candidates[at])]
        if len(lines(kept)) <= ROWS:
            break
    return kept, "where normal and abnormal meet" if len(mixed) else "evenly spread"


def lines(pieces: list[TimelineSegment]) -> list[list[TimelineSegment]]:
    """Lay pieces end to end in rows of at most ROW frames."""
    rows: list[list[TimelineSegment]] = [[]]
    length = 0
    for piece in pieces:
        if rows[-1] and length + piece.length > ROW:
            rows.append([])
            length = 0
        rows[-1].append(piece)
        length += piece.length
    return rows


def runs(mask: NDArray[np.bool_], value: NDArray[np.int64]) -> list[tuple[int, int]]:
    """Find the half-open index runs where the mask holds and the value stays the same."""
    if not mask.any():
        return []
    key = np.where(mask, value, value.min() - 1)
    edges = np.flatnonzero(np.diff(key)) + 1
    begin, end = np.append(0, edges), np.append(edges, len(mask))
    keep = mask[begin]
    return list(zip(begin[keep].tolist(), end[keep].tolist(), strict=True))


PALE = "#a9b2bc"
ROOM = 165
"""Characters that find room in a row."""


@mpl.rc_context(STYLE)
def score_timeline(frames: FrameScores, averaged: bool = False) -> Figure:
    """Draw the score over the frames, clips laid end to end, abnormal spans shaded, works named.

    Where a test split is too long to be read, some pieces are drawn, evenly spread over those that have both normal
    and abnormal frames (or else over all), and the figure says so. Frames with nobody and left out frames are gaps.

    Args:
        frames: the judged frames.
        averaged: also draw the variant, over a paler primary score: the T-averaged score of a frame model.
    """
    label = frames.label.cpu().numpy()
    pieces = cut(frames.clip.cpu().numpy(), frames.frame.cpu().numpy())
    kept, which = chosen(pieces, label)
    rows = lines(kept)
    shown = np.concatenate([piece.index for row in rows for piece in row])
    nobody = frames.nobody.cpu().numpy()
    score, variant = (np.where(nobody, np.nan, s.cpu().numpy()) for s in (frames.score, frames.variant))
    curves = [(score, PALE, 0.5), (variant, INK, 1.1)] if averaged else [(score, INK, 0.9)]

    figure = new_figure(10, 0.8 + 1.3 * len(rows))
    width = max(sum(piece.length for piece in row) for row in rows)
    height = _limits(score[shown])
    panels = figure.subplots(len(rows), 1, squeeze=False)[:, 0]
    for axes, row in zip(panels, rows, strict=True):
        axes.set(xlim=(0, width), ylim=height)
        axes.tick_params(labelbottom=axes is panels[-1])
        offset = 0
        for piece in row:
            _draw(axes, piece, offset, label, curves)
            _name(axes, piece, offset, frames, ROOM / width)
            offset += piece.length
    drawn = f": {len(shown):,} of {len(label):,}, {which}" if which else ""
    panels[-1].set_xlabel(f"frames, clips end to end{drawn}")
    figure.supylabel("score", fontsize=9)
    _legend(figure, averaged)
    return figure


def _draw(
    axes: Axes, piece: TimelineSegment, offset: int, label: NDArray[np.int64], curves: list[tuple[Floats, str, float]]
) -> None:
    """Draw the curves of a piece over its shaded spans."""
    for begin, end in runs(label[piece.index] == 1, label[piece.index]):
        x = piece.x[[begin, end - 1]] + offset
        axes.axvspan(x[0], x[1] + 1, color=ABNORMAL, alpha=0.18, linewidth=0)
    gaps = np.flatnonzero(np.diff(piece.x) > 1) + 1
    for values, colour, width in curves:
        x = np.insert(piece.x + offset + 0.5, gaps, np.nan)
        axes.plot(x, np.insert(values[piece.index], gaps, np.nan), color=colour, linewidth=width)
    if offset:
        axes.axvline(offset, color=GREY, linewidth=0.8)


def _name(axes: Axes, piece: TimelineSegment, offset: int, frames: FrameScores, room: float) -> None:
    """Name the clip and, under it, its works; `room` characters fit over a frame."""
    clip = frames.clips[int(frames.clip[piece.index[0]])]
    if piece.continued:
        clip += f", from frame {int(frames.frame[piece.index[0]])}"
    where = axes.get_xaxis_transform()
    fits = int(piece.length * room * 0.8)
    if fits >= 6:
        above = 1.17 if frames.works else 1.02
        axes.text(offset, above, short(clip, fits), transform=where, fontsize=7.5, fontweight="bold", va="bottom")
    work = frames.work.cpu().numpy()[piece.index]
    for begin, end in runs(work >= 0, work):
        first, last = piece.x[begin] + offset, piece.x[end - 1] + offset
        axes.plot([first + 3, last - 2], [1.03, 1.03], color=GREY, linewidth=1.2, transform=where, clip_on=False)
        fits = int((last - first) * room)
        if fits >= 3:
            name = short(frames.works[work[begin]], fits)
            axes.text(
                (first + last) / 2, 1.05, name, transform=where, fontsize=6.5, color=GREY, ha="center", va="bottom"
            )


def _limits(score: Floats) -> tuple[float, float]:
    """Span nearly all scores: a single outlier must not flatten the rest."""
    known = score[~np.isnan(score)]
    low, high = (float(known.min()), float(np.quantile(known, 0.9995))) if len(known) else (0.0, 1.0)
    margin = 0.06 * (high - low) or 0.5
    return low - margin, high + margin


def _legend(figure: Figure, averaged: bool) -> None:
    handles: list[Line2D | Patch] = [
        Line2D([], [], color=INK, linewidth=1.1, label="score averaged over T" if averaged else "score"),
        Patch(color=ABNORMAL, alpha=0.18, linewidth=0, label="abnormal"),
    ]
    if averaged:
        handles.insert(1, Line2D([], [], color=PALE, linewidth=0.8, label="score of the single frame"))
    figure.legend(handles=handles, loc="outside upper right", ncols=3)
