"""The score over the frames, with the abnormal spans shaded (the paper's figure 9)."""

from dataclasses import dataclass

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from skelmap.evaluation.figures.style import ABNORMAL, FAINT, GREY, INK, STYLE, new_figure, short
from skelmap.evaluation.frames import FrameScores

PIECE = 2400  # frames of one clip that are drawn without a break
ROW = 2600  # frames laid end to end in a row
ROWS = 6


@dataclass(frozen=True, eq=False)
class _Piece:
    """Successive judged frames of one clip: indices into the table, and x positions from 0."""

    index: NDArray[np.int64]
    x: NDArray[np.int64]
    length: int


@dataclass(frozen=True, eq=False)
class _Table:
    """The columns that are drawn, in NumPy."""

    clip: NDArray[np.int64]
    frame: NDArray[np.int64]
    label: NDArray[np.int64]
    work: NDArray[np.int64]
    nobody: NDArray[np.bool_]
    score: NDArray[np.float64]
    averaged: NDArray[np.float64] | None

    @classmethod
    def build(cls, frames: FrameScores, averaged: bool) -> "_Table":
        columns = (frames.clip, frames.frame, frames.label, frames.work, frames.nobody, frames.score, frames.variant)
        *drawn, variant = (column.cpu().numpy() for column in columns)
        return cls(*drawn, averaged=variant if averaged else None)


@mpl.rc_context(STYLE)
def score_timeline(frames: FrameScores, averaged: bool = False) -> Figure:
    """Draw the score over the frames, clips laid end to end, abnormal spans shaded.

    Where a test split is too long to be read, some clips are drawn, evenly spread over those that have both normal
    and abnormal frames (or else over all), and the title says so.

    Args:
        frames: the judged frames.
        averaged: also draw the variant, over a paler primary score: the T-averaged score of a frame model.
    """
    table = _Table.build(frames, averaged)
    pieces = _pieces(table)
    lines = _lines(_chosen(table, pieces))
    shown = sum(len(line) for line in lines)
    figure = new_figure(10, 0.45 + 1.45 * len(lines))
    widest = max(sum(p.length for p in line) for line in lines)
    every = np.concatenate([p.index for line in lines for p in line])
    low, high = table.score[every].min(), np.quantile(table.score[every], 0.9995)
    margin = 0.05 * (high - low) or 0.5
    axes_of_rows = figure.subplots(len(lines), 1, squeeze=False)[:, 0]
    for axes, line in zip(axes_of_rows, lines, strict=True):
        _draw_line(axes, line, table, frames.clips, frames.works)
        axes.set(xlim=(0, widest), ylim=(low - margin, high + margin))
    axes_of_rows[-1].set_xlabel(
        "frames, clips end to end"
        + ("" if shown == len(pieces) else f" ({len(every):,} of {len(table.frame):,} frames, evenly spread)")
    )
    figure.supylabel("score", fontsize=9)
    return figure


def _pieces(table: _Table) -> list[_Piece]:
    """Cut the clips into pieces that fit a row."""
    pieces = []
    for clip in np.unique(table.clip):
        index = np.flatnonzero(table.clip == clip)
        frame = table.frame[index] - table.frame[index[0]]
        count = int(np.ceil((frame[-1] + 1) / PIECE))
        length = -(-(frame[-1] + 1) // count)
        for k in range(count):
            inside = (frame >= k * length) & (frame < (k + 1) * length)
            if inside.any():
                x = frame[inside] - k * length
                pieces.append(_Piece(index[inside], x, int(min(length, frame[-1] + 1 - k * length))))
    return pieces


def _chosen(table: _Table, pieces: list[_Piece]) -> list[_Piece]:
    """Keep what fits: evenly spread, from the pieces with both classes where there are such."""
    if len(_lines(pieces)) <= ROWS:
        return pieces
    mixed = [p for p in pieces if 0 < table.label[p.index].mean() < 1]
    candidates = mixed or pieces
    for count in range(len(candidates), 0, -1):
        at = np.unique(np.linspace(0, len(candidates) - 1, count).round().astype(int))
        chosen = [candidates[i] for i in at]
        if len(_lines(chosen)) <= ROWS:
            break
    return chosen


def _lines(pieces: list[_Piece]) -> list[list[_Piece]]:
    """Lay pieces end to end in rows."""
    lines: list[list[_Piece]] = [[]]
    for piece in pieces:
        if lines[-1] and sum(p.length for p in lines[-1]) + piece.length > ROW:
            lines.append([])
        lines[-1].append(piece)
    return lines


def _draw_line(axes: Axes, line: list[_Piece], table: _Table, clips: tuple[str, ...], works: tuple[str, ...]) -> None:
    offset = 0
    for piece in line:
        x, index = piece.x + offset, piece.index
        for first, stop in _runs(table.label[index] == 1, x):
            axes.axvspan(first, stop, color=ABNORMAL, alpha=0.18, linewidth=0)
        there = np.where(table.nobody[index], np.nan, table.score[index])
        pale = table.averaged is not None
        axes.plot(*_broken(x, there), color=FAINT if pale else INK, linewidth=0.6 if pale else 0.8)
        if table.averaged is not None:
            axes.plot(
                *_broken(x, np.where(table.nobody[index], np.nan, table.averaged[index])), color=INK, linewidth=0.9
            )
        for code in np.unique(table.work[index][table.work[index] >= 0]):
            for first, stop in _runs(table.work[index] == code, x):
                _name_work(axes, first, stop, works[code])
        above = 1.13 if works else 1.02
        axes.text(
            offset + 4,
            above,
            short(clips[table.clip[index[0]]], max(piece.length // 22, 4)),
            transform=axes.get_xaxis_transform(),
            fontsize=7.5,
            fontweight="bold",
            va="bottom",
        )
        if offset:
            axes.axvline(offset, color=GREY, linewidth=0.8)
        offset += piece.length


def _name_work(axes: Axes, first: float, stop: float, name: str) -> None:
    """Write a work's name over its frames, with a line as long as it lasts."""
    where = axes.get_xaxis_transform()
    axes.plot([first + 3, stop - 3], [1.02, 1.02], color=GREY, linewidth=1.2, transform=where, clip_on=False)
    room = int((stop - first) / 17)  # characters of this size in so many frames
    if room >= 3:
        axes.text((first + stop) / 2, 1.035, short(name, room), transform=where, fontsize=6.5, color=GREY, ha="center")


def _runs(mask: NDArray[np.bool_], x: NDArray[np.int64]) -> list[tuple[float, float]]:
    """Half-open runs of x where the mask holds, without break in x."""
    at = x[mask]
    if not len(at):
        return []
    breaks = np.flatnonzero(np.diff(at) > 1)
    return list(zip(at[np.append(0, breaks + 1)], at[np.append(breaks, len(at) - 1)] + 1, strict=True))


def _broken(x: NDArray[np.int64], y: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Break a line where frames are missing."""
    gaps = np.flatnonzero(np.diff(x) > 1) + 1
    return np.insert(x.astype(float), gaps, np.nan), np.insert(y, gaps, np.nan)
