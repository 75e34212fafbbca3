"""AUROC of each action, by model."""

from collections.abc import Sequence
from statistics import mean

import matplotlib as mpl
from matplotlib.figure import Figure

from skelmap.comparison.groups import RunGroup
from skelmap.comparison.plots.panels import (
    MAX_PANELS,
    add_auroc_grid,
    add_method_legend,
    method_style,
    methods_in_order,
    model_styles,
    new_panels,
)
from skelmap.evaluation.plots.style import STYLE, short


@mpl.rc_context(STYLE)
def plot_actions(groups: Sequence[RunGroup]) -> Figure | None:
    """Plot the AUROC of each action: the mean over seeds and settings, with their range as a line.

    Args:
        groups: with comparable score types.

    Returns:
        The figure; None if no run has AUROCs of actions.
    """
    by_group = {group: aurocs for group in groups if (aurocs := _action_aurocs(group))}
    if not by_group:
        return None
    data = sorted({group.data for group in by_group})[:MAX_PANELS]
    actions = list(dict.fromkeys(action for aurocs in by_group.values() for action in aurocs))
    styles = model_styles(groups)
    methods = methods_in_order(list(by_group), styles)
    height = 1.4 + len(actions) * (0.22 + 0.11 * len(methods)) + 0.2 * (len(methods) // 4)
    figure, panels = new_panels(data, ("AUROC", ""), 6 if len(data) == 1 else 4, height)
    for name, axes in zip(data, panels, strict=True):
        for i, (model, score_type, primary) in enumerate(methods):
            same = [by_group[g] for g in by_group if (g.data, g.model, g.score_type) == (name, model, score_type)]
            shift = (i - (len(methods) - 1) / 2) * 0.75 / len(methods)
            style = {**method_style(styles[model], primary), "linestyle": ""}
            for row, action in enumerate(actions):
                values = [value for aurocs in same for value in aurocs.get(action, [])]
                if not values:
                    continue
                y = row + shift
                axes.plot([min(values), max(values)], [y, y], color=styles[model].colour, linewidth=1, alpha=0.6)
                axes.plot([mean(values)], [y], **style)
        axes.set_yticks(range(len(actions)), [short(action, 30) for action in actions])
        axes.set_ylim(len(actions) - 0.5, -0.5)
        axes.tick_params(axis="y", length=0)
        add_auroc_grid(axes, "x")
    add_method_legend(figure, list(by_group))
    return figure


def _action_aurocs(group: RunGroup) -> dict[str, list[float]]:
    """AUROC of each action in each run of a group, from metrics.json."""
    aurocs: dict[str, list[float]] = {}
    for run in group.runs:
        details = run.metrics.get("details", {}).get(group.score_type, {})
        for action in details.get("actions", []):
            if action.get("auroc") is not None:
                aurocs.setdefault(action["action"], []).append(action["auroc"])
    return aurocs
