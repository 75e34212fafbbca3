"""ROC curves, precision-recall curves and histograms of scores."""

from collections.abc import Iterator, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from skelmap.evaluation.evaluate import ScoreResult
from skelmap.evaluation.metrics import Curve, Floats, Labels
from skelmap.evaluation.plots.style import ABNORMAL, GREY, INK, NORMAL, STYLE, new_figure, short, unit_axes

LINES: tuple[dict[str, Any], ...] = (
    {"color": INK, "linewidth": 1.8, "zorder": 3},
    {"color": ABNORMAL, "linewidth": 1.4},
)
"""Style of the primary score and of its variant."""


@mpl.rc_context(STYLE)
def roc(scores: Sequence[ScoreResult]) -> Figure:
    """Draw ROC curves, with AUROC and interval in the legend (the paper's figure 8).

    Args:
        scores: up to two; those without a curve are left out.
    """
    figure = new_figure(4.6, 4.6)
    axes = figure.add_subplot()
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=0.8, linestyle=(0, (4, 3)))
    below_chance = False
    for score, curve, line in _curves(scores):
        axes.plot(*curve.roc, label=f"{short(score.title, 34)}\n{_auroc_text(score)}", **line)
        below_chance |= score is scores[0] and (score.auroc.value or 0) < 0.5
    unit_axes(axes, "false positive rate", "true positive rate")
    axes.legend(
        loc="upper left" if below_chance else "lower right",
        labelspacing=0.7,
        frameon=True,
        framealpha=0.85,
        edgecolor="none",
    )
    return figure


@mpl.rc_context(STYLE)
def precision_recall(scores: Sequence[ScoreResult]) -> Figure:
    """Draw precision over recall, with the share of abnormal frames as the baseline of chance.

    Args:
        scores: up to two; those without a curve are left out.
    """
    figure = new_figure(4.6, 4.6)
    axes = figure.add_subplot()
    for score, curve, line in _curves(scores):
        precision, recall = curve.precision_recall
        label = f"{short(score.title, 34)}\nAP {score.average_precision:.3f}"
        axes.step(recall, precision, where="pre", label=label, **line)  # without interpolation between thresholds
    rate = scores[0].base_rate
    axes.axhline(rate, color=GREY, linewidth=0.8, linestyle=(0, (4, 3)), label=f"chance {rate:.3f}")
    unit_axes(axes, "recall", "precision")
    axes.legend(loc="best", labelspacing=0.7, frameon=True, framealpha=0.85, edgecolor="none")
    return figure


@mpl.rc_context(STYLE)
def score_histogram(score: Floats, label: Labels) -> Figure:
    """Draw histograms of the scores of normal and abnormal frames.

    Args:
        score: (F,) finite; the outermost 0.2 % are counted in the first and last bin.
        label: (F,) 1 = abnormal.
    """
    figure = new_figure(4.6, 4.6)
    axes = figure.add_subplot()
    low, high = np.quantile(score, [0.001, 0.999])
    edges = np.linspace(low, high if high > low else low + 1, 61)
    clipped = score.clip(edges[0], edges[-1])
    for value, name, colour in ((0, "normal", NORMAL), (1, "abnormal", ABNORMAL)):
        of_class = clipped[label == value]
        if not len(of_class):
            continue
        share = np.histogram(of_class, edges)[0] / len(of_class) * 100
        axes.stairs(share, edges, fill=True, color=colour, alpha=0.25)
        axes.stairs(share, edges, color=colour, linewidth=1.4, label=f"{name} ({len(of_class):,} frames)")
    axes.set(xlabel="score", ylabel="share of frames, %", xlim=(edges[0], edges[-1]), ylim=(0, None))
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, handlelength=1.3)
    return figure


def _curves(scores: Sequence[ScoreResult]) -> Iterator[tuple[ScoreResult, Curve, dict[str, Any]]]:
    """Iterate over the scores with a curve, and the line style of each."""
    for score, line in zip(scores, LINES, strict=False):
        if score.curve is not None:
            yield score, score.curve, line


def _auroc_text(score: ScoreResult) -> str:
    low, high, _ = score.auroc.interval
    text = f"AUROC {score.auroc.value:.3f}"
    return text if low is None else f"{text}  [{low:.3f}, {high:.3f}]"
