"""The last words of a run, for the terminal."""

from rich.table import Table
from rich.text import Text

from skelmap.evaluation.judgement import Area, Judgement


def console_table(judgement: Judgement, title: str = "") -> Table:
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


def _left_out(judgement: Judgement) -> str:
    """Say how many frames no number speaks of; empty if there are none."""
    counts = judgement.frames.counts
    if not counts.left_out:
        return ""
    return (
        f"{counts.left_out:,} frames are not judged, {counts.left_out_abnormal:,} of them abnormal: everybody in them "
        f"is seen for fewer than {judgement.shortest} frames"
    )


def _area(area: Area) -> tuple[Text, Text]:
    low, high, _ = area.interval
    value = "–" if area.value is None else f"{area.value:.3f}"
    return Text(value, style="bold"), Text("–" if low is None else f"{low:.3f} to {high:.3f}")
