"""Scores over the frames, with abnormal spans shaded (the paper's figure 9)."""

from dataclasses import dataclass

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from numpy.typing import NDArray

from skelmap.evaluation.frame_scores import FrameScores
from skelmap.evaluation.metrics import Floats, Labels
from skelmap.evaluation.plots.style import ABNORMAL, GREY, INK, STYLE, new_figure, short

MAX_SEGMENT = 2400
"""Longest segment, frames; longer clips are split into equal segments."""
MAX_LINE = 2600
"""Most frames in a line of the figure."""
MAX_LINES = 6
CHARACTERS = 165
"""Characters that fit in a line of the figure."""
PALE = "#a9b2bc"


@dataclass(frozen=True, eq=False)
class TimelineSegment:
    """A part of a clip that is drawn without a break.

    Attributes:
        index: (K,) int64 index of its evaluated frames in the table of frames.
        x: (K,) int64 position from the start of the segment, 0 .. length - 1, with gaps for frames left out.
        length: frames, including the gaps.
        continued: the segment does not start its clip.
    """

    index: NDArray[np.int64]
    x: NDArray[np.int64]
    length: int
    continued: bool


def split_clips(clip: Labels, frame: Labels) -> list[TimelineSegment]:
    """Split clips into segments of at most MAX_SEGMENT frames.

    Args:
        clip: (F,) clip of each frame, sorted.
        frame: (F,) frame number, ascending within a clip.
    """
    segments = []
    for begin, end in find_spans(np.ones(len(clip), np.bool_), clip):
        x = frame[begin:end] - frame[begin]
        total = int(x[-1]) + 1
        length = -(-total // -(-total // MAX_SEGMENT))  # equal segments, rounded up
        for left in range(0, total, length):
            inside = np.flatnonzero((x >= left) & (x < left + length))
            if len(inside):
                segments.append(TimelineSegment(begin + inside, x[inside] - left, min(length, total - left), left > 0))
    return segments


def select_segments(segments: list[TimelineSegment], label: Labels) -> tuple[list[TimelineSegment], str]:
    """Select as many segments as fit the figure, evenly spread over those with both classes, or over all.

    Args:
        segments: of all clips.
        label: (F,) 1 = abnormal.

    Returns:
        The segments, in their order, and a description of the selection, empty if all are selected.
    """
    if len(arrange_lines(segments)) <= MAX_LINES:
        return segments, ""
    share = np.array([label[segment.index].mean() for segment in segments])
    mixed = np.flatnonzero((share > 0) & (share < 1))
    # without mixed segments, evenly over normal ones, then abnormal ones, so that both appear in their proportion
    candidates = mixed if len(mixed) else np.argsort(share, kind="stable")
    for count in range(min(len(candidates), MAX_LINES * MAX_LINE), 0, -1):
        at = np.linspace(0, len(candidates) - 1, count).round().astype(int)
        selected = [segments[index] for index in np.sort(candidates[at])]
        if len(arrange_lines(selected)) <= MAX_LINES:
            break
    return selected, "clips with normal and abnormal frames" if len(mixed) else "evenly spread"


def arrange_lines(segments: list[TimelineSegment]) -> list[list[TimelineSegment]]:
    """Arrange segments end to end in lines of at most MAX_LINE frames."""
    lines: list[list[TimelineSegment]] = [[]]
    length = 0
    for segment in segments:
        if lines[-1] and length + segment.length > MAX_LINE:
            lines.append([])
            length = 0
        lines[-1].append(segment)
        length += segment.length
    return lines


def find_spans(mask: NDArray[np.bool_], value: Labels) -> list[tuple[int, int]]:
    """Find the half-open index spans in which the mask is true and the value constant."""
    if not mask.any():
        return []
    key = np.where(mask, value, value.min() - 1)
    edges = np.flatnonzero(np.diff(key)) + 1
    begin, end = np.append(0, edges), np.append(edges, len(mask))
    keep = mask[begin]
    return list(zip(begin[keep].tolist(), end[keep].tolist(), strict=True))


@mpl.rc_context(STYLE)
def score_timeline(frames: FrameScores, averaged: bool = False) -> Figure:
    """Draw the score over the frames, clips end to end, abnormal spans shaded, with names of clips and actions.

    Of a test split too long for the figure some segments are drawn, and the figure states which. Frames without people
    and frames left out are gaps.

    Args:
        frames: the evaluated frames.
        averaged: also draw the variant, over a paler primary score: the averaged score of a frame model.
    """
    label = frames.label.cpu().numpy()
    selected, selection = select_segments(split_clips(frames.clip.cpu().numpy(), frames.frame.cpu().numpy()), label)
    lines = arrange_lines(selected)
    shown = np.concatenate([segment.index for segment in selected])
    empty = frames.empty.cpu().numpy()
    score, variant = (np.where(empty, np.nan, values.cpu().numpy()) for values in (frames.score, frames.variant))
    curves = [(score, PALE, 0.5), (variant, INK, 1.1)] if averaged else [(score, INK, 0.9)]

    figure = new_figure(10, 0.8 + 1.3 * len(lines))
    width = max(sum(segment.length for segment in line) for line in lines)
    limits = _limits(score[shown])
    panels = figure.subplots(len(lines), 1, squeeze=False)[:, 0]
    for axes, line in zip(panels, lines, strict=True):
        axes.set(xlim=(0, width), ylim=limits)
        axes.tick_params(labelbottom=axes is panels[-1])
        offset = 0
        for segment in line:
            _draw_segment(axes, segment, offset, label, curves)
            _draw_names(axes, segment, offset, frames, CHARACTERS / width)
            offset += segment.length
    note = f": {len(shown):,} of {len(label):,}, {selection}" if selection else ""
    panels[-1].set_xlabel(f"frames, clips end to end{note}")
    figure.supylabel("score", fontsize=9)
    _legend(figure, averaged)
    return figure


def _draw_segment(
    axes: Axes, segment: TimelineSegment, offset: int, label: Labels, curves: list[tuple[Floats, str, float]]
) -> None:
    """Draw the curves of a segment and shade its abnormal spans."""
    for begin, end in find_spans(label[segment.index] == 1, label[segment.index]):
        x = segment.x[[begin, end - 1]] + offset
        axes.axvspan(x[0], x[1] + 1, color=ABNORMAL, alpha=0.18, linewidth=0)
    gaps = np.flatnonzero(np.diff(segment.x) > 1) + 1
    for values, colour, width in curves:
        x = np.insert(segment.x + offset + 0.5, gaps, np.nan)
        axes.plot(x, np.insert(values[segment.index], gaps, np.nan), color=colour, linewidth=width)
    if offset:
        axes.axvline(offset, color=GREY, linewidth=0.8)


def _draw_names(axes: Axes, segment: TimelineSegment, offset: int, frames: FrameScores, per_frame: float) -> None:
    """Write the clip's name and, under it, its actions; `per_frame` characters fit in the width of a frame."""
    clip = frames.clips[int(frames.clip[segment.index[0]])]
    if segment.continued:
        clip += f", from frame {int(frames.frame[segment.index[0]])}"
    transform = axes.get_xaxis_transform()
    fits = int(segment.length * per_frame * 0.8)
    if fits >= 6:
        y = 1.17 if frames.actions else 1.02
        axes.text(offset, y, short(clip, fits), transform=transform, fontsize=7.5, fontweight="bold", va="bottom")
    action = frames.action.cpu().numpy()[segment.index]
    for begin, end in find_spans(action >= 0, action):
        first, last = segment.x[begin] + offset, segment.x[end - 1] + offset
        axes.plot([first + 3, last - 2], [1.03, 1.03], color=GREY, linewidth=1.2, transform=transform, clip_on=False)
        fits = int((last - first) * per_frame)
        if fits >= 3:
            name, x = short(frames.actions[action[begin]], fits), (first + last) / 2
            axes.text(x, 1.05, name, transform=transform, fontsize=6.5, color=GREY, ha="center", va="bottom")


def _limits(score: Floats) -> tuple[float, float]:
    """Choose the range of the y axis, without the highest 0.05 % of the scores."""
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
