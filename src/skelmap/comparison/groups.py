"""Groups of runs that differ in the seed alone, and their AUROC estimates."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import mean, stdev
from typing import NamedTuple

import numpy as np

from skelmap.comparison.runs import RunResult, Value, order
from skelmap.comparison.scores import Frames
from skelmap.comparison.swept_keys import DATA, MODEL, SCORING, Keys, value
from skelmap.evaluation.bootstrap import (
    TOO_FEW_CLIPS,
    ClusteredAUROC,
    SamplingUnits,
    interval,
    mean_over_seeds,
    unit_weights,
)
from skelmap.evaluation.metrics import Floats, Labels


class Aurocs:
    """AUROCs of cells, of all their frames and of resampled people or clips.

    Every clip of a data set has its place in the resamples, whichever cell it comes from; so two cells' AUROCs in
    resample b are of the same people or clips, and their difference is a paired one.

    Args:
        cells: the finished ones.
        seed: of the resamples.
    """

    def __init__(self, cells: Sequence[RunResult], seed: int) -> None:
        self._seed = seed
        groups: dict[str, dict[str, str]] = {}
        for cell in cells:
            known = cell.groups
            groups.setdefault(cell.data, {}).update({clip: known.get(clip, clip) for clip in cell.scores.frames.clips})
        self._clip = {data: {name: i for i, name in enumerate(sorted(names))} for data, names in groups.items()}
        self._units = {data: SamplingUnits.choose(of) for data, of in groups.items()}
        self._weights = {data: unit_weights(units.count, seed) for data, units in self._units.items()}
        self._known: dict[tuple[RunResult, str], tuple[float | None, Floats]] = {}

    def units(self, data: str) -> SamplingUnits:
        """What is resampled of a data set."""
        return self._units[data]

    def of(self, cell: RunResult, scoring: str) -> tuple[float | None, Floats]:
        """AUROC of a cell's scoring, None without both classes, and (B,) of the resamples, NaN likewise."""
        if (cell, scoring) not in self._known:
            index = np.flatnonzero(~np.isnan(cell.scores.by_scoring[scoring]))
            self._known[cell, scoring] = self._judge(cell, scoring, index)
        return self._known[cell, scoring]

    def both(
        self, first: tuple[RunResult, str], second: tuple[RunResult, str]
    ) -> tuple[tuple[float | None, Floats], tuple[float | None, Floats]]:
        """AUROCs of two cells of the same data on the frames that both of them score."""
        mine, yours = (np.flatnonzero(~np.isnan(cell.scores.by_scoring[scoring])) for cell, scoring in (first, second))
        frames, others = first[0].scores.frames, second[0].scores.frames
        if frames is others and np.array_equal(mine, yours):
            return self.of(*first), self.of(*second)
        place = self._clip[first[0].data]
        _, i, j = np.intersect1d(_codes(frames, mine, place), _codes(others, yours, place), return_indices=True)
        return self._judge(*first, mine[i]), self._judge(*second, yours[j])

    def mean(self, draws: Sequence[Floats]) -> Floats:
        """Average (B,) resampled values over resampled seeds, one item a seed."""
        return mean_over_seeds(draws, self._seed)

    def _judge(self, cell: RunResult, scoring: str, index: Labels) -> tuple[float | None, Floats]:
        """Judge the frames that `index` picks."""
        frames, units = cell.scores.frames, self._units[cell.data]
        unit = _places(frames, units.of)[frames.clip[index]]
        pairs = ClusteredAUROC.build(cell.scores.by_scoring[scoring][index], frames.label[index], unit, units.count)
        return pairs.auroc, pairs.draws(self._weights[cell.data])


def _places(frames: Frames, place: dict[str, int]) -> Labels:
    return np.array([place[name] for name in frames.clips], np.int64)


def _codes(frames: Frames, index: Labels, place: dict[str, int]) -> Labels:
    """Number each frame by clip, frame and label, alike in all cells of a data set."""
    clip, frame, label = (column[index] for column in (_places(frames, place)[frames.clip], frames.frame, frames.label))
    codes: Labels = (clip << 40) + (frame << 1) + label
    return codes


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
    cells: tuple[RunResult, ...]
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
        return Estimate(average, None, None, TOO_FEW_CLIPS)
    draws = groups[0].draws if len(groups) == 1 else np.mean([group.draws for group in groups], axis=0)
    return Estimate(average, *interval(draws))


def make_groups(cells: Sequence[RunResult], keys: Keys, seed: int) -> tuple[list[Group], list[str]]:
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
    settings: dict[tuple[Value, ...], dict[Value, RunResult]] = {}
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


Values = tuple[Value, ...]


def profile(
    groups: Sequence[Group], along: Sequence[str], apart: Sequence[str], keys: Keys
) -> dict[Values, dict[Values, Estimate]]:
    """Average over the settings of all keys but some.

    A line is averaged over the same settings of the other keys at each of its points, so that points differ by what
    they stand for alone: over those settings that all of its points have, if there are any, else over what there is.

    Args:
        groups: to average.
        along: the keys of the axes; groups without a value for one of them are left out.
        apart: keys that lines are drawn apart for; may hold `model`, `data` and `scoring`.
        keys: the swept keys.

    Returns:
        By the values of `apart`, then by those of `along`, in order.
    """
    rest = [key for key in (MODEL, DATA, SCORING, *keys.swept) if key not in (*along, *apart)]
    lines: dict[Values, dict[Values, dict[Values, Group]]] = {}
    for group in groups:
        x = tuple(group[key] for key in along)
        if None not in x:
            line = lines.setdefault(tuple(group[key] for key in apart), {})
            line.setdefault(x, {})[tuple(group[key] for key in rest)] = group
    return {name: _average(lines[name]) for name in sorted(lines, key=lambda n: [order(v) for v in n])}


def averaged_over(shown: Sequence[str], keys: Keys) -> list[str]:
    """Name the swept keys that a profile is averaged over: those that are not shown."""
    return [keys.short(key) for key in keys.swept if key not in shown]


def _average(line: Mapping[Values, Mapping[Values, Group]]) -> dict[Values, Estimate]:
    shared = set.intersection(*(set(settings) for settings in line.values()))
    return {
        x: pooled([group for setting, group in line[x].items() if setting in shared or not shared])
        for x in sorted(line, key=lambda values: [order(v) for v in values])
    }
