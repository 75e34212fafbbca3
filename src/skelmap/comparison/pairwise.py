"""Paired comparisons: two settings that differ in one key, on the same clips and the same seeds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from statistics import mean

import numpy as np

from skelmap.comparison.groups import Group, best_first
from skelmap.comparison.runs import Value, order, text
from skelmap.comparison.swept_keys import DATA, MODEL, SCORING, Keys
from skelmap.evaluation.bootstrap import RESAMPLES, holm, interval, two_sided_p
from skelmap.evaluation.metrics import Floats

MOST = 200
"""Where one key would get more comparisons, they are averaged over the other numeric keys, then over all others.
2 / (RESAMPLES + 1) is the least p that resamples can show; corrected for 200 comparisons it is 0.04."""


@dataclass(frozen=True)
class PairedComparison:
    """The difference of two mean AUROCs.

    Attributes:
        key: what differs: a swept key, `model` or `scoring`.
        first: its value in the first setting (a model is named with its scoring).
        second: in the second one.
        at: what both have in common: values by key; several values are averaged over.
        seeds: that both have.
        first_mean: AUROC on the frames and seeds that both have.
        second_mean: likewise.
        low: lower end of the difference's 95 % interval.
        high: upper end.
        p: two-sided, of the bootstrap.
        p_holm: corrected for the number of comparisons.
        number: of comparisons that p_holm is corrected for.
    """

    key: str
    first: str
    second: str
    at: Mapping[str, str]
    seeds: int
    first_mean: float
    second_mean: float
    low: float
    high: float
    p: float
    p_holm: float
    number: int

    @property
    def difference(self) -> float:
        """Second less first."""
        return self.second_mean - self.first_mean


Pair = tuple[str, Group, Group]
"""The key in which two groups differ, and the groups."""


def compare(groups: Sequence[Group], keys: Keys) -> tuple[list[PairedComparison], list[str]]:
    """Compare all settings that differ in one key, and all models with one another.

    Scorings are compared if they score every judged frame: a frame model per frame and averaged over T stands against
    a sequence model's window score. Models that have the same scorings are compared scoring by scoring.

    Args:
        groups: of the whole sweep.
        keys: its swept keys.

    Returns:
        The comparisons, corrected for the number of those of the same key on the same data (models and scorings count
        as one key), and notes on those that could not be made.
    """
    families: dict[tuple[str, Value], list[Pair]] = {}
    for pair in _pairs([group for group in groups if group.whole], keys):
        families.setdefault((MODEL if pair[0] == SCORING else pair[0], pair[1][DATA]), []).append(pair)
    found: list[PairedComparison] = []
    notes = []
    for (key, _), pairs in families.items():
        gathered = _gather(pairs, keys)
        family = [comparison for same in gathered if (comparison := _compare(same, keys))]
        corrected = holm([comparison.p for comparison in family])
        found += [replace(c, p_holm=p, number=len(family)) for c, p in zip(family, corrected, strict=True)]
        if len(family) < len(gathered):
            lost = len(gathered) - len(family)
            notes.append(f"{key}: {lost} comparisons could not be made: no seed or too few clips in common")
        if len(family) * 2 / (RESAMPLES + 1) > 0.05:
            notes.append(f"{key}: {len(family)} comparisons: too many for {RESAMPLES:,} resamples to show p = 0.05")
    return found, notes


def _gather(pairs: Sequence[Pair], keys: Keys) -> list[list[Pair]]:
    """Put pairs that are averaged over together: each on its own, unless these would be too many."""
    gathered: dict[tuple[Value, ...], list[Pair]] = {}
    for averaged in ((), keys.numeric, keys.swept):
        gathered = {}
        for pair in pairs:
            gathered.setdefault(_common(pair, keys, averaged), []).append(pair)
        if len(gathered) <= MOST:
            break
    return list(gathered.values())


def _pairs(groups: Sequence[Group], keys: Keys) -> list[Pair]:
    scorings: dict[Value, set[str]] = {}
    for group in groups:
        scorings.setdefault(group[MODEL], set()).add(group.scoring)
    rank = best_first(groups)
    pairs = []
    for first, second in combinations(groups, 2):
        if first[DATA] != second[DATA]:
            continue
        key = _difference(first, second, keys)
        same_choice = scorings[first[MODEL]] == scorings[second[MODEL]]
        if key is None or (key == MODEL and same_choice and first.scoring != second.scoring):
            continue
        a, b = sorted((first, second), key=lambda g: _side(key, g, rank))
        pairs.append((key, a, b))
    return sorted(pairs, key=lambda pair: [MODEL, SCORING, *keys.swept].index(pair[0]))


def _difference(first: Group, second: Group, keys: Keys) -> str | None:
    """Name the one key in which two groups differ; between models, a key that one of them lacks does not count."""
    method = MODEL if first[MODEL] != second[MODEL] else SCORING if first.scoring != second.scoring else None
    rest = [key for key in keys.swept if key not in (MODEL, DATA) and first[key] != second[key]]
    if method:
        return None if any(None not in (first[key], second[key]) for key in rest) else method
    return rest[0] if len(rest) == 1 else None


def _side(key: str, group: Group, rank: Sequence[str]) -> tuple[int, float, str]:
    """Say which group comes first: smaller numbers, the model that is worse over the whole sweep, primary scorings."""
    if key == MODEL:
        return 0, -rank.index(str(group[MODEL])), ""
    return (0, not group.primary, "") if key == SCORING else order(group[key])


def _common(pair: Pair, keys: Keys, averaged: Sequence[str]) -> tuple[Value, ...]:
    """Tell a comparison apart from the others: what is compared, and at which values of the keys not averaged over."""
    key, *sides = pair
    shown = [DATA, MODEL, SCORING, *(k for k in keys.swept if k == key or k not in averaged)]
    return (key, *(group[k] for group in sides for k in shown))


def _compare(pairs: Sequence[Pair], keys: Keys) -> PairedComparison | None:
    """Compare the two sides of all pairs, averaged; None without a seed or an interval in common."""
    parts = [part for _, first, second in pairs if (part := _on_common_ground(first, second))]
    if not parts:
        return None
    draws = np.mean([part[2] for part in parts], axis=0)
    low, high, _ = interval(draws)
    key, first, second = pairs[0]
    if low is None or high is None or first.aurocs.units(str(first[DATA])).count < 2:
        return None
    return PairedComparison(
        key, name(first, key), name(second, key), _at(pairs, keys),
        min(part[3] for part in parts), mean(part[0] for part in parts), mean(part[1] for part in parts),
        low, high, two_sided_p(draws), 1.0, 1,
    )  # fmt: skip


def _on_common_ground(first: Group, second: Group) -> tuple[float, float, Floats, int] | None:
    """Mean AUROC of both, (B,) resampled differences, and seeds, on the seeds and frames that both have."""
    mine, yours = dict(zip(first.seeds, first.cells, strict=True)), dict(zip(second.seeds, second.cells, strict=True))
    shared = [s for s in first.seeds if s in yours]
    a, b, draws = [], [], []
    for s in shared:
        (x, dx), (y, dy) = first.aurocs.both((mine[s], first.scoring), (yours[s], second.scoring))
        if x is None or y is None:
            return None
        a.append(x)
        b.append(y)
        draws.append(dy - dx)
    return (mean(a), mean(b), first.aurocs.mean(draws), len(shared)) if shared else None


def name(group: Group, key: str) -> str:
    """Name one side of a comparison."""
    if key in (MODEL, SCORING):
        return f"{group[MODEL]}, {group.scoring}"
    return text(group[key])


def _at(pairs: Sequence[Pair], keys: Keys) -> dict[str, str]:
    key, first, _ = pairs[0]
    at = {DATA: str(first[DATA])} if DATA in keys.swept else {}
    if key not in (MODEL, SCORING):
        at |= {MODEL: name(first, MODEL)}
    for other in keys.swept:
        if other in (key, MODEL, DATA):
            continue
        values = {group[other] for _, *sides in pairs for group in sides} - {None}
        if values:
            at[other] = ", ".join(text(v) for v in sorted(values, key=order))
    return at
