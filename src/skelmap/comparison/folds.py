"""Pool the folds of a cross-validation into one run."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from skelmap.comparison.events import SUMMARY, mean_or_none
from skelmap.comparison.runs import RunResult, Value
from skelmap.comparison.scores import EvaluatedFrames, RunScores
from skelmap.utils.names import KEYS_WITHOUT_EFFECT

FOLDS, FOLD = "data.folds", "data.fold"
AVERAGED = ("train_seconds", "peak_memory_mb", *SUMMARY)
"""Entries of metrics.json that are averaged over the folds."""


def pool_folds(runs: Sequence[RunResult]) -> tuple[list[RunResult], list[str]]:
    """Merge runs that differ only in the fold; scores are compared within each fold alone (`EvaluatedFrames.fold`).

    Args:
        runs: the finished runs.

    Returns:
        The merged runs and those without folds, in the order of the first of each; and notes on folds that are
        missing or have no AUROC.
    """
    by_setting: dict[tuple[Any, ...], dict[Value, RunResult]] = {}
    for run in runs:
        fold = run.config.get(FOLD) if run.config.get(FOLDS) else None
        by_setting.setdefault(_setting(run) if fold is not None else (run.name,), {})[fold] = run
    pooled, notes = [], []
    for by_fold in by_setting.values():
        first = next(iter(by_fold.values()))
        if None in by_fold:
            pooled.append(first)
            continue
        missing = [str(fold) for fold in range(int(first.config[FOLDS] or 0)) if fold not in by_fold]
        if missing:
            notes.append(f"{first.name}: pooled without {FOLD}={','.join(missing)}")
        one_class = [str(fold) for fold, run in by_fold.items() if run.metrics.get("auroc") is None]
        if one_class:
            notes.append(
                f"{first.name}: AUROC without {FOLD}={','.join(one_class)}, whose test frames have one label only"
            )
        pooled.append(_merge({int(fold or 0): run for fold, run in by_fold.items()}))
    return pooled, notes


def _setting(run: RunResult) -> tuple[Any, ...]:
    """Everything that the numbers of a run depend on but the fold."""
    folder = str(run.config.get("paths.output_dir"))
    config = {
        key: value
        for key, value in run.config.items()
        if key != FOLD and not key.startswith(KEYS_WITHOUT_EFFECT) and folder not in str(value)
    }
    return run.model, run.data, run.seed, *sorted(config.items(), key=lambda item: item[0])


def _merge(by_fold: dict[int, RunResult]) -> RunResult:
    """Concatenate the scores of the folds."""
    first = by_fold[min(by_fold)]
    runs = [by_fold[fold] for fold in sorted(by_fold)]
    fold_of = {clip: fold for fold, run in by_fold.items() for clip in run.scores.frames.clips}
    clips = tuple(sorted(fold_of))
    number = {clip: i for i, clip in enumerate(clips)}
    frames = [run.scores.frames for run in runs]
    merged = EvaluatedFrames(
        clips=clips,
        clip=np.concatenate([np.array([number[clip] for clip in part.clips])[part.clip] for part in frames]),
        frame=np.concatenate([part.frame for part in frames]),
        label=np.concatenate([part.label for part in frames]),
        fold=np.array([fold_of[clip] for clip in clips], np.int64),
    )
    types = [name for name in first.scores.by_type if all(name in run.scores.by_type for run in runs)]
    scores = {name: np.concatenate([run.scores.by_type[name] for run in runs]) for name in types}
    averaged = {name: mean_or_none([run.metrics.get(name) for run in runs]) for name in AVERAGED}
    groups = {clip: group for run in runs for clip, group in run.clip_groups.items()}
    metrics = {**first.metrics, **averaged, "groups": groups, "details": {}}
    metrics |= {
        kind: _sum_alarms([run.metrics.get(kind, []) for run in runs]) for kind in ("alarms", "alarms_smoothed")
    }
    config = {key: value for key, value in first.config.items() if key != FOLD}
    return replace(first, config=config, metrics=metrics, scores=RunScores(merged, scores))


def _sum_alarms(folds: Sequence[Sequence[dict[str, Any]]]) -> list[dict[str, Any]]:
    """Add up the alarms of the folds, at the rates for which every fold has a threshold; delays are averaged."""
    by_fold = [{entry["nominal_per_hour"]: entry for entry in entries} for entries in folds]
    summed = []
    for rate in sorted(set.intersection(*map(set, by_fold))):
        entries = [found[rate] for found in by_fold]
        keys = ("events", "detected", "false_alarms", "normal_hours")
        total = {key: sum(entry[key] for entry in entries) for key in keys}
        per_hour = total["false_alarms"] / total["normal_hours"] if total["normal_hours"] else None
        delay = mean_or_none([entry.get("median_delay") for entry in entries])
        matches = {iou: _sum_matches([entry.get(iou, {}) for entry in entries]) for iou in ("iou_0.2", "iou_0.5")}
        rates = {"nominal_per_hour": rate, "false_alarms_per_hour": per_hour, "median_delay": delay}
        summed.append({**rates, **total, **matches})
    return summed


def _sum_matches(folds: Sequence[dict[str, Any]]) -> dict[str, float | None]:
    """Precision, recall and F1 of all folds together, from their counts."""
    matched, alarms, events = (sum(fold.get(key, 0) for fold in folds) for key in ("matched", "alarms", "events"))
    return {
        "precision": matched / alarms if alarms else None,
        "recall": matched / events if events else None,
        "f1": 2 * matched / (alarms + events) if alarms + events else None,
    }
