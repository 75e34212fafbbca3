"""Paired comparisons: two settings that differ in one key, on the same clips, frames and seeds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from statistics import mean

import numpy as np

from skelmap.comparison.groups import RunGroup, models_by_auroc
from skelmap.comparison.runs import Value, format_value, sort_key
from skelmap.comparison.swept_keys import DATA, MODEL, SCORE_TYPE, SweptKeys
from skelmap.evaluation.bootstrap import RESAMPLES, holm, interval, two_sided_p
from skelmap.evaluation.metrics import Floats

MAX_COMPARISONS = 200
"""Limit for each key: the smallest p of RESAMPLES replicates is 2 / (RESAMPLES + 1), 0.04 after correction for 200."""


@dataclass(frozen=True)
class PairedComparison:
    """The difference of two mean AUROCs.

    Attributes:
        key: the key that differs: a swept key, `model` or `score_type`.
        first: its value in the first setting; a model is named with its score type.
        second: its value in the second setting.
        shared: formatted values of the other keys, common to both settings; several values are averaged over.
        seeds: number of seeds that both have.
        first_mean: mean AUROC of the first setting on the frames and seeds that both have.
        second_mean: likewise of the second.
        low: lower end of the difference's 95 % interval.
        high: upper end.
        p: two-sided bootstrap p-value.
        p_holm: p-value with Holm's correction for `family_size` comparisons.
        family_size: number of comparisons of the same key on the same data set.
    """

    key: str
    first: str
    second: str
    shared: Mapping[str, str]
    seeds: int
    first_mean: float
    second_mean: float
    low: float
    high: float
    p: float
    p_holm: float
    family_size: int

    @property
    def difference(self) -> float:
        """Mean AUROC of the second setting minus that of the first."""
        return self.second_mean - self.first_mean


Pair = tuple[str, RunGroup, RunGroup]
"""The key in which two groups differ, and the groups."""


def compare_pairs(
    groups: Sequence[RunGroup], keys: SweptKeys, max_comparisons: int = MAX_COMPARISONS
) -> tuple[list[PairedComparison], list[str]]:
    """Compare all settings that differ in one key, and all models with each other.

    Models are compared by their primary scores, which a camera would give, and by their second ones, each on the frames
    that have a score in both. Smoothed scores are not compared.

    Args:
        groups: of the whole sweep.
        keys: its swept keys.
        max_comparisons: if a key has more, they are averaged over the other numeric keys, then over all other keys.

    Returns:
        The comparisons, and notes on those that are not possible. p-values are corrected for the number of comparisons
        of the same key on the same data set; `model` and `score_type` count as one key.
    """
    families: dict[tuple[str, str], list[Pair]] = {}
    for pair in _find_pairs([group for group in groups if group.compared], keys):
        families.setdefault((MODEL if pair[0] == SCORE_TYPE else pair[0], pair[1].data), []).append(pair)
    comparisons: list[PairedComparison] = []
    notes = []
    for (key, _), pairs in families.items():
        merged = _merge_pairs(pairs, keys, max_comparisons)
        family = [comparison for same in merged if (comparison := _compare(same, keys))]
        corrected = holm([comparison.p for comparison in family])
        comparisons += [replace(c, p_holm=p, family_size=len(family)) for c, p in zip(family, corrected, strict=True)]
        if len(family) < len(merged):
            missing = len(merged) - len(family)
            notes.append(f"{key}: {missing} comparisons are not possible: no seed or too few clips in common")
        if len(family) * 2 / (RESAMPLES + 1) > 0.05:
            notes.append(f"{key}: {len(family)} comparisons are too many for {RESAMPLES:,} resamples to reach p = 0.05")
    return comparisons, notes


def _merge_pairs(pairs: Sequence[Pair], keys: SweptKeys, max_comparisons: int) -> list[list[Pair]]:
    """Put pairs to be averaged together in one list: each pair alone, unless there are too many."""
    merged: dict[tuple[Value, ...], list[Pair]] = {}
    for averaged in ((), keys.numeric, keys.swept):
        merged = {}
        for pair in pairs:
            merged.setdefault(_identity(pair, keys, averaged), []).append(pair)
        if len(merged) <= max_comparisons:
            break
    return list(merged.values())


def _find_pairs(groups: Sequence[RunGroup], keys: SweptKeys) -> list[Pair]:
    rank = models_by_auroc(groups)
    pairs = []
    for first, second in combinations(groups, 2):
        if first.data != second.data:
            continue
        key = _differing_key(first, second, keys)
        if key is None or (key == MODEL and first.primary != second.primary):
            continue
        a, b = sorted((first, second), key=lambda group: _side_order(key, group, rank))
        pairs.append((key, a, b))
    return sorted(pairs, key=lambda pair: [MODEL, SCORE_TYPE, *keys.swept].index(pair[0]))


def _differing_key(first: RunGroup, second: RunGroup, keys: SweptKeys) -> str | None:
    """Find the one key in which two groups differ; between models, a key that one of them lacks does not count."""
    method = MODEL if first.model != second.model else SCORE_TYPE if first.score_type != second.score_type else None
    others = [key for key in keys.swept if key not in (MODEL, DATA) and first[key] != second[key]]
    if method:
        return None if any(None not in (first[key], second[key]) for key in others) else method
    return others[0] if len(others) == 1 else None


def _side_order(key: str, group: RunGroup, rank: Sequence[str]) -> tuple[int, float, str]:
    """Order the sides: the smaller number, the model with the lower mean AUROC, or the primary score type first."""
    if key == MODEL:
        return 0, -rank.index(group.model), ""
    return (0, not group.primary, "") if key == SCORE_TYPE else sort_key(group[key])


def _identity(pair: Pair, keys: SweptKeys, averaged: Sequence[str]) -> tuple[Value, ...]:
    """Identify a comparison by its sides and by the values of the keys that are not averaged over."""
    key, *sides = pair
    shown = [DATA, MODEL, SCORE_TYPE, *(k for k in keys.swept if k == key or k not in averaged)]
    return (key, *(group[k] for group in sides for k in shown))


def _compare(pairs: Sequence[Pair], keys: SweptKeys) -> PairedComparison | None:
    """Compare the sides, averaged over pairs; None without a common seed or an interval."""
    parts = [part for _, first, second in pairs if (part := _paired_means(first, second))]
    if not parts:
        return None
    differences = np.mean([part[2] for part in parts], axis=0)
    low, high, _ = interval(differences)
    key, first, second = pairs[0]
    if low is None or high is None or first.units.count < 2:
        return None
    return PairedComparison(
        key=key,
        first=_side_name(first, key),
        second=_side_name(second, key),
        shared=_shared_values(pairs, keys),
        seeds=min(part[3] for part in parts),
        first_mean=mean(part[0] for part in parts),
        second_mean=mean(part[1] for part in parts),
        low=low,
        high=high,
        p=two_sided_p(differences),
        p_holm=1.0,  # corrected once the whole family is known
        family_size=1,
    )


def _paired_means(first: RunGroup, second: RunGroup) -> tuple[float, float, Floats, int] | None:
    """Compute two mean AUROCs on common frames and seeds.

    Returns:
        Both means, (B,) replicates of their difference, and the number of common seeds; None without a common seed, or
        where a run's common frames are of one class.
    """
    first_runs, second_runs = (dict(zip(group.seeds, group.runs, strict=True)) for group in (first, second))
    shared = [seed for seed in first.seeds if seed in second_runs]
    aurocs: tuple[list[float], list[float]] = ([], [])
    differences = []
    for seed in shared:
        (a, a_replicates), (b, b_replicates) = first.bootstrap.paired_aurocs(
            (first_runs[seed], first.score_type), (second_runs[seed], second.score_type)
        )
        if a is None or b is None:
            return None
        aurocs[0].append(a)
        aurocs[1].append(b)
        differences.append(b_replicates - a_replicates)
    if not shared:
        return None
    return mean(aurocs[0]), mean(aurocs[1]), first.bootstrap.mean_over_seeds(differences), len(shared)


def _side_name(group: RunGroup, key: str) -> str:
    if key in (MODEL, SCORE_TYPE):
        return f"{group.model}, {group.score_type}"
    return format_value(group[key])


def _shared_values(pairs: Sequence[Pair], keys: SweptKeys) -> dict[str, str]:
    """Format the values of the keys other than the compared one."""
    key, first, _ = pairs[0]
    shared = {DATA: first.data} if DATA in keys.swept else {}
    if key not in (MODEL, SCORE_TYPE):
        shared |= {MODEL: _side_name(first, MODEL)}
    for other in keys.swept:
        if other in (key, MODEL, DATA):
            continue
        values = {group[other] for _, *sides in pairs for group in sides} - {None}
        if values:
            shared[other] = ", ".join(format_value(value) for value in sorted(values, key=sort_key))
    return shared
