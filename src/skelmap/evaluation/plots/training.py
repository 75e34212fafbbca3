"""Losses per epoch."""

import math
from collections.abc import Mapping, Sequence

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from skelmap.evaluation.plots.style import ABNORMAL, FAINT, INK, STYLE, new_figure

QUANTITIES = {"loss": "loss", "recon": "reconstruction", "kl": "KL divergence", "active_units": "active latents"}
"""Quantities that have a panel, and its title."""


@mpl.rc_context(STYLE)
def training_history(history: Mapping[str, Sequence[float]]) -> Figure:
    """Draw one panel for each quantity, with a line for train and one for val.

    Args:
        history: values per epoch by "train/loss", "val/loss", "train/recon" and so on, NaN for an epoch without a
            value; at least one of `QUANTITIES`.
    """
    quantities = [name for name in QUANTITIES if any(key.partition("/")[2] == name for key in history)]
    figure = new_figure(10 if len(quantities) > 2 else 3.4 * len(quantities), 2.7)
    panels = figure.subplots(1, len(quantities), squeeze=False)[0]
    for axes, quantity in zip(panels, quantities, strict=True):
        for name, values in sorted(history.items()):  # train before val
            split, _, rest = name.partition("/")
            if rest != quantity:
                continue
            line = {"color": ABNORMAL, "linestyle": "--"} if split == "val" else {"color": INK}
            known = [(epoch, value) for epoch, value in enumerate(values, 1) if not math.isnan(value)]
            marker = "o" if len(known) < max(3, len(values)) else None
            axes.plot(
                [epoch for epoch, _ in known],
                [value for _, value in known],
                label=split,
                marker=marker,
                markersize=3,
                **line,
            )
        axes.set(title=QUANTITIES[quantity], xlabel="epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(axis="y", color=FAINT, linewidth=0.5)
    panels[0].legend()
    return figure
