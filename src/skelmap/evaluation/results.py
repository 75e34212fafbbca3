"""Write the evaluation: metrics.json, scores.csv, the table in the terminal."""

import csv
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

from rich.table import Table
from rich.text import Text

from skelmap.evaluation.evaluate import AUROCResult, EvaluationResult, OperatingPoint, ScoreResult
from skelmap.utils.io import atomic_write


def metrics(judgement: EvaluationResult) -> dict[str, Any]:
    """Collect the numbers of a judgement as plain Python: no NaN, None where there is no number.

    `auroc` is the primary frame-level number; the variant's keys end in its name (`auroc_averaged`, `auroc_online`).
    """
    primary, variant = judgement.primary, judgement.variant
    return {
        **_numbers(primary, ""),
        **_numbers(variant, f"_{variant.name}"),
        "score": primary.name,
        "base_rate": primary.base_rate,
        "counts": judgement.frames.counts.as_dict(),
        "seq_len": judgement.seq_len,
        "frame_step": judgement.frame_step,
        "window": judgement.window,
        "resampled": str(judgement.units),
        "bootstrap_seed": judgement.seed,
        "groups": judgement.groups,
        "details": {scoring.name: _details(scoring) for scoring in (primary, variant)},
    }


def write_results(folder: Path, judgement: EvaluationResult, extra: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Write metrics.json and scores.csv, each whole or not at all.

    scores.csv has the columns clip, frame, label, score and the variant's name, floats with all their digits, so that
    the AUROC of (label, score) is the one in metrics.json. An online score is empty before the first window is full.

    Args:
        folder: the run's folder; made if it is not there.
        judgement: what to write.
        extra: further plain entries of metrics.json (model, data, seed), before the metrics.

    Returns:
        What was written to metrics.json.

    Raises:
        ValueError: NaN or infinity in `extra`.
        UserError: the folder cannot be written.
    """
    numbers = {**(extra or {}), **metrics(judgement)}
    text = json.dumps(numbers, indent=2, ensure_ascii=False, allow_nan=False)
    with atomic_write(folder / "scores.csv", newline="") as file:
        _write_scores(file, judgement)
    with atomic_write(folder / "metrics.json") as file:
        file.write(text + "\n")
    return numbers


def _numbers(scoring: ScoreResult, suffix: str) -> dict[str, Any]:
    area = scoring.area
    numbers: dict[str, Any] = {f"auroc{suffix}": area.value, f"auroc{suffix}_interval": _interval(area)}
    reason = area.reason or area.interval.reason
    if reason:
        numbers[f"auroc{suffix}_reason"] = reason
    return {**numbers, f"average_precision{suffix}": scoring.average_precision}


def _details(scoring: ScoreResult) -> dict[str, Any]:
    point = scoring.operating_point
    return {
        "title": scoring.title,
        "frames": scoring.frames,
        "works": [
            {
                "work": work.work,
                "auroc": work.area.value,
                "auroc_interval": _interval(work.area),
                "auroc_reason": work.area.reason or work.area.interval.reason or None,
                "abnormal": work.abnormal,
                "normal": work.normal,
                "against": work.against,
            }
            for work in scoring.works
        ],
        "operating_point_from_test_labels": _operating_point(point) if point else None,
    }


def _operating_point(point: OperatingPoint) -> dict[str, Any]:
    metrics = {**asdict(point.metrics), "false_alarms_per_hour": point.metrics.false_alarms_per_hour}
    return {"detection_rate": point.detection_rate, "threshold": point.threshold, **metrics}


def _interval(area: AUROCResult) -> list[float] | None:
    low, high, _ = area.interval
    return None if low is None or high is None else [low, high]


def _write_scores(file: IO[str], judgement: EvaluationResult) -> None:
    frames = judgement.frames
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["clip", "frame", "label", "score", judgement.variant.name])
    clips = [frames.clips[index] for index in frames.clip.tolist()]
    variants = ["" if value != value else value for value in frames.variant.tolist()]  # NaN is not itself
    writer.writerows(
        zip(clips, frames.frame.tolist(), frames.label.tolist(), frames.score.tolist(), variants, strict=True)
    )


def console_table(judgement: EvaluationResult, title: str = "") -> Table:
    """Build the table of AUROCs: both scores, then the works of the primary one.

    Args:
        judgement: what to show.
        title: above the table; taken as it is, without markup.
    """
    table = Table(title=Text(title) if title else None, title_justify="left")
    table.add_column("score")
    for column in ("AUROC", "95 % interval", "average\nprecision", "frames"):
        table.add_column(column, justify="right")
    for scoring in (judgement.primary, judgement.variant):
        precision = "–" if scoring.average_precision is None else f"{scoring.average_precision:.3f}"
        table.add_row(Text(scoring.title), *_area(scoring.area), precision, f"{scoring.frames:,}")
    if judgement.primary.works:
        table.add_section()
    for work in judgement.primary.works:
        against = "" if work.against == "same work" else f" (against {work.against})"
        table.add_row(Text(f"{work.work}{against}"), *_area(work.area), "", f"{work.abnormal + work.normal:,}")
    area = judgement.primary.area
    intervals = area.reason or area.interval.reason or f"intervals resample {judgement.units}"
    table.caption = Text("\n".join(filter(None, [intervals, _left_out(judgement)])))
    return table


def _left_out(judgement: EvaluationResult) -> str:
    """Say how many frames no number speaks of; empty if there are none."""
    counts = judgement.frames.counts
    if not counts.left_out:
        return ""
    return (
        f"{counts.left_out:,} frames are not judged, {counts.left_out_abnormal:,} of them abnormal: everybody in them "
        f"is seen for fewer than {judgement.shortest} frames"
    )


def _area(area: AUROCResult) -> tuple[Text, Text]:
    low, high, _ = area.interval
    value = "–" if area.value is None else f"{area.value:.3f}"
    return Text(value, style="bold"), Text("–" if low is None else f"{low:.3f} to {high:.3f}")
