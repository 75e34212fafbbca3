"""The study as tables: CSV for programs, Markdown for documents, one for the terminal."""

import csv
from collections.abc import Sequence
from pathlib import Path
from statistics import mean
from typing import Any

from rich.table import Table
from rich.text import Text

from skelmap.comparison.comparison import Comparison
from skelmap.comparison.groups import Group
from skelmap.comparison.runs import RunResult, Value, text
from skelmap.comparison.swept_keys import DATA, MODEL, SEED
from skelmap.evaluation.bootstrap import FEWEST_GROUPS, RESAMPLES
from skelmap.utils.io import atomic_write
from skelmap.utils.names import flatten

COSTS = {"train_seconds": "training, s", "peak_memory_mb": "memory, MB", "parameters": "parameters"}
"""What a cell costs: entry of metrics.json and its heading."""


def write_tables(study: Comparison, folder: Path) -> None:
    """Write cells.csv, table.csv, table.md and paired.csv.

    Args:
        study: what to write.
        folder: made if it is not there.

    Raises:
        UserError: the folder cannot be written.
    """
    _write_csv(folder / "cells.csv", cell_rows(study))
    _write_csv(folder / "table.csv", [group_row(study, group) for group in study.groups])
    _write_csv(folder / "paired.csv", comparison_rows(study))
    with atomic_write(folder / "table.md") as file:
        file.write(markdown(study))


def cell_rows(study: Comparison) -> list[dict[str, Any]]:
    """One row a cell: folder, state, swept keys, seed, and all numbers of metrics.json."""
    rows = []
    for cell in study.cells:
        keys = {key: value for key in study.keys.swept if (value := cell.config.get(key)) is not None}
        numbers = _columns({k: v for k, v in cell.metrics.items() if k not in (MODEL, DATA, SEED, "groups", "details")})
        rows.append({"cell": cell.name, "state": "finished", **_identity(cell), **keys, SEED: cell.seed, **numbers})
    for other in study.broken:
        known = {k: other.config[k] for k in (*study.keys.swept, SEED) if k in other.config}
        rows.append({"cell": other.name, "state": other.state, **known, "cause": other.cause})
    return rows


def group_row(study: Comparison, group: Group) -> dict[str, Any]:
    """One row of table.csv; costs are means over the seeds."""
    low, high = group.estimate.low, group.estimate.high
    return {
        **_identity(group.cells[0]),
        **{key: group[key] for key in study.keys.swept if key not in (MODEL, DATA)},
        "scoring": group.scoring,
        "seeds": len(group.cells),
        "resampled": str(group.aurocs.units(group.cells[0].data)),
        "auroc": group.estimate.mean,
        "auroc_low": low,
        "auroc_high": high,
        "seed_deviation": group.seed_deviation,
        "reason": group.estimate.reason,
        **{name: cost(group.cells, name) for name in COSTS},
    }


def comparison_rows(study: Comparison) -> list[dict[str, Any]]:
    """One row a comparison; the columns after `key` to `second` hold what both settings have in common."""
    return [
        {
            "key": c.key,
            "first": c.first,
            "second": c.second,
            **c.at,
            "seeds": c.seeds,
            "auroc_first": c.first_mean,
            "auroc_second": c.second_mean,
            "difference": c.difference,
            "difference_low": c.low,
            "difference_high": c.high,
            "p": c.p,
            "p_holm": c.p_holm,
            "comparisons": c.number,
        }
        for c in study.comparisons
    ]


def cost(cells: Sequence[RunResult], name: str) -> float | None:
    """Average an entry of metrics.json over cells; None if one of them lacks it."""
    values = [cell.metrics.get(name) for cell in cells]
    return None if any(not isinstance(value, int | float) for value in values) else mean(values)  # type: ignore[type-var]


def columns(study: Comparison) -> dict[str, str]:
    """Keys that tell the groups apart, with their headings: model first, then the swept keys."""
    return {MODEL: MODEL, **{key: study.keys.short(key) for key in study.keys.swept if key != MODEL}}


