"""The latent space in two dimensions (the paper's figure 11)."""

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from skelmap.evaluation.examples import Latents
from skelmap.evaluation.plots.style import ABNORMAL, CYCLE, FAINT, GREY, NORMAL, STYLE, new_figure, short


@mpl.rc_context(STYLE)
def latent_map(latents: Latents) -> Figure:
    """Draw the latents by t-SNE, coloured by label and, where works are named, by work.

    Args:
        latents: at least 5 of them, not all equal; 2,000 take some seconds.
    """
    points = _tsne(latents.mu)
    named = any(latents.work)
    figure = new_figure(10 if named else 5, 4.9)
    panels = figure.subplots(1, 2 if named else 1, squeeze=False)[0]
    label = latents.label
    # Shuffled, so that neither class lies on top only because it comes last.
    order = np.random.default_rng(0).permutation(len(points))
    colours = np.where(label[order] == 1, ABNORMAL, NORMAL)
    panels[0].scatter(points[order, 0], points[order, 1], s=7, c=colours, alpha=0.6, linewidths=0)
    for value, name, colour in ((0, "normal", NORMAL), (1, "abnormal", ABNORMAL)):
        panels[0].scatter([], [], s=20, c=colour, label=f"{name} ({int((label == value).sum()):,})")
    _finish(panels[0], "by label")
    if named:
        _by_work(panels[1], points, latents.work)
    return figure


def _tsne(mu: NDArray[np.float64]) -> NDArray[np.float64]:
    from sklearn.manifold import TSNE

    perplexity = min(30.0, (len(mu) - 1) / 3)
    init = "pca" if mu.shape[1] > 1 else "random"  # one latent has no second component
    points: NDArray[np.float64] = TSNE(perplexity=perplexity, init=init, random_state=0).fit_transform(mu)
    return points


def _by_work(axes: Axes, points: NDArray[np.float64], work: tuple[str, ...]) -> None:
    names, counts = np.unique(np.array(work)[np.array(work) != ""], return_counts=True)
    frequent = sorted(names[np.argsort(-counts, kind="stable")][: len(CYCLE)])
    axes.scatter(points[:, 0], points[:, 1], s=5, c=FAINT, linewidths=0)  # unnamed, or beyond the colours there are
    for name, colour in zip(frequent, CYCLE, strict=False):
        here = np.array(work) == name
        axes.scatter(points[here, 0], points[here, 1], s=7, c=colour, alpha=0.7, linewidths=0)
        axes.scatter([], [], s=20, c=colour, label=short(str(name), 24))
    _finish(axes, "by work")


def _finish(axes: Axes, title: str) -> None:
    axes.set(xticks=[], yticks=[], title=title)
    for spine in axes.spines.values():
        spine.set(visible=True, color=FAINT)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.01), ncols=3, handletextpad=0.2, labelcolor=GREY)
