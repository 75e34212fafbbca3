"""Write metrics.json and scores.csv, and build the table of results for the terminal."""

import csv
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

from rich.table import Table
from rich.text import Text

from skelmap.evaluation.detection import DetectionResult, EventRecall
from skelmap.evaluation.evaluate import AUROCResult, EvaluationResult, OperatingPoint, ScoreResult
from skelmap.utils.io import atomic_write


def metrics_dict(result: EvaluationResult) -> dict[str, Any]:
    """Convert the metrics to plain Python values without NaN; a missing number is None.

    `auroc` is that of the primary score, which a camera would give; keys of the others end in their names
    (`auroc_window`, `auroc_averaged`, `auroc_smoothed`).
    """
    primary, variant, smoothed, macro = result.primary, result.variant, result.smoothed, result.macro
    return {
        "score": primary.name,
        **_summary(primary, ""),
        "base_rate": primary.base_rate,
        **{f"recall_at_{recall.per_hour:g}_per_hour": recall.recall for recall in result.recalls},
        **{f"macro_{key}": value for key, value in (macro._asdict() if macro else {}).items()},
        "auroc_smoothed": smoothed.auroc,
        "average_precision_smoothed": smoothed.average_precision,
        **_summary(variant, f"_{variant.name}"),
        "counts": {**asdict(result.frames.counts), "unjudged": list(result.frames.counts.unjudged)},
        "seq_len": result.seq_len,
        "window": result.window,
        "resampled": str(result.units),
        "bootstrap_seed": result.seed,
        "groups": result.groups,
        "alarms": [_alarms(detection) for detection in result.detection.results],
        "alarms_smoothed": [_alarms(detection) for detection in result.smoothed_detection.results],
        "alarms_at_test_rates": [_event_recall(recall) for recall in result.recalls],
        **({"alarms_reason": result.detection.reason} if result.detection.reason else {}),
        "details": {score.name: _details(score) for score in (primary, variant)},
    }


def write_results(folder: Path, result: EvaluationResult, extra: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Write metrics.json and scores.csv atomically.

    scores.csv has the columns clip, frame (number at `data.fps`), label, score (the primary one), the variant's name
    and smoothed. Floats have all their digits, so the AUROC of (label, score) equals that of metrics.json. Online and
    smoothed scores are empty before the first full window.

    Args:
        folder: the run folder; made if it does not exist.
        result: the metrics and scores.
        extra: further plain entries of metrics.json (model, data, seed), before the metrics.

    Returns:
        The content of metrics.json.

    Raises:
        ValueError: NaN or infinity in `extra`.
        UserError: the folder cannot be written.
    """
    metrics = {**(extra or {}), **metrics_dict(result)}
    text = json.dumps(metrics, indent=2, ensure_ascii=False, allow_nan=False)
    with atomic_write(folder / "scores.csv", newline="") as file:
        _write_scores(file, result)
    with atomic_write(folder / "metrics.json") as file:
        file.write(text + "\n")
    return metrics


def write_unevaluated(folder: Path, reason: str, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Write metrics.json of a run that was not evaluated.

    Args:
        folder: the run folder.
        reason: why there is no AUROC.
        facts: plain entries of metrics.json.

    Returns:
        The content of metrics.json.

    Raises:
        UserError: the folder cannot be written.
    """
    metrics = {**facts, "auroc": None, "auroc_reason": reason}
    with atomic_write(folder / "metrics.json") as file:
        file.write(json.dumps(metrics, indent=2, ensure_ascii=False, allow_nan=False) + "\n")
    return metrics


def _summary(score: ScoreResult, suffix: str) -> dict[str, Any]:
    auroc = score.auroc
    reason = auroc.reason or auroc.interval.reason
    return {
        f"auroc{suffix}": auroc.value,
        f"auroc{suffix}_interval": _interval(auroc),
        **({f"auroc{suffix}_reason": reason} if reason else {}),
        f"average_precision{suffix}": score.average_precision,
    }


def _details(score: ScoreResult) -> dict[str, Any]:
    point = score.operating_point
    return {
        "title": score.title,
        "frames": score.frames,
        "actions": [
            {
                "action": action.action,
                "auroc": action.auroc.value,
                "auroc_interval": _interval(action.auroc),
                "auroc_reason": action.auroc.reason or action.auroc.interval.reason or None,
                "abnormal": action.abnormal,
                "normal": action.normal,
                "against": action.against,
            }
            for action in score.actions
        ],
        "operating_point_from_test_labels": _operating_point(point) if point else None,
    }


def _alarms(result: DetectionResult) -> dict[str, Any]:
    """Alarms at a threshold of the validation recordings; nominal and realised false alarms per hour."""
    matches = {
        f"iou_{match.iou:g}": {
            **{"precision": match.precision, "recall": match.recall, "f1": match.f1},
            **{"matched": match.matched, "alarms": match.alarms, "events": match.events},
        }
        for match in result.matches
    }
    realised = result.metrics.false_alarms_per_hour
    return {
        "nominal_per_hour": result.nominal,
        "threshold": result.threshold.rule.on,
        "validation_hours": result.threshold.hours,
        **asdict(result.metrics),
        "false_alarms_per_hour": realised,
        **matches,
    }


def _event_recall(recall: EventRecall) -> dict[str, Any]:
    """Events found at a rate of false alarms in the test recordings, whose labels give the threshold."""
    return {
        "false_alarms_per_hour": recall.per_hour,
        "recall": recall.recall,
        "threshold": recall.threshold,
        **asdict(recall.metrics),
    }


def alarms_table(result: EvaluationResult) -> Table | None:
    """Build a table of the events found at thresholds of the validation recordings; None without any."""
    if not result.detection.results:
        return None
    table = Table(title="alarms at thresholds of the validation recordings", title_justify="left")
    table.add_column("score")
    columns = "false alarms per hour,\nallowed", "in test", "events\nfound", "median\ndelay", "F1 at\nIoU 0.2", "at 0.5"
    for column in columns:
        table.add_column(column, justify="right")
    scores = (result.primary.name, result.detection), ("smoothed", result.smoothed_detection)
    for name, found in ((name, found) for name, detection in scores for found in detection.results):
        metrics, delay = found.metrics, found.metrics.median_delay
        realised = metrics.false_alarms_per_hour
        table.add_row(
            name,
            f"{found.nominal:g}",
            "–" if realised is None else f"{realised:.3g}",
            f"{metrics.detected} of {metrics.events}",
            "–" if delay is None else f"{delay:.1f} s",
            *("–" if match.f1 is None else f"{match.f1:.2f}" for match in found.matches),
        )
    return table


def _operating_point(point: OperatingPoint) -> dict[str, Any]:
    metrics = {**asdict(point.metrics), "false_alarms_per_hour": point.metrics.false_alarms_per_hour}
    return {"detection_rate": point.detection_rate, "threshold": point.threshold, **metrics}


def _interval(auroc: AUROCResult) -> list[float] | None:
    low, high, _ = auroc.interval
    return None if low is None or high is None else [low, high]


def _write_scores(file: IO[str], result: EvaluationResult) -> None:
    frames = result.frames
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["clip", "frame", "label", "score", result.variant.name, "smoothed"])
    clips = [frames.clips[index] for index in frames.clip.tolist()]
    scores = (
        ["" if value != value else value for value in column.tolist()]  # NaN != NaN
        for column in (frames.score, frames.variant, frames.smoothed)
    )
    writer.writerows(zip(clips, frames.frame.tolist(), frames.label.tolist(), *scores, strict=True))


