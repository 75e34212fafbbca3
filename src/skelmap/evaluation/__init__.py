"""Judge a model: window and frame scores, metrics, files, figures and the report."""

from skelmap.evaluation.console import console_table
from skelmap.evaluation.frames import Counts, FrameScores, frame_scores
from skelmap.evaluation.judgement import Area, Judgement, Scoring, WorkArea, judge
from skelmap.evaluation.predictions import Predictions
from skelmap.evaluation.report import Report, write_report
from skelmap.evaluation.results import write_results
from skelmap.evaluation.samples import Examples, Latents, Picks, pick_windows, sample_latents

__all__ = [
    "Area",
    "Counts",
    "Examples",
    "FrameScores",
    "Judgement",
    "Latents",
    "Picks",
    "Predictions",
    "Report",
    "Scoring",
    "WorkArea",
    "console_table",
    "frame_scores",
    "judge",
    "pick_windows",
    "sample_latents",
    "write_report",
    "write_results",
]
