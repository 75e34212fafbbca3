"""The resampled AUROCs of a sweep's cells, each computed once; the same resamples for all that is compared."""

from collections.abc import Sequence

import numpy as np

from skelmap.evaluation.bootstrap import Pairs, Units, unit_weights
from skelmap.evaluation.metrics import Floats, Labels
from skelmap.study.bootstrap import mean_over_seeds
from skelmap.study.cells import Cell
from skelmap.study.scores import Frames


class Aurocs:
    """AUROCs of cells, of all their frames and of resampled people or clips.

    Every clip of a data set has its place in the resamples, whichever cell it comes from; so two cells' AUROCs in
    resample b are of the same people or clips, and their difference is a paired one.

    Args:
        cells: the finished ones.
        seed: of the resamples.
    """

    def __init__(self, cells: Sequence[Cell], seed: int) -> None:
        self._seed = seed
        groups: dict[str, dict[str, str]] = {}
        for cell in cells:
            known = cell.groups
            groups.setdefault(cell.data, {}).update({clip: known.get(clip, clip) for clip in cell.scores.frames.clips})
        self._clip = {data: {name: i for i, name in enumerate(sorted(names))} for data, names in groups.items()}
        self._units = {data: Units.choose(of) for data, of in groups.items()}
        self._weights = {data: unit_weights(units.count, seed) for data, units in self._units.items()}
        self._known: dict[tuple[Cell, str], tuple[float | None, Floats]] = {}

    def units(self, data: str) -> Units:
        """What is resampled of a data set."""
        return self._units[data]

    def of(self, cell: Cell, scoring: str) -> tuple[float | None, Floats]:
        """AUROC of a cell's scoring, None without both classes, and (B,) of the resamples, NaN likewise."""
        if (cell, scoring) not in self._known:
            index = np.flatnonzero(~np.isnan(cell.scores.by_scoring[scoring]))
            self._known[cell, scoring] = self._judge(cell, scoring, index)
        return self._known[cell, scoring]

    def both(
        self, first: tuple[Cell, str], second: tuple[Cell, str]
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

    def _judge(self, cell: Cell, scoring: str, index: Labels) -> tuple[float | None, Floats]:
        """Judge the frames that `index` picks."""
        frames, units = cell.scores.frames, self._units[cell.data]
        unit = _places(frames, units.of)[frames.clip[index]]
        pairs = Pairs.build(cell.scores.by_scoring[scoring][index], frames.label[index], unit, units.count)
        return pairs.auroc, pairs.draws(self._weights[cell.data])


def _places(frames: Frames, place: dict[str, int]) -> Labels:
    return np.array([place[name] for name in frames.clips], np.int64)


def _codes(frames: Frames, index: Labels, place: dict[str, int]) -> Labels:
    """Number each frame by clip, frame and label, alike in all cells of a data set."""
    clip, frame, label = (column[index] for column in (_places(frames, place)[frames.clip], frames.frame, frames.label))
    codes: Labels = (clip << 40) + (frame << 1) + label
    return codes
