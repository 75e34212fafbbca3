"""The figures of the report; each function returns a matplotlib Figure."""

from skelmap.evaluation.plots.curves import precision_recall, roc, score_histogram
from skelmap.evaluation.plots.latents import latent_map
from skelmap.evaluation.plots.reconstructions import reconstructions
from skelmap.evaluation.plots.style import png
from skelmap.evaluation.plots.timeline import score_timeline
from skelmap.evaluation.plots.training import training_history

__all__ = [
    "latent_map",
    "png",
    "precision_recall",
    "reconstructions",
    "roc",
    "score_histogram",
    "score_timeline",
    "training_history",
]
