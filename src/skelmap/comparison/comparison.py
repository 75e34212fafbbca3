"""Compare the runs of a sweep: read them, group them by setting, test the differences."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from skelmap.comparison.folds import pool_folds
from skelmap.comparison.groups import RunGroup, group_runs
from skelmap.comparison.pairwise import PairedComparison, compare_pairs
from skelmap.comparison.runs import FailedRun, RunResult, read_runs
from skelmap.comparison.swept_keys import SweptKeys, find_swept_keys
from skelmap.utils.errors import UserError


@dataclass(frozen=True, eq=False)
class Comparison:
    """The results of a sweep.

    Attributes:
        folder: the sweep's folder.
        seed: of the resampling.
        runs: the finished runs.
        failed: the failed, unfinished or damaged runs.
        keys: the swept keys.
        groups: runs that differ only in the seed, one group for each setting and score type.
        pairs: paired comparisons between groups.
        notes: warnings for the reader.
    """

    folder: Path
    seed: int
    runs: Sequence[RunResult]
    failed: Sequence[FailedRun]
    keys: SweptKeys
    groups: Sequence[RunGroup]
    pairs: Sequence[PairedComparison]
    notes: Sequence[str]

    @property
    def title(self) -> str:
        """What was swept, "model and img_size"; the name of the folder if nothing was."""
        names = [self.keys.short_name(key) for key in self.keys.swept]
        if not names:
            return self.folder.resolve().name
        return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))

    @property
    def data(self) -> list[str]:
        """Names of the data sets; simulated ones end in "(simulated)"."""
        return sorted({run.data for run in self.runs})

    @property
    def simulated(self) -> bool:
        """Whether any of the data sets is simulated."""
        return any(run.simulated for run in self.runs)

    @property
    def states(self) -> str:
        """Number of runs in each state: "24 runs finished, 1 failed"."""
        counts = Counter(run.state for run in self.failed)
        states = ("failed", "unfinished", "damaged", "not evaluated")
        others = "".join(f", {counts[state]} {state}" for state in states if counts[state])
        return f"{len(self.runs)} run{'s' * (len(self.runs) != 1)} finished{others}"


def compare_runs(folder: Path, seed: int = 0) -> Comparison:
    """Compare the runs below a folder; nothing is written.

    Args:
        folder: a sweep's folder; its runs may be nested at any depth.
        seed: of the resampling.

    Raises:
        UserError: there is no such folder, or no finished run in it.
    """
    runs, failed = read_runs(folder)
    if not runs:
        causes = "".join(f"\n  {run.name}: {run.state}: {run.cause}" for run in failed[:10])
        raise UserError(f"{folder}: no finished run to compare (one has config.yaml, metrics.json, scores.csv){causes}")
    pooled, fold_notes = pool_folds(runs)
    keys = find_swept_keys(pooled)
    groups, group_notes = group_runs(pooled, keys, seed)
    pairs, pair_notes = compare_pairs(groups, keys)
    notes = [*_notes(runs), *fold_notes, *group_notes, *pair_notes]
    return Comparison(folder, seed, runs, failed, keys, groups, pairs, notes)


def _notes(runs: Sequence[RunResult]) -> list[str]:
    """Warn if the runs come from different versions of the code."""
    revisions = Counter(run.versions.get("git", "unknown") for run in runs)
    if len(revisions) == 1:
        return []
    counts = ", ".join(f"{revision} ({count})" for revision, count in revisions.most_common())
    return [f"The runs come from different revisions of the code: {counts}"]
