"""The comparison as tables: CSV for programs, Markdown for documents, one for the terminal."""

import csv
from collections.abc import Sequence
from pathlib import Path
from statistics import mean
from typing import Any

from rich.table import Table
from rich.text import Text

from skelmap.comparison.comparison import Comparison
from skelmap.comparison.events import SUMMARY, event_table, mean_or_none
from skelmap.comparison.groups import RunGroup
from skelmap.comparison.runs import RunResult, Value, format_value
from skelmap.comparison.swept_keys import DATA, MODEL, SEED
from skelmap.evaluation.bootstrap import MIN_GROUPS, RESAMPLES
from skelmap.utils.io import atomic_write
from skelmap.utils.names import flatten

COSTS = {"train_seconds": "training, s", "peak_memory_mb": "memory, MB", "parameters": "parameters"}
"""Costs of a run: entries of metrics.json and their headings."""


def write_tables(comparison: Comparison, folder: Path) -> None:
    """Write runs.csv, table.csv, table.md, events.csv and paired.csv.

    Args:
        comparison: of a sweep.
        folder: created if necessary.

    Raises:
        UserError: the folder cannot be written.
    """
    _write_csv(folder / "runs.csv", run_rows(comparison))
    _write_csv(folder / "table.csv", [group_row(comparison, group) for group in comparison.groups])
    _write_csv(folder / "events.csv", event_table(comparison.groups))
    _write_csv(folder / "paired.csv", paired_rows(comparison))
    with atomic_write(folder / "table.md") as file:
        file.write(markdown(comparison))


def run_rows(comparison: Comparison) -> list[dict[str, Any]]:
    """Make the rows of runs.csv: folder, state, swept keys, seed, and all numbers of metrics.json."""
    keys = comparison.keys.swept
    rows: list[dict[str, Any]] = []
    for run in comparison.runs:
        values: dict[str, Value] = {key: run.config[key] for key in keys if run.config.get(key) is not None}
        others = {k: v for k, v in run.metrics.items() if k not in (MODEL, DATA, SEED, "groups", "details")}
        names = {"run": run.name, "state": "finished"}
        rows.append({**names, **_method(run), **values, SEED: run.seed, **_flatten_metrics(others)})
    for failed in comparison.failed:
        values = {key: failed.config[key] for key in (*keys, SEED) if key in failed.config}
        rows.append({"run": failed.name, "state": failed.state, **values, "cause": failed.cause})
    return rows


def group_row(comparison: Comparison, group: RunGroup) -> dict[str, Any]:
    """Make a row of table.csv; costs are means over the seeds."""
    return {
        **_method(group.runs[0]),
        **{key: group[key] for key in comparison.keys.swept if key not in (MODEL, DATA)},
        "score_type": group.score_type,
        "seeds": len(group.runs),
        "resampled": str(group.units),
        "auroc": group.estimate.mean,
        "auroc_low": group.estimate.low,
        "auroc_high": group.estimate.high,
        "seed_deviation": group.seed_deviation,
        **{f"macro_{key}": value for key, value in (group.macro._asdict() if group.macro else {}).items()},
        "reason": group.estimate.reason,
        **{f"events_at_{rate:g}_per_hour": _events(group, rate) for rate in alarm_rates(comparison)},
        **({key: mean_cost(group.runs, key) for key in SUMMARY} if group.primary else {}),
        **{name: mean_cost(group.runs, name) for name in COSTS},
    }


def paired_rows(comparison: Comparison) -> list[dict[str, Any]]:
    """Make the rows of paired.csv; the columns between `second` and `seeds` hold what both settings have in common."""
    return [
        {
            "key": pair.key,
            "first": pair.first,
            "second": pair.second,
            **pair.shared,
            "seeds": pair.seeds,
            "auroc_first": pair.first_mean,
            "auroc_second": pair.second_mean,
            "difference": pair.difference,
            "difference_low": pair.low,
            "difference_high": pair.high,
            "p": pair.p,
            "p_holm": pair.p_holm,
            "comparisons": pair.family_size,
        }
        for pair in comparison.pairs
    ]


def mean_cost(runs: Sequence[RunResult], name: str) -> float | None:
    """Average an entry of metrics.json over runs; None if one of them lacks it."""
    return mean_or_none([run.metrics.get(name) for run in runs])


def key_headings(comparison: Comparison) -> dict[str, str]:
    """Column headings of the configuration keys that differ between runs: the model first, then the swept keys."""
    keys = comparison.keys
    return {MODEL: MODEL, **{key: keys.short_name(key) for key in keys.swept if key != MODEL}}


def method_note(comparison: Comparison) -> str:
    """Explain how the AUROCs and intervals of the table were computed."""
    groups = {group.data: group for group in comparison.groups}
    units = "; ".join(f"{data}: {group.units}" for data, group in groups.items())
    return (
        f"AUROC is the mean over seeds. Its 95 % interval is the middle 95 % of {RESAMPLES:,} bootstrap replicates. "
        f"Each replicate draws test recordings ({units}) and seeds together, with replacement: as many groups or clips "
        "as there are, the same ones for every setting and seed, and n - 1 of the n seeds, which gives the variance of "
        "a mean over few seeds without bias. A group is a person, a session or a camera; with fewer than "
        f"{MIN_GROUPS} groups, clips are drawn, and the interval does not include the variation between groups. "
        "With one seed, or equal results for all seeds, the interval covers the variation of recordings alone; with "
        "two or three seeds that differ much, it is too narrow. In a cross-validation (data.folds) each frame is "
        "scored by the model that has not seen its group, and only frames of the same fold are ranked against each "
        "other. The macro AUROC is the mean of the AUROCs within each group that has normal and abnormal frames."
    )


