"""Write a judgement to a run's folder: metrics.json and scores.csv."""

import csv
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

from skelmap.evaluation.judgement import Area, Judgement, Scoring
from skelmap.files import replacing


def metrics(judgement: Judgement) -> dict[str, Any]:
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


def write_results(folder: Path, judgement: Judgement, extra: Mapping[str, Any] | None = None) -> dict[str, Any]:
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
    with replacing(folder / "scores.csv", newline="") as file:
        _write_scores(file, judgement)
    with replacing(folder / "metrics.json") as file:
        file.write(text + "\n")
    return numbers


def _numbers(scoring: Scoring, suffix: str) -> dict[str, Any]:
    area = scoring.area
    numbers: dict[str, Any] = {f"auroc{suffix}": area.value, f"auroc{suffix}_interval": _interval(area)}
    reason = area.reason or area.interval.reason
    if reason:
        numbers[f"auroc{suffix}_reason"] = reason
    return {**numbers, f"average_precision{suffix}": scoring.average_precision}


def _details(scoring: Scoring) -> dict[str, Any]:
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
        "described_on_test_labels": asdict(point) if point else None,
    }


def _interval(area: Area) -> list[float] | None:
    low, high, _ = area.interval
    return None if low is None or high is None else [low, high]


def _write_scores(file: IO[str], judgement: Judgement) -> None:
    frames = judgement.frames
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["clip", "frame", "label", "score", judgement.variant.name])
    clips = [frames.clips[index] for index in frames.clip.tolist()]
    variants = ["" if value != value else value for value in frames.variant.tolist()]  # NaN is not itself
    writer.writerows(
        zip(clips, frames.frame.tolist(), frames.label.tolist(), frames.score.tolist(), variants, strict=True)
    )
