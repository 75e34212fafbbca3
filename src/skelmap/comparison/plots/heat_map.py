"""AUROC over two numeric keys: do they depend on each other?"""

from collections.abc import Mapping, Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from skelmap.comparison.groups import Estimate, Group, Values, profile
from skelmap.comparison.plots.panels import MOST_PANELS, new_panels, panel_keys, panel_title
from skelmap.comparison.runs import Value, order, text
from skelmap.comparison.swept_keys import MODEL, SCORING, Keys
from skelmap.evaluation.metrics import Floats
from skelmap.evaluation.plots.style import GREY, STYLE


@mpl.rc_context(STYLE)
def heat_map(groups: Sequence[Group], across: str, up: str, keys: Keys) -> Figure | None:
    """Draw the mean AUROC over two numeric keys, one panel for each model, primary scoring and categorical setting.

    Args:
        groups: their primary scorings are drawn.
        across: numeric key.
        up: numeric key.
        keys: the swept keys; other numeric ones are averaged over.

    Returns:
        The figure, or None where no panel has a grid of at least two by two.
    """
    apart = [*panel_keys(keys), MODEL, SCORING]
    maps = profile([group for group in groups if group.primary], [across, up], apart, keys)
    columns, rows = (sorted({point[i] for m in maps.values() for point in m}, key=order) for i in (0, 1))
    drawn = {name: _grid(estimates, columns, rows) for name, estimates in maps.items()}
    drawn = {name: grid for name, grid in drawn.items() if _is_grid(~np.isnan(grid))}
    if not drawn:
        return None
    names = list(drawn)[:MOST_PANELS]
    titles = [f"{name[-2]}, {name[-1]}: {panel_title(keys, apart[:-2], name[:-2])}" for name in names]
    figure, panels = new_panels(titles, (keys.short(across), keys.short(up)), 5 if len(names) > 1 else 5.4, 3.4, 2)
    low, high = (f([drawn[name] for name in names]) for f in (np.nanmin, np.nanmax))
    for name, axes in zip(names, panels, strict=True):
        _draw(axes, drawn[name], float(low), float(high))
        axes.set_xticks(range(len(columns)), [text(v) for v in columns])
        axes.set_yticks(range(len(rows)), [text(v) for v in rows])
    return figure


def _grid(estimates: Mapping[Values, Estimate], columns: Sequence[Value], rows: Sequence[Value]) -> Floats:
    """Lay means out in (rows, columns), NaN where there is none."""
    known = {point: np.nan if e.mean is None else e.mean for point, e in estimates.items()}
    return np.array([[known.get((x, y), np.nan) for x in columns] for y in rows], np.float64)


def _is_grid(known: NDArray[np.bool_]) -> bool:
    """Tell whether two rows have two columns in common."""
    pairs = known.astype(np.int64) @ known.T.astype(np.int64)
    np.fill_diagonal(pairs, 0)
    return bool((pairs > 1).any())


def _draw(axes: Axes, mean: Floats, low: float, high: float) -> None:
    axes.imshow(mean, cmap="Blues", vmin=low - 0.3 * (high - low or 1), vmax=high, origin="lower", aspect="auto")
    axes.tick_params(length=0, labelleft=True, labelbottom=True)
    for spine in axes.spines.values():
        spine.set_visible(False)
    for (row, column), number in np.ndenumerate(mean):
        dark = number > low + 0.6 * (high - low)
        axes.text(
            column, row, "–" if np.isnan(number) else f"{number:.3f}",
            ha="center", va="center", fontsize=8, color=GREY if np.isnan(number) else "white" if dark else "black",
        )  # fmt: skip
