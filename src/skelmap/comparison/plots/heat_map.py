"""AUROC over two numeric keys, to see whether their effects depend on each other."""

from collections.abc import Mapping, Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from skelmap.comparison.groups import Estimate, RunGroup, Values, marginal_estimates
from skelmap.comparison.plots.panels import MAX_PANELS, new_panels, panel_keys, panel_title
from skelmap.comparison.runs import Value, format_value, sort_key
from skelmap.comparison.swept_keys import MODEL, SCORE_TYPE, SweptKeys
from skelmap.evaluation.metrics import Floats
from skelmap.evaluation.plots.style import GREY, STYLE


@mpl.rc_context(STYLE)
def plot_heat_map(groups: Sequence[RunGroup], x_key: str, y_key: str, keys: SweptKeys) -> Figure | None:
    """Plot the mean AUROC of primary score types, one panel for each model and categorical setting.

    Args:
        groups: only primary score types are drawn.
        x_key: numeric key.
        y_key: numeric key.
        keys: the swept keys; other numeric ones are averaged over.

    Returns:
        The figure; None if no panel has a grid of at least two by two values.
    """
    by_panel = [*panel_keys(keys), MODEL, SCORE_TYPE]
    primary = [group for group in groups if group.primary]
    maps = marginal_estimates(primary, [x_key, y_key], by_panel, keys)
    columns, rows = (sorted({point[i] for m in maps.values() for point in m}, key=sort_key) for i in (0, 1))
    grids = {name: _grid(estimates, columns, rows) for name, estimates in maps.items()}
    grids = {name: grid for name, grid in grids.items() if _is_grid(~np.isnan(grid))}
    if not grids:
        return None
    names = list(grids)[:MAX_PANELS]
    titles = [f"{name[-2]}, {name[-1]}: {panel_title(keys, by_panel[:-2], name[:-2])}" for name in names]
    labels = (keys.short_name(x_key), keys.short_name(y_key))
    figure, panels = new_panels(titles, labels, 5 if len(names) > 1 else 5.4, 3.4, 2)
    low, high = (float(limit([grids[name] for name in names])) for limit in (np.nanmin, np.nanmax))
    for name, axes in zip(names, panels, strict=True):
        _draw_grid(axes, grids[name], low, high)
        axes.set_xticks(range(len(columns)), [format_value(v) for v in columns])
        axes.set_yticks(range(len(rows)), [format_value(v) for v in rows])
    return figure


def _grid(estimates: Mapping[Values, Estimate], columns: Sequence[Value], rows: Sequence[Value]) -> Floats:
    """Arrange means as (rows, columns); NaN where there is none."""
    known = {point: np.nan if e.mean is None else e.mean for point, e in estimates.items()}
    return np.array([[known.get((x, y), np.nan) for x in columns] for y in rows], np.float64)


def _is_grid(known: NDArray[np.bool_]) -> bool:
    """Check whether two rows have two columns in common."""
    pairs = known.astype(np.int64) @ known.T.astype(np.int64)
    np.fill_diagonal(pairs, 0)
    return bool((pairs > 1).any())


def _draw_grid(axes: Axes, mean: Floats, low: float, high: float) -> None:
    axes.imshow(mean, cmap="Blues", vmin=low - 0.3 * (high - low or 1), vmax=high, origin="lower", aspect="auto")
    axes.tick_params(length=0, labelleft=True, labelbottom=True)
    for spine in axes.spines.values():
        spine.set_visible(False)
    for (row, column), auroc in np.ndenumerate(mean):
        dark = auroc > low + 0.6 * (high - low)
        axes.text(
            column,
            row,
            "–" if np.isnan(auroc) else f"{auroc:.3f}",
            ha="center",
            va="center",
            fontsize=8,
            color=GREY if np.isnan(auroc) else "white" if dark else "black",
        )
