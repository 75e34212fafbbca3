"""Figure of a stress test: AUROC and share of the frames judged, under each damage."""

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from skelmap.evaluation.plots.style import GREY, INK, STYLE, new_figure


@mpl.rc_context(STYLE)
def draw_stress(results: Sequence[tuple[str, float | None, float]]) -> Figure:
    """Draw horizontal bars.

    Args:
        results: name of the damage, AUROC in [0, 1] or None, share of the frames that were judged, 0..1.
    """
    figure = new_figure(8, 0.9 + 0.34 * len(results))
    left, right = figure.subplots(1, 2, sharey=True)
    rows = np.arange(len(results))
    aurocs = [np.nan if auroc is None else auroc for _, auroc, _ in results]
    left.barh(rows, aurocs, color=INK, height=0.6)
    left.axvline(0.5, color=GREY, linewidth=0.8, linestyle=(0, (4, 3)))
    right.barh(rows, [100 * share for _, _, share in results], color=GREY, height=0.6)
    left.set(xlim=(0, 1), xlabel="AUROC", yticks=rows, yticklabels=[name for name, _, _ in results])
    left.set_ylim(len(results) - 0.5, -0.5)
    right.set(xlim=(0, 100), xlabel="frames judged, %")
    for axes in (left, right):
        axes.tick_params(axis="y", length=0)
    return figure
