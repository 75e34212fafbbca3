"""The report's figures; each function returns a matplotlib Figure and draws no window."""

from skelmap.evaluation.figures.curves import precision_recall, roc, score_histogram
from skelmap.evaluation.figures.latents import latent_map
from skelmap.evaluation.figures.reconstructions import reconstructions
from skelmap.evaluation.figures.style import png
from skelmap.evaluation.figures.timeline import score_timeline
from skelmap.evaluation.figures.training import training_history

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
