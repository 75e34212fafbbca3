"""Judge a model: window and frame scores, metrics, files, figures and the report."""

from skelmap.evaluation.frames import Counts, FrameScores, frame_scores
from skelmap.evaluation.judgement import Area, Judgement, Scoring, WorkArea, judge
from skelmap.evaluation.predictions import Predictions
from skelmap.evaluation.results import write_results

__all__ = [
    "Area",
    "Counts",
    "FrameScores",
    "Judgement",
    "Predictions",
    "Scoring",
    "WorkArea",
    "frame_scores",
    "judge",
    "write_results",
]