def console_table(result: EvaluationResult, title: str = "") -> Table:
    """Build a table of the AUROC of the scores, the primary one first, and of its actions.

    Args:
        result: the metrics.
        title: above the table, without markup.
    """
    table = Table(title=Text(title) if title else None, title_justify="left")
    table.add_column("score")
    for column in ("AUROC", "95 % interval", "average\nprecision", "frames"):
        table.add_column(column, justify="right")
    for score in (result.primary, result.variant):
        precision = "–" if score.average_precision is None else f"{score.average_precision:.3f}"
        table.add_row(Text(score.title), *_cells(score.auroc), precision, f"{score.frames:,}")
    table.add_row(*_smoothed_cells(result))
    if result.primary.actions:
        table.add_section()
        table.add_row(Text(f"actions, {result.primary.title}", style="italic"), "", "", "", "")
    for action in result.primary.actions:
        against = "" if action.against == "same action" else f" (against {action.against})"
        table.add_row(
            Text(f"{action.action}{against}"), *_cells(action.auroc), "", f"{action.abnormal + action.normal:,}"
        )
    auroc = result.primary.auroc
    intervals = auroc.reason or auroc.interval.reason or f"intervals resample {result.units}"
    lines = intervals, _further(result), result.frames.counts.message(result.seq_len)
    table.caption, table.caption_justify = Text("\n".join(filter(None, lines))), "left"
    return table


def _smoothed_cells(result: EvaluationResult) -> tuple[Text | str, ...]:
    smoothed = result.smoothed
    auroc, precision = (
        "–" if value is None else f"{value:.3f}" for value in (smoothed.auroc, smoothed.average_precision)
    )
    return Text(smoothed.title), Text(auroc, style="bold"), "–", precision, f"{result.primary.frames:,}"


def _further(result: EvaluationResult) -> str:
    """Base rate, macro AUROC and recall at false-alarm rates of the primary score, in one line."""
    macro = result.macro
    parts = [f"average precision by chance {result.primary.base_rate:.3f}"]
    if macro:
        parts.append(
            f"mean AUROC of {macro.groups} groups {macro.mean:.3f}, worst {macro.worst_group} {macro.worst:.3f}"
        )
    parts += [
        f"{recall.metrics.detected} of {recall.metrics.events} events at {recall.per_hour:g}/h false alarms in test"
        for recall in result.recalls
    ]
    return "; ".join(parts)


def _cells(auroc: AUROCResult) -> tuple[Text, Text]:
    low, high, _ = auroc.interval
    value = "–" if auroc.value is None else f"{auroc.value:.3f}"
    return Text(value, style="bold"), Text("–" if low is None else f"{low:.3f} to {high:.3f}")