def how(study: Comparison) -> str:
    """Say what the numbers of the table are."""
    groups = {group.cells[0].data: group for group in study.groups}
    units = "; ".join(f"{data}: {group.aurocs.units(data)}" for data, group in groups.items())
    return (
        f"AUROC is the mean over seeds. Its 95 % interval holds the middle of {RESAMPLES:,} resamples, each of which "
        f"draws the test recordings ({units}) and the seeds together, with replacement: as many groups or clips as "
        "there are, the same ones for every setting and seed, and n - 1 of the n seeds, which makes the variance of a "
        "mean over few seeds come out right. A group is a person, a session or a camera; with fewer than "
        f"{FEWEST_GROUPS} of them clips are drawn, and the interval leaves out how groups differ. With one seed, or "
        "none that differ, it speaks of the recordings alone; with two or three that differ much, it is too narrow."
    )


def markdown(study: Comparison) -> str:
    """Write the table of groups with what must be known to read it."""
    heads = [*columns(study).values(), "scoring", "seeds", "AUROC", "95 % interval", "± over seeds"]
    lines = [
        f"# {study.folder.resolve().name}",
        "",
        f"{study.states}. Data: {', '.join(study.data)}.",
        "",
        "| " + " | ".join(heads) + " |",
        "|" + "---|" * len(heads),
    ]
    lines += ["| " + " | ".join(_escape(entry) for entry in _entries(study, group)) + " |" for group in study.groups]
    lines += ["", how(study), ""]
    if study.broken:
        lines += ["Without results:", ""]
        lines += [f"- {_escape(cell.name)}: {cell.state}: {_escape(cell.cause)}" for cell in study.broken] + [""]
    lines += [f"- {_escape(note)}" for note in study.notes] + [""] * bool(study.notes)
    return "\n".join(lines)


def console_table(study: Comparison) -> Table:
    """Build the table of groups for the terminal."""
    table = Table(title=Text(f"{study.states}; data: {', '.join(study.data)}"), title_justify="left")
    for head in columns(study).values():
        table.add_column(Text(head), overflow="fold")
    table.add_column("scoring", no_wrap=True)
    for head in ("seeds", "AUROC", "95 % interval", "± over seeds"):
        table.add_column(head, justify="right", no_wrap=True)
    for group in study.groups:
        table.add_row(*(Text(entry) for entry in _entries(study, group)))
    if study.broken:
        table.caption = Text("\n".join(f"{cell.name}: {cell.state}: {cell.cause}" for cell in study.broken))
        table.caption_justify = "left"
    return table


def _entries(study: Comparison, group: Group) -> list[str]:
    average, low, high, _ = group.estimate
    deviation = group.seed_deviation
    return [
        *(text(group[key]) for key in columns(study)),
        group.scoring,
        str(len(group.cells)),
        "–" if average is None else f"{average:.3f}",
        "–" if low is None else f"{low:.3f} to {high:.3f}",
        "–" if deviation is None else f"{deviation:.3f}",
    ]


def _identity(cell: RunResult) -> dict[str, Value]:
    return {MODEL: cell.model, DATA: cell.data, "simulated": cell.simulated}


def _columns(metrics: dict[str, Any]) -> dict[str, Any]:
    """Flatten metrics.json: an interval becomes two columns."""
    found: dict[str, Any] = {}
    for key, value in flatten(metrics).items():
        interval = isinstance(value, list) and len(value) == 2
        found |= {f"{key}_low": value[0], f"{key}_high": value[1]} if interval else {key: value}
    return found


def _write_csv(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Write rows that may have different columns; a table without rows is an empty file."""
    with atomic_write(path, newline="") as file:
        writer = csv.DictWriter(file, list(dict.fromkeys(key for row in rows for key in row)), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def _escape(entry: str) -> str:
    """Keep a table's bars where they belong."""
    return entry.replace("|", r"\|").replace("\n", " ")
