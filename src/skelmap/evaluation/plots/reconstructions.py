"""Input and reconstruction of windows, frame by frame (the paper's figure 10)."""

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from skelmap.evaluation.examples import Examples
from skelmap.evaluation.plots.style import ABNORMAL, GREY, INK, NORMAL, STYLE, new_figure, short

FRAMES = 8
"""Largest number of frames drawn of a window."""


@mpl.rc_context(STYLE)
def reconstructions(examples: Examples) -> Figure:
    """Draw frames of each window above their reconstruction, one pair of strips for each channel of the maps.

    Normal windows are in the left column, abnormal ones in the right.
    """
    columns = [np.flatnonzero(examples.label == value) for value in (0, 1)]
    columns = [column for column in columns if len(column)]
    rows = max(len(column) for column in columns)
    figure = new_figure(5.2 * len(columns), 0.1 + (0.3 + 1.2 * len(examples.channels)) * rows)
    grid = figure.subplots(rows, len(columns), squeeze=False)
    for axes in grid.flat:
        axes.axis("off")
    for column, members in enumerate(columns):
        for row, k in enumerate(members):
            _draw_window(grid[row, column], examples, int(k))
    return figure


def _draw_window(axes: Axes, examples: Examples, k: int) -> None:
    t, channels, height, width = examples.input.shape[1:]
    frames = np.unique(np.linspace(0, t - 1, min(FRAMES, t)).round().astype(int))
    gap = max(round(width / 14), 1)
    maps = np.stack([examples.input[k, frames], examples.recon[k, frames]], axis=2, dtype=np.float64)
    strips = [_strip(maps[:, channel, kind], gap) for channel in range(channels) for kind in (0, 1)]
    spaced = [np.pad(strip, ((0, gap), (0, 0)), constant_values=np.nan) for strip in strips]
    axes.imshow(np.concatenate(spaced)[:-gap], cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    inputs = examples.channels if channels > 1 else ("input",)
    for i, name in enumerate(name for channel in inputs for name in (channel, "recon")):
        y = height * (i + 0.5) + gap * i
        axes.text(-gap, y, name, ha="right", va="center", fontsize=7, color=GREY, rotation=90)
    name, colour = ("abnormal", ABNORMAL) if examples.label[k] == 1 else ("normal", NORMAL)
    axes.set_title(name, color=colour, fontsize=8.5, pad=5)
    title = f"{short(examples.title[k], 46)}   score {examples.score[k]:.4g}"
    axes.set_title(title, loc="right", color=INK, fontsize=7.5, fontweight="normal", pad=5)


def _strip(maps: NDArray[np.float64], gap: int) -> NDArray[np.float64]:
    """Place (n, H, W) maps side by side, with white gaps (NaN)."""
    padded = np.pad(maps, ((0, 0), (0, 0), (0, gap)), constant_values=np.nan)
    return np.concatenate(list(padded), axis=1)[:, :-gap]
