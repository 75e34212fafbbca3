"""What was found, as CSV for programs and Markdown for documents."""

import csv
from collections.abc import Sequence
from pathlib import Path

from localisation.locate import ALL, Row
from skelmap.utils.io import atomic_write


def write_csv(rows: Sequence[Row], path: Path) -> None:
    """Write all rows.

    Raises:
        UserError: the file cannot be written.
    """
    with atomic_write(path, newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def markdown(rows: Sequence[Row]) -> str:
    """Tabulate median errors in px against map size: all joints for each drawing, then each joint for the first one."""
    first = rows[0]
    drawing = ("resample", "line_unit", "crop_size")
    of_first = [row for row in rows if all(row[key] == first[key] for key in drawing)]
    kind = "simulated" if first["simulated"] else "real"
    return "\n".join(
        [
            f"{first['data']} ({kind}): median error of the detected joints, source px; "
            f"{first['train_frames']:,} frames to learn from, {first['frames']:,} of {first['clips']} clips to judge; "
            f"seed {first['seed']}.",
            "",
            *_table([row for row in rows if row["joint"] == ALL], (*drawing, "in_cut", "method")),
            "",
            f"Each joint: {first['resample']}, lines in {first['line_unit']} px, cut of {first['crop_size']} px.",
            "",
            *_table(of_first, ("joint", "method")),
            "",
        ]
    )


def _table(rows: Sequence[Row], keys: Sequence[str]) -> list[str]:
    sizes = sorted({row["img_size"] for row in rows})
    cells = {(*(row[key] for key in keys), row["img_size"]): row["median_px"] for row in rows}
    names = list(dict.fromkeys(cell[:-1] for cell in cells))
    lines = [[*keys, *map(str, sizes)], ["---"] * len(keys) + ["--:"] * len(sizes)]
    for name in names:
        errors = [cells.get((*name, size)) for size in sizes]
        lines.append([*map(str, name), *("–" if error is None else f"{error:.1f}" for error in errors)])
    return ["| " + " | ".join(line) + " |" for line in lines]
