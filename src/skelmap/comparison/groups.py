"""Groups of runs that differ only in the seed, and their AUROC with bootstrap intervals."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import mean, stdev
from typing import NamedTuple

import numpy as np

from skelmap.comparison.runs import RunResult, Value, sort_key
from skelmap.comparison.scores import EvaluatedFrames
from skelmap.comparison.swept_keys import DATA, MODEL, SCORE_TYPE, SweptKeys, run_value
from skelmap.evaluation.bootstrap import (
    TOO_FEW_CLIPS,
    ClusteredAUROC,
    SamplingUnits,
    interval,
    mean_over_seeds,
    unit_weights,
)
from skelmap.evaluation.metrics import Floats, Labels, MacroAUROC

SMOOTHED = "smoothed"
"""Score type: causal mean of the primary one."""
AUROC = tuple[float | None, Floats]
"""AUROC of all frames, None with one class only, and its (B,) bootstrap replicates, NaN likewise."""


class AUROCBootstrap:
    """AUROCs of runs with bootstrap replicates over people or clips.

    Replicate b resamples the same people or clips for every run on a data set, so the difference of two runs' AUROCs in
    replicate b is a paired one.

    Args:
        runs: the finished runs.
        seed: of the resampling.
    """

    def __init__(self, runs: Sequence[RunResult], seed: int) -> None:
        self._seed = seed
        groups: dict[str, dict[str, str]] = {}
        for run in runs:
            known = run.clip_groups
            groups.setdefault(run.data, {}).update({clip: known.get(clip, clip) for clip in run.scores.frames.clips})
        self._clip_index = {data: {name: i for i, name in enumerate(sorted(clips))} for data, clips in groups.items()}
        self._units = {data: SamplingUnits.choose(of_clip) for data, of_clip in groups.items()}
        self._weights = {data: unit_weights(units.count, seed) for data, units in self._units.items()}
        self._cache: dict[tuple[RunResult, str], AUROC] = {}

    def units(self, data: str) -> SamplingUnits:
        """Get the resampling units of a data set."""
        return self._units[data]

    def auroc(self, run: RunResult, score_type: str) -> AUROC:
        """Compute the AUROC of a run on all frames that have a score."""
        if (run, score_type) not in self._cache:
            self._cache[run, score_type] = self._compute(run, score_type, run.scores.scored(score_type))
        return self._cache[run, score_type]

    def paired_aurocs(self, first: tuple[RunResult, str], second: tuple[RunResult, str]) -> tuple[AUROC, AUROC]:
        """Compute the AUROCs of two runs on the frames that have a score in both.

        Runs at different frame rates have no common frames: each keeps all of its own, from the same clips.

        Args:
            first: a run and a score type.
            second: another one on the same data set.
        """
        in_first, in_second = (run.scores.scored(score_type) for run, score_type in (first, second))
        frames, other_frames = first[0].scores.frames, second[0].scores.frames
        same_frames = frames is other_frames and np.array_equal(in_first, in_second)
        if same_frames or first[0].fps != second[0].fps:
            return self.auroc(*first), self.auroc(*second)
        index = self._clip_index[first[0].data]
        _, i, j = np.intersect1d(
            _frame_codes(frames, in_first, index), _frame_codes(other_frames, in_second, index), return_indices=True
        )
        return self._compute(*first, in_first[i]), self._compute(*second, in_second[j])

    def mean_over_seeds(self, replicates: Sequence[Floats]) -> Floats:
        """Average (B,) replicates, one array for each seed, over resampled seeds."""
        return mean_over_seeds(replicates, self._seed)

    def _compute(self, run: RunResult, score_type: str, index: Labels) -> AUROC:
        """Compute the AUROC on the frames at the positions `index`."""
        frames, units = run.scores.frames, self._units[run.data]
        of_clip = _lookup_clips(frames, units.index)
        fold = np.zeros(units.count, np.int64)
        fold[of_clip] = frames.fold
        score, label, unit = run.scores.by_type[score_type][index], frames.label[index], of_clip[frames.clip[index]]
        pairs = ClusteredAUROC.build(score, label, unit, units.count, fold)
        return pairs.auroc, pairs.draws(self._weights[run.data])

    def by_group(self, run: RunResult, score_type: str) -> dict[str, float]:
        """Compute the AUROC of a run within each group (person, session, camera) that has both classes."""
        frames, index, known = run.scores.frames, run.scores.scored(score_type), run.clip_groups
        names, of_clip = np.unique([known.get(clip, clip) for clip in frames.clips], return_inverse=True)
        score, label, group = run.scores.by_type[score_type][index], frames.label[index], of_clip[frames.clip[index]]
        found = {}
        for i, name in enumerate(names.tolist()):
            own = group == i
            auroc = ClusteredAUROC.build(score[own], label[own], np.zeros(own.sum(), np.int64), 1).auroc
            if auroc is not None:
                found[name] = auroc
        return found


def _lookup_clips(frames: EvaluatedFrames, numbers: dict[str, int]) -> Labels:
    return np.array([numbers[name] for name in frames.clips], np.int64)


def _frame_codes(frames: EvaluatedFrames, index: Labels, clip_index: dict[str, int]) -> Labels:
    """Encode clip, frame number and label of frames as one integer that is the same in all runs on a data set."""
    clip = _lookup_clips(frames, clip_index)[frames.clip][index]
    codes: Labels = (clip << 40) + (frames.frame[index] << 1) + frames.label[index]
    return codes


class Estimate(NamedTuple):
    """A mean AUROC with its 95 % interval, or the reason why one of them is missing.

    Attributes:
        mean: over seeds (and settings), or None.
        low: lower end of the interval, or None.
        high: upper end, or None.
        reason: why something is missing; empty if nothing is.
    """

    mean: float | None
    low: float | None
    high: float | None
    reason: str


@dataclass(frozen=True, eq=False)
class RunGroup:
    """One score type of the runs that differ only in the seed.

    Attributes:
        setting: value by swept key.
        score_type: frame, averaged, online, window or smoothed.
        primary: whether this is the primary score type of the runs, which a camera would give.
        runs: in the order of their seeds, one for each seed.
        bootstrap: shared by all groups of the sweep.
    """

    setting: Mapping[str, Value]
    score_type: str
    primary: bool
    runs: tuple[RunResult, ...]
    bootstrap: AUROCBootstrap

    def __getitem__(self, key: str) -> Value:
        """Value of a swept key, or of `model`, `data` or `score_type`."""
        special = {MODEL: self.model, DATA: self.data, SCORE_TYPE: self.score_type}
        return special[key] if key in special else self.setting[key]

    @property
    def model(self) -> str:
        """Name of the model."""
        return self.runs[0].model

    @property
    def data(self) -> str:
        """Name of the data set."""
        return self.runs[0].data

    @property
    def seeds(self) -> tuple[Value, ...]:
        """Seeds of the runs."""
        return tuple(run.seed for run in self.runs)

    @property
    def units(self) -> SamplingUnits:
        """Resampling units of the data set."""
        return self.bootstrap.units(self.data)

    @cached_property
    def aurocs(self) -> list[float | None]:
        """AUROC of each run."""
        return [self.bootstrap.auroc(run, self.score_type)[0] for run in self.runs]

    @cached_property
    def replicates(self) -> Floats:
        """(B,) bootstrap replicates of the mean AUROC over the seeds."""
        return self.bootstrap.mean_over_seeds([self.bootstrap.auroc(run, self.score_type)[1] for run in self.runs])

    @property
    def seed_deviation(self) -> float | None:
        """Standard deviation of the AUROC over the seeds; None with one seed."""
        known = [auroc for auroc in self.aurocs if auroc is not None]
        return stdev(known) if len(known) > 1 else None

    @cached_property
    def macro(self) -> MacroAUROC | None:
        """AUROC within each group, averaged over groups; None unless two groups or more have both classes."""
        by_seed = [self.bootstrap.by_group(run, self.score_type) for run in self.runs]
        names = set.intersection(*(set(found) for found in by_seed))
        return MacroAUROC.of({name: mean(found[name] for found in by_seed) for name in sorted(names)})

    @property
    def compared(self) -> bool:
        """Whether figures and paired comparisons include it; a smoothed score is in the tables alone."""
        return self.score_type != SMOOTHED

    @cached_property
    def estimate(self) -> Estimate:
        """Mean AUROC over the seeds."""
        return pooled_estimate([self])


def pooled_estimate(groups: Sequence[RunGroup]) -> Estimate:
    """Average the AUROC over groups on the same data set, resampled together.

    Args:
        groups: at least one.
    """
    if any(auroc is None for group in groups for auroc in group.aurocs):
        return Estimate(None, None, None, "normal or abnormal frames only; an AUROC needs both")
    average = mean(mean(auroc for auroc in group.aurocs if auroc is not None) for group in groups)
    if groups[0].units.count < 2:
        return Estimate(average, None, None, TOO_FEW_CLIPS)
    replicates = groups[0].replicates if len(groups) == 1 else np.mean([g.replicates for g in groups], axis=0)
    return Estimate(average, *interval(replicates))


def group_runs(runs: Sequence[RunResult], keys: SweptKeys, seed: int) -> tuple[list[RunGroup], list[str]]:
    """Group runs that differ only in the seed.

    Args:
        runs: the finished runs.
        keys: their swept keys.
        seed: of the resampling.

    Returns:
        The groups, sorted by data set, by the other keys, and by model from the highest AUROC down, the primary score
        type first; and a note for each run that repeats another's setting and seed: the last one by name is used.
    """
    bootstrap = AUROCBootstrap(runs, seed)
    settings: dict[tuple[Value, ...], dict[Value, RunResult]] = {}
    notes = []
    for run in runs:
        by_seed = settings.setdefault(tuple(run_value(run, key) for key in keys.swept), {})
        if run.seed in by_seed:
            notes.append(f"{by_seed[run.seed].name}: left out, {run.name} has the same setting and seed")
        by_seed[run.seed] = run
    groups = []
    for values, by_seed in settings.items():
        ordered = tuple(by_seed[seed] for seed in sorted(by_seed, key=sort_key))
        setting = dict(zip(keys.swept, values, strict=True))
        shared = [name for name in ordered[0].scores.by_type if all(name in run.scores.by_type for run in ordered)]
        groups += [RunGroup(setting, name, i == 0, ordered, bootstrap) for i, name in enumerate(shared)]
    rank = {model: position for position, model in enumerate(models_by_auroc(groups))}
    others = [key for key in keys.swept if key not in (MODEL, DATA)]
    groups.sort(key=lambda group: (group.data, [sort_key(group[key]) for key in others], rank[group.model]))
    return groups, notes


def models_by_auroc(groups: Sequence[RunGroup]) -> list[str]:
    """Sort the models by the mean AUROC of their primary score type, the highest first."""
    aurocs: dict[str, list[float]] = {}
    for group in groups:
        known = [auroc for auroc in group.aurocs if auroc is not None and group.primary]
        aurocs.setdefault(group.model, []).extend(known)
    return sorted(aurocs, key=lambda model: -mean(aurocs[model] or [0]))


Values = tuple[Value, ...]


def marginal_estimates(
    groups: Sequence[RunGroup], axes: Sequence[str], lines: Sequence[str], keys: SweptKeys
) -> dict[Values, dict[Values, Estimate]]:
    """Average the AUROC over all swept keys but some, for the lines and panels of a figure.

    All points of a line are averaged over the same settings of the other keys: those that every point has, if there
    are any; otherwise each point is averaged over all settings that it has.

    Args:
        groups: to average.
        axes: keys of the figure's axes; groups without a value for one of them are left out.
        lines: keys that separate lines and panels; may include `model`, `data` and `score_type`.
        keys: the swept keys.

    Returns:
        Estimates by the values of `lines`, then by those of `axes`, sorted.
    """
    others = [key for key in (MODEL, DATA, SCORE_TYPE, *keys.swept) if key not in (*axes, *lines)]
    by_line: dict[Values, dict[Values, dict[Values, RunGroup]]] = {}
    for group in groups:
        point = tuple(group[key] for key in axes)
        if None not in point:
            line = by_line.setdefault(tuple(group[key] for key in lines), {})
            line.setdefault(point, {})[tuple(group[key] for key in others)] = group
    return {name: _average_points(by_line[name]) for name in sorted(by_line, key=_sort_keys)}


def _average_points(line: Mapping[Values, Mapping[Values, RunGroup]]) -> dict[Values, Estimate]:
    shared = set.intersection(*(set(settings) for settings in line.values()))
    return {
        point: pooled_estimate([g for setting, g in line[point].items() if setting in shared or not shared])
        for point in sorted(line, key=_sort_keys)
    }


def _sort_keys(values: Values) -> list[tuple[int, float, str]]:
    return [sort_key(value) for value in values]


def averaged_keys(shown: Sequence[str], keys: SweptKeys) -> list[str]:
    """Name the swept keys that marginal estimates average over: those that are not shown."""
    return [keys.short_name(key) for key in keys.swept if key not in shown]
