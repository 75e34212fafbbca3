"""Write metrics.json and scores.csv, and build the table of results for the terminal."""

import csv
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

from rich.table import Table
from rich.text import Text

from skelmap.evaluation.detection import DetectionResult
from skelmap.evaluation.evaluate import AUROCResult, EvaluationResult, OperatingPoint, ScoreResult
from skelmap.utils.io import atomic_write


def metrics_dict(result: EvaluationResult) -> dict[str, Any]:
    """Convert the metrics to plain Python values without NaN; a missing number is None.

    `auroc` is that of the primary score; keys of the variant end in its name (`auroc_averaged`, `auroc_online`).
    """
    primary, variant = result.primary, result.variant
    return {
        **_summary(primary, ""),
        **_summary(variant, f"_{variant.name}"),
        "score": primary.name,
        "base_rate": primary.base_rate,
        "counts": asdict(result.frames.counts),
        "seq_len": result.seq_len,
        "window": result.window,
        "resampled": str(result.units),
        "bootstrap_seed": result.seed,
        "groups": result.groups,
        "alarms": [_alarms(detection) for detection in result.detection.results],
        **({"alarms_reason": result.detection.reason} if result.detection.reason else {}),
        "details": {score.name: _details(score) for score in (primary, variant)},
    }


def write_results(folder: Path, result: EvaluationResult, extra: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Write metrics.json and scores.csv atomically.

    scores.csv has the columns clip, frame (number at `data.fps`), label, score and the variant's name. Floats have all
    their digits, so the AUROC of (label, score) equals that of metrics.json. An online score is empty before the first
    full window.

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
        f"iou_{match.iou:g}": {"precision": match.precision, "recall": match.recall, "f1": match.f1}
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


def alarms_table(result: EvaluationResult) -> Table | None:
    """Build a table of the events found at thresholds of the validation recordings; None without any."""
    if not result.detection.results:
        return None
    table = Table(title="alarms at thresholds of the validation recordings", title_justify="left")
    columns = "false alarms per hour,\nallowed", "in test", "events\nfound", "median\ndelay", "F1 at\nIoU 0.2", "at 0.5"
    for column in columns:
        table.add_column(column, justify="right")
    for found in result.detection.results:
        metrics, delay = found.metrics, found.metrics.median_delay
        realised = metrics.false_alarms_per_hour
        table.add_row(
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
    writer.writerow(["clip", "frame", "label", "score", result.variant.name])
    clips = [frames.clips[index] for index in frames.clip.tolist()]
    variants = ["" if value != value else value for value in frames.variant.tolist()]  # NaN != NaN
    writer.writerows(
        zip(clips, frames.frame.tolist(), frames.label.tolist(), frames.score.tolist(), variants, strict=True)
    )


def console_table(result: EvaluationResult, title: str = "") -> Table:
    """Build a table of the AUROC of both scores, and of the actions for the primary score.

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
    if result.primary.actions:
        table.add_section()
    for action in result.primary.actions:
        against = "" if action.against == "same action" else f" (against {action.against})"
        table.add_row(
            Text(f"{action.action}{against}"), *_cells(action.auroc), "", f"{action.abnormal + action.normal:,}"
        )
    auroc = result.primary.auroc
    intervals = auroc.reason or auroc.interval.reason or f"intervals resample {result.units}"
    table.caption = Text("\n".join(filter(None, [intervals, _left_out(result)])))
    return table


def _left_out(result: EvaluationResult) -> str:
    """State the number of frames without a score; empty if there are none."""
    counts = result.frames.counts
    if not counts.left_out:
        return ""
    return (
        f"{counts.left_out:,} frames are not evaluated, {counts.left_out_abnormal:,} of them abnormal: everybody in "
        f"them is seen for fewer than {result.seq_len} frames"
    )


def _cells(auroc: AUROCResult) -> tuple[Text, Text]:
    low, high, _ = auroc.interval
    value = "–" if auroc.value is None else f"{auroc.value:.3f}"
    return Text(value, style="bold"), Text("–" if low is None else f"{low:.3f} to {high:.3f}")