def markdown(comparison: Comparison) -> str:
    """Write the table of groups as Markdown, with the notes needed to read it."""
    headings = [*key_headings(comparison).values(), "score", *number_headings(comparison)]
    lines = [
        f"# Comparison of {comparison.title}",
        "",
        f"{comparison.states}. Data: {', '.join(comparison.data)}.",
        "",
        "| " + " | ".join(headings) + " |",
        "|" + "---|" * len(headings),
    ]
    for group in comparison.groups:
        lines.append("| " + " | ".join(_escape(entry) for entry in _table_entries(comparison, group)) + " |")
    lines += ["", method_note(comparison), ""]
    if comparison.failed:
        lines += ["Without results:", ""]
        lines += [f"- {_escape(run.name)}: {run.state}: {_escape(run.cause)}" for run in comparison.failed] + [""]
    lines += [f"- {_escape(note)}" for note in comparison.notes] + [""] * bool(comparison.notes)
    return "\n".join(lines)


def console_table(comparison: Comparison) -> Table:
    """Build the table of groups for the terminal."""
    title = Text(f"{comparison.states}; data: {', '.join(comparison.data)}")
    table = Table(title=title, title_justify="left")
    for heading in key_headings(comparison).values():
        table.add_column(Text(heading), overflow="fold")
    table.add_column("score", no_wrap=True)
    for heading in number_headings(comparison):
        table.add_column(heading, justify="right", no_wrap=True)
    for group in comparison.groups:
        table.add_row(*(Text(entry) for entry in _table_entries(comparison, group)))
    if comparison.failed:
        table.caption = Text("\n".join(f"{run.name}: {run.state}: {run.cause}" for run in comparison.failed))
        table.caption_justify = "left"
    return table


def number_headings(comparison: Comparison) -> list[str]:
    """Headings of the numbers of a group; those within groups (persons) and of alarms only where there are any."""
    within = ["macro AUROC", "worst group"] if any(group.macro for group in comparison.groups) else []
    alarms = [f"events at {rate:g}/h" for rate in alarm_rates(comparison)]
    return ["seeds", "AUROC", "95 % interval", "± over seeds", *within, *alarms]


def alarm_rates(comparison: Comparison) -> list[float]:
    """Allowed false alarms per hour for which any run has a threshold of validation recordings."""
    return sorted({rate for group in comparison.groups for run in group.runs for rate in run.alarms})


def number_entries(comparison: Comparison, group: RunGroup) -> list[str]:
    """Numbers of a group as text, in the order of `number_headings`."""
    average, low, high, _ = group.estimate
    deviation, macro = group.seed_deviation, group.macro
    entries = [
        str(len(group.runs)),
        "–" if average is None else f"{average:.3f}",
        "–" if low is None else f"{low:.3f} to {high:.3f}",
        "–" if deviation is None else f"{deviation:.3f}",
    ]
    if any(other.macro for other in comparison.groups):
        entries += [f"{macro.mean:.3f}", f"{macro.worst_group} {macro.worst:.3f}"] if macro else ["–", "–"]
    return entries + [_events(group, rate) for rate in alarm_rates(comparison)]


def _events(group: RunGroup, rate: float) -> str:
    """Events found and false alarms per hour of normal test footage, "12 of 29, 3.1/h"; means over seeds."""
    found = [run.alarms[rate] for run in group.runs if rate in run.alarms]
    if not found:
        return "–"
    detected, events = mean(alarms["detected"] for alarms in found), found[0]["events"]
    realised = [alarms["false_alarms_per_hour"] for alarms in found]
    per_hour = "" if None in realised else f", {mean(realised):.3g}/h"
    return f"{detected:g} of {events}{per_hour}"


def _table_entries(comparison: Comparison, group: RunGroup) -> list[str]:
    keys = [format_value(group[key]) for key in key_headings(comparison)]
    return [*keys, group.score_type, *number_entries(comparison, group)]


def _method(run: RunResult) -> dict[str, Value]:
    return {MODEL: run.model, DATA: run.data, "simulated": run.simulated}


def _flatten_metrics(metrics: dict[str, Any]) -> dict[str, Any]:
    """Flatten entries of metrics.json; an interval becomes two columns."""
    columns: dict[str, Any] = {}
    for key, value in flatten(metrics).items():
        is_interval = isinstance(value, list) and len(value) == 2
        columns |= {f"{key}_low": value[0], f"{key}_high": value[1]} if is_interval else {key: value}
    return columns


def _write_csv(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Write rows that may have different columns; a table without rows has an empty header line."""
    with atomic_write(path, newline="") as file:
        writer = csv.DictWriter(file, list(dict.fromkeys(key for row in rows for key in row)), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def _escape(entry: str) -> str:
    """Escape what would break a Markdown table."""
    return entry.replace("|", r"\|").replace("\n", " ")
