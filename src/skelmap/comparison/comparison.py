"""Compare the runs of a sweep: read, group, compare, write."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from skelmap.comparison.groups import Group, make_groups
from skelmap.comparison.pairwise import PairedComparison, compare
from skelmap.comparison.runs import FailedRun, RunResult, read_cells
from skelmap.comparison.swept_keys import Keys, find_keys
from skelmap.utils.errors import UserError


@dataclass(frozen=True, eq=False)
class Comparison:
    """What a sweep says.

    Attributes:
        folder: the sweep's.
        seed: of the resamples.
        cells: finished.
        broken: failed, unfinished or damaged.
        keys: what was swept.
        groups: cells taken together over seeds, one item for each setting and scoring.
        comparisons: between them.
        notes: sentences that a reader should know.
    """

    folder: Path
    seed: int
    cells: Sequence[RunResult]
    broken: Sequence[FailedRun]
    keys: Keys
    groups: Sequence[Group]
    comparisons: Sequence[PairedComparison]
    notes: Sequence[str]

    @property
    def data(self) -> list[str]:
        """Names of the data; each says if it is simulated."""
        return sorted({cell.data for cell in self.cells})

    @property
    def simulated(self) -> bool:
        """Some of the data is simulated."""
        return any(cell.simulated for cell in self.cells)

    @property
    def states(self) -> str:
        """How many cells there are of each kind: "24 cells finished, 1 failed"."""
        counts = Counter(cell.state for cell in self.broken)
        others = "".join(f", {counts[state]} {state}" for state in ("failed", "unfinished", "damaged") if counts[state])
        return f"{len(self.cells)} cell{'s' * (len(self.cells) != 1)} finished{others}"


def build_comparison(folder: Path, seed: int = 0) -> Comparison:
    """Read a sweep's folder and judge its settings.

    Args:
        folder: the sweep's folder; runs may lie at any depth.
        seed: of the resamples.

    Returns:
        The study; nothing is written.

    Raises:
        UserError: no such folder, or no finished cell in it.
    """
    cells, broken = read_cells(folder)
    if not cells:
        causes = "".join(f"\n  {cell.name}: {cell.state}: {cell.cause}" for cell in broken[:10])
        raise UserError(f"{folder}: no finished run to study (one has config.yaml, metrics.json, scores.csv){causes}")
    keys = find_keys(cells)
    groups, notes = make_groups(cells, keys, seed)
    comparisons, more = compare(groups, keys)
    return Comparison(folder, seed, cells, broken, keys, groups, comparisons, [*_notes(cells), *notes, *more])


def _notes(cells: Sequence[RunResult]) -> list[str]:
    """Say what makes cells hard to compare."""
    revisions = Counter(cell.versions.get("git", "unknown") for cell in cells)
    if len(revisions) == 1:
        return []
    found = ", ".join(f"{revision} ({count})" for revision, count in revisions.most_common())
    return [f"The cells come from different revisions of the code: {found}"]
