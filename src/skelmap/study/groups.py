"""Cells of one setting, taken together over their seeds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import mean, stdev
from typing import NamedTuple

import numpy as np

from skelmap.evaluation.bootstrap import ALONE, interval
from skelmap.evaluation.metrics import Floats
from skelmap.study.aurocs import Aurocs
from skelmap.study.cells import Cell
from skelmap.study.keys import DATA, MODEL, SCORING, Keys, value
from skelmap.study.values import Value, order


class Estimate(NamedTuple):
    """A mean AUROC with its 95 % interval, or the reason why there is none.

    Attributes:
        mean: over seeds (and settings), or None.
        low: lower end, or None.
        high: upper end, or None.
        reason: why something is missing; empty where nothing is.
    """

    mean: float | None
    low: float | None
    high: float | None
    reason: str

    def __str__(self) -> str:
        if self.mean is None:
            return "–"
        return f"{self.mean:.3f}" if self.low is None else f"{self.mean:.3f} [{self.low:.3f}, {self.high:.3f}]"


@dataclass(frozen=True, eq=False)
class Group:
    """One scoring of the cells that differ in nothing but the seed.

    Attributes:
        setting: value by swept key.
        scoring: frame, averaged, window, online, ...
        primary: it is the cells' primary scoring.
        cells: in the order of their seeds, one a seed.
        aurocs: the sweep's.
    """

    setting: Mapping[str, Value]
    scoring: str
    primary: bool
    cells: tuple[Cell, ...]
    aurocs: Aurocs

    def __getitem__(self, key: str) -> Value:
        """Value of a swept key, or of `model`, `data`, `scoring`, swept or not."""
        own = {MODEL: self.cells[0].model, DATA: self.cells[0].data, SCORING: self.scoring}
        return own[key] if key in own else self.setting[key]

    @property
    def seeds(self) -> tuple[Value, ...]:
        """The cells' seeds."""
        return tuple(cell.seed for cell in self.cells)

    @cached_property
    def values(self) -> list[float | None]:
        """AUROC of each cell."""
        return [self.aurocs.of(cell, self.scoring)[0] for cell in self.cells]

    @cached_property
    def draws(self) -> Floats:
        """(B,) mean AUROC over the seeds of each resample."""
        return self.aurocs.mean([self.aurocs.of(cell, self.scoring)[1] for cell in self.cells])

    @property
    def seed_deviation(self) -> float | None:
        """Standard deviation of the AUROC over the seeds; None with one seed."""
        known = [v for v in self.values if v is not None]
        return stdev(known) if len(known) > 1 else None

    @property
    def whole(self) -> bool:
        """It scores every judged frame; an online score leaves out the first ones and is not compared with others."""
        return not any(np.isnan(cell.scores.by_scoring[self.scoring]).any() for cell in self.cells)

    @cached_property
    def estimate(self) -> Estimate:
        """Mean AUROC over the seeds."""
        return pooled([self])


def pooled(groups: Sequence[Group]) -> Estimate:
    """Average the AUROC of one or several groups of the same data, resampled together.

    Args:
        groups: at least one.
    """
    values = [v for group in groups for v in group.values]
    if None in values:
        return Estimate(None, None, None, "normal or abnormal frames only; an AUROC needs both")
    average = mean(mean(v for v in group.values if v is not None) for group in groups)
    if groups[0].aurocs.units(groups[0].cells[0].data).count < 2:
        return Estimate(average, None, None, ALONE)
    draws = groups[0].draws if len(groups) == 1 else np.mean([group.draws for group in groups], axis=0)
    return Estimate(average, *interval(draws))


def make_groups(cells: Sequence[Cell], keys: Keys, seed: int) -> tuple[list[Group], list[str]]:
    """Group cells that differ in nothing but the seed.

    Args:
        cells: the finished ones.
        keys: their swept keys.
        seed: of the resamples.

    Returns:
        The groups, sorted by data, by the other keys, and by model from the best AUROC down, the primary scoring first;
        and a note for each cell that repeats another's setting and seed, of which the last one in the order of names
        counts.
    """
    aurocs = Aurocs(cells, seed)
    settings: dict[tuple[Value, ...], dict[Value, Cell]] = {}
    notes = []
    for cell in cells:
        of_setting = settings.setdefault(tuple(value(cell, key) for key in keys.swept), {})
        if cell.seed in of_setting:
            notes.append(f"{of_setting[cell.seed].name}: left out, {cell.name} has the same setting and seed")
        of_setting[cell.seed] = cell
    groups = []
    for values, by_seed in settings.items():
        ordered = tuple(by_seed[s] for s in sorted(by_seed, key=order))
        setting = dict(zip(keys.swept, values, strict=True))
        shared = [s for s in ordered[0].scores.by_scoring if all(s in cell.scores.by_scoring for cell in ordered)]
        groups += [Group(setting, s, i == 0, ordered, aurocs) for i, s in enumerate(shared)]
    rank = {model: position for position, model in enumerate(best_first(groups))}
    rest = [key for key in keys.swept if key not in (MODEL, DATA)]
    groups.sort(key=lambda g: (g[DATA], [order(g[key]) for key in rest], rank[str(g[MODEL])]))
    return groups, notes


def best_first(groups: Sequence[Group]) -> list[str]:
    """Sort the models by the mean AUROC of their primary scoring, from the best down."""
    found: dict[str, list[float]] = {}
    for group in groups:
        found.setdefault(str(group[MODEL]), []).extend(v for v in group.values if v is not None and group.primary)
    return sorted(found, key=lambda model: -mean(found[model] or [0]))
