"""Event metrics of the settings of a sweep: alarms at thresholds of validation recordings, recall, precision."""

from collections.abc import Sequence
from statistics import mean
from typing import Any

from skelmap.comparison.groups import SMOOTHED, RunGroup
from skelmap.comparison.runs import Value
from skelmap.comparison.swept_keys import DATA, MODEL

SUMMARY = {
    "average_precision": "average precision",
    "base_rate": "by chance",
    "recall_at_1_per_hour": "recall at 1 false alarm/h in test",
    "recall_at_10_per_hour": "at 10/h",
}
"""Entries of metrics.json about the primary score, and their headings."""
ALARMS = {
    "nominal_per_hour": "false alarms/h, allowed",
    "false_alarms_per_hour": "in test",
    "detected": "events found",
    "events": "of",
    "median_delay": "delay, s",
    "precision_iou_0.2": "precision, IoU 0.2",
    "recall_iou_0.2": "recall",
    "f1_iou_0.2": "F1",
    "precision_iou_0.5": "precision, IoU 0.5",
    "recall_iou_0.5": "recall",
    "f1_iou_0.5": "F1",
}
"""Columns of alarms at one threshold, and their headings."""


def summary_entries(group: RunGroup) -> list[str]:
    """Means over the seeds as text, in the order of `SUMMARY`."""
    return [format_mean(mean_or_none([run.metrics.get(key) for run in group.runs])) for key in SUMMARY]


def alarm_rows(group: RunGroup) -> list[tuple[str, dict[str, float | None]]]:
    """Alarms of a setting: score type and columns by the keys of `ALARMS`, means over the seeds.

    Args:
        group: of the primary score type.
    """
    rows = []
    for name, key in ((group.score_type, "alarms"), (SMOOTHED, "alarms_smoothed")):
        by_run = [{entry["nominal_per_hour"]: entry for entry in run.metrics.get(key, [])} for run in group.runs]
        for rate in sorted(set.intersection(*map(set, by_run))):
            columns = [_columns(entries[rate]) for entries in by_run]
            rows.append((name, {column: mean_or_none([found[column] for found in columns]) for column in ALARMS}))
    return rows


def event_table(groups: Sequence[RunGroup]) -> list[dict[str, Any]]:
    """Make the rows of events.csv: settings, score type, the columns of `ALARMS`."""
    rows = []
    for group in (group for group in groups if group.primary):
        setting: dict[str, Value] = {MODEL: group.model, DATA: group.data, **group.setting}
        rows += [{**setting, "score_type": name, **columns} for name, columns in alarm_rows(group)]
    return rows


def format_mean(value: float | None) -> str:
    """Three digits, or a dash."""
    return "–" if value is None else f"{value:.3g}"


def mean_or_none(values: list[Any]) -> float | None:
    """Average; None if a value is missing."""
    return None if any(not isinstance(value, int | float) for value in values) else mean(values)


def _columns(entry: dict[str, Any]) -> dict[str, float | None]:
    """Flatten an entry of `alarms` in metrics.json."""
    flat = {key: entry.get(key) for key in ALARMS}
    for iou in ("iou_0.2", "iou_0.5"):
        flat |= {f"{name}_{iou}": entry.get(iou, {}).get(name) for name in ("precision", "recall", "f1")}
    return flat
