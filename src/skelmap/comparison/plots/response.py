"""AUROC against one swept key: lines over numbers, dots over words."""

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

from skelmap.comparison.groups import Estimate, Group, Values, profile
from skelmap.comparison.plots.panels import (
    MOST_PANELS,
    auroc_grid,
    colours,
    look,
    method_legend,
    new_panels,
    panel_keys,
    panel_title,
)
from skelmap.comparison.runs import Value, order, text
from skelmap.comparison.swept_keys import MODEL, SCORING, Keys
from skelmap.evaluation.plots.style import STYLE, short

Lines = dict[Values, dict[Values, Estimate]]


@mpl.rc_context(STYLE)
def numeric(groups: Sequence[Group], key: str, keys: Keys) -> Figure:
    """Draw AUROC against a numeric key, one line a model and scoring, one panel for each other categorical setting.

    Args:
        groups: of comparable scorings.
        key: numeric.
        keys: the swept keys; other numeric ones are averaged over.
    """
    apart = panel_keys(keys)
    figure, panels, lines = _panels(groups, key, apart, keys, (keys.short(key), "AUROC"), 3.0)
    values = sorted({float(x) for line in lines.values() for (x,) in line if isinstance(x, int | float)})
    logarithmic = values[0] > 0 and values[-1] / values[0] >= 5
    palette, primary = colours(groups), _primary(groups)
    for setting, axes in panels.items():
        of_panel = {name[-2:]: line for name, line in lines.items() if name[:-2] == setting}
        for i, ((model, scoring), line) in enumerate(sorted(of_panel.items(), key=lambda item: str(item[0]))):
            x = np.array([float(v) for (v,) in line if isinstance(v, int | float)])
            shift = (i - (len(of_panel) - 1) / 2) * 0.008
            span = np.log(values[-1] / values[0]) if logarithmic else values[-1] - values[0]
            x = x * np.exp(shift * span) if logarithmic else x + shift * span  # intervals beside one another
            _draw(axes, x, list(line.values()), look(palette[model], primary[model, scoring]), across=False)
        if logarithmic:
            axes.set_xscale("log")
        axes.xaxis.set_major_locator(FixedLocator(_apart(values, logarithmic)))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(lambda v, _: f"{v:g}")
        auroc_grid(axes, "y")
    method_legend(figure, groups)
    return figure


@mpl.rc_context(STYLE)
def categorical(groups: Sequence[Group], key: str, keys: Keys) -> Figure:
    """Draw AUROC with its interval for each value of a categorical key; models get a row for each scoring.

    Args:
        groups: of comparable scorings.
        key: `model` or another categorical key.
        keys: the swept keys; numeric ones are averaged over.
    """
    apart = panel_keys(keys, key)
    rows = _rows(groups, key)
    figure, panels, lines = _panels(groups, key, apart, keys, ("AUROC", ""), 0.9 + 0.27 * len(rows))
    palette, primary = colours(groups), _primary(groups)
    for setting, axes in panels.items():
        for name, line in lines.items():
            if name[:-2] != setting:
                continue
            model, scoring = name[-2:]
            for (value,), estimate in line.items():
                place = rows.index((model, scoring) if key == MODEL else (value, model, scoring))
                style = look(palette[model], primary[model, scoring])
                _draw(axes, np.array([float(place)]), [estimate], style, across=True)
        axes.set_yticks(range(len(rows)), [short(_row_name(row), 40) for row in rows])
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.tick_params(axis="y", length=0)
        auroc_grid(axes, "x")
    return figure


def _panels(
    groups: Sequence[Group], key: str, apart: list[str], keys: Keys, labels: tuple[str, str], height: float
) -> tuple[Figure, dict[Values, Axes], Lines]:
    lines = profile(groups, [key], [*apart, MODEL, SCORING], keys)
    settings = list(dict.fromkeys(name[:-2] for name in lines))[:MOST_PANELS]
    most = 3 if len(settings) > 4 or len(settings) == 3 else 2
    width = 5.4 if len(settings) == 1 else 10 / min(len(settings), most)
    figure, axes = new_panels([panel_title(keys, apart, s) for s in settings], labels, width, height, most)
    return figure, dict(zip(settings, axes, strict=True)), lines


def _draw(axes: Axes, at: np.ndarray, estimates: Sequence[Estimate], style: dict[str, object], across: bool) -> None:
    """Draw means with their intervals where there are any, at positions along the other axis."""
    mean = np.array([np.nan if e.mean is None else e.mean for e in estimates])
    low = np.array([m if e.low is None else e.low for m, e in zip(mean, estimates, strict=True)])
    high = np.array([m if e.high is None else e.high for m, e in zip(mean, estimates, strict=True)])
    bars = {"elinewidth": 1.1, "capsize": 0}
    if across:
        axes.errorbar(mean, at, xerr=[mean - low, high - mean], **bars, **style)  # type: ignore[arg-type]
    else:
        axes.errorbar(at, mean, yerr=[mean - low, high - mean], **bars, **style)  # type: ignore[arg-type]


def _rows(groups: Sequence[Group], key: str) -> list[tuple[Value, ...]]:
    """List the rows of a dot plot: models and scorings, within the values of another key."""
    rank = list(colours(groups))
    methods = {(g[MODEL], g.scoring): (rank.index(g[MODEL]), not g.primary) for g in groups}
    in_order = sorted(methods, key=lambda method: methods[method])
    if key == MODEL:
        return [method for method in in_order]
    return [(value, *method) for value in sorted({g[key] for g in groups}, key=order) for method in in_order]


def _row_name(row: tuple[Value, ...]) -> str:
    return ", ".join(text(value) for value in row)


def _primary(groups: Sequence[Group]) -> dict[tuple[Value, Value], bool]:
    return {(group[MODEL], group.scoring): group.primary for group in groups}


def _apart(values: Sequence[float], logarithmic: bool) -> list[float]:
    """Leave out tick labels that would overlap."""
    place = np.log(values) if logarithmic else np.array(values)
    kept = [0]
    for i in range(1, len(values)):
        if place[i] - place[kept[-1]] > 0.05 * (place[-1] - place[0]):
            kept.append(i)
    return [values[i] for i in kept]
