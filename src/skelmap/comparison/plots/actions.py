"""AUROC of each work, by model."""

from collections.abc import Sequence
from statistics import mean

import matplotlib as mpl
from matplotlib.figure import Figure

from skelmap.comparison.groups import Group
from skelmap.comparison.plots.panels import MOST_PANELS, auroc_grid, colours, look, method_legend, new_panels
from skelmap.comparison.swept_keys import DATA, MODEL
from skelmap.evaluation.plots.style import STYLE, short

Works = dict[str, list[float]]


@mpl.rc_context(STYLE)
def works(groups: Sequence[Group]) -> Figure | None:
    """Draw the AUROC of each work, averaged over seeds and settings, with the range over these as a line.

    Args:
        groups: of comparable scorings.

    Returns:
        The figure, or None where no cell has judged works.
    """
    judged = {group: found for group in groups if (found := _works(group))}
    if not judged:
        return None
    data = sorted({str(group[DATA]) for group in judged})[:MOST_PANELS]
    names = list(dict.fromkeys(work for found in judged.values() for work in found))
    palette = colours(groups)
    methods = {(g[MODEL], g.scoring, g.primary): None for g in judged}
    in_order = sorted(methods, key=lambda m: (list(palette).index(m[0]), not m[2]))
    height = 1.4 + len(names) * (0.22 + 0.11 * len(in_order)) + 0.2 * (len(in_order) // 4)
    figure, panels = new_panels(data, ("AUROC", ""), 6 if len(data) == 1 else 4, height)
    for name, axes in zip(data, panels, strict=True):
        for i, (model, scoring, primary) in enumerate(in_order):
            same = [judged[g] for g in judged if (g[DATA], g[MODEL], g.scoring) == (name, model, scoring)]
            shift = (i - (len(in_order) - 1) / 2) * 0.75 / len(in_order)
            for row, work in enumerate(names):
                values = [value for found in same for value in found.get(work, [])]
                if not values:
                    continue
                axes.plot([min(values), max(values)], [row + shift] * 2, color=palette[model], linewidth=1, alpha=0.6)
                axes.plot([mean(values)], [row + shift], **{**look(palette[model], primary), "linestyle": ""})
        axes.set_yticks(range(len(names)), [short(work, 30) for work in names])
        axes.set_ylim(len(names) - 0.5, -0.5)
        axes.tick_params(axis="y", length=0)
        auroc_grid(axes, "x")
    method_legend(figure, list(judged))
    return figure


def _works(group: Group) -> Works:
    """AUROC of each work in each cell of a group, from metrics.json."""
    found: Works = {}
    for cell in group.cells:
        details = cell.metrics.get("details", {}).get(group.scoring, {})
        for work in details.get("actions", []):
            if isinstance(work.get("auroc"), int | float):
                found.setdefault(str(work.get("action")), []).append(work["auroc"])
    return found
