"""t-SNE of the latent space (the paper's figure 11)."""

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from skelmap.evaluation.examples import Latents
from skelmap.evaluation.plots.style import ABNORMAL, CYCLE, FAINT, GREY, NORMAL, STYLE, new_figure, short


@mpl.rc_context(STYLE)
def latent_map(latents: Latents) -> Figure:
    """Draw the latents by t-SNE, coloured by label and, if there are actions, by action.

    Args:
        latents: at least 5, not all equal; 2,000 take some seconds.
    """
    points = _tsne(latents.mu)
    has_actions = any(latents.action)
    figure = new_figure(10 if has_actions else 5, 4.9)
    panels = figure.subplots(1, 2 if has_actions else 1, squeeze=False)[0]
    label = latents.label
    # shuffled: otherwise the class drawn last would cover the other
    order = np.random.default_rng(0).permutation(len(points))
    colours = np.where(label[order] == 1, ABNORMAL, NORMAL)
    panels[0].scatter(points[order, 0], points[order, 1], s=7, c=colours, alpha=0.6, linewidths=0)
    for value, name, colour in ((0, "normal", NORMAL), (1, "abnormal", ABNORMAL)):
        panels[0].scatter([], [], s=20, c=colour, label=f"{name} ({int((label == value).sum()):,})")
    _finish(panels[0], "by label")
    if has_actions:
        _draw_by_action(panels[1], points, np.array(latents.action))
    return figure


def _tsne(mu: NDArray[np.float64]) -> NDArray[np.float64]:
    from sklearn.manifold import TSNE

    perplexity = min(30.0, (len(mu) - 1) / 3)
    init = "pca" if mu.shape[1] > 1 else "random"  # a single latent dimension has no second component
    points: NDArray[np.float64] = TSNE(perplexity=perplexity, init=init, random_state=0).fit_transform(mu)
    return points


def _draw_by_action(axes: Axes, points: NDArray[np.float64], action: NDArray[np.str_]) -> None:
    names, counts = np.unique(action[action != ""], return_counts=True)
    frequent = sorted(names[np.argsort(-counts, kind="stable")][: len(CYCLE)])
    axes.scatter(points[:, 0], points[:, 1], s=5, c=FAINT, linewidths=0)  # no action, or more actions than colours
    for name, colour in zip(frequent, CYCLE, strict=False):
        here = action == name
        axes.scatter(points[here, 0], points[here, 1], s=7, c=colour, alpha=0.7, linewidths=0)
        axes.scatter([], [], s=20, c=colour, label=short(str(name), 24))
    _finish(axes, "by action")


def _finish(axes: Axes, title: str) -> None:
    axes.set(xticks=[], yticks=[], title=title)
    for spine in axes.spines.values():
        spine.set(visible=True, color=FAINT)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.01), ncols=3, handletextpad=0.2, labelcolor=GREY)
