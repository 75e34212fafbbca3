"""The resampled AUROCs of a sweep's cells, each computed once; the same resamples for all that is compared."""

from collections.abc import Sequence

import numpy as np

from skelmap.evaluation.metrics import Floats, Labels
from skelmap.study.bootstrap import Pairs, clip_weights, mean_over_seeds
from skelmap.study.cells import Cell
from skelmap.study.scores import Frames


class Aurocs:
    """AUROCs of cells, of all their frames and of resampled clips.

    Every clip of a data set has its place in the resamples, whichever cell it comes from; so two cells' AUROCs in
    resample b are of the same clips, and their difference is a paired one.

    Args:
        cells: the finished ones.
        seed: of the resamples.
    """

    def __init__(self, cells: Sequence[Cell], seed: int) -> None:
        self._seed = seed
        clips: dict[str, set[str]] = {}
        for cell in cells:
            clips.setdefault(cell.data, set()).update(cell.scores.frames.clips)
        self._place = {data: {name: i for i, name in enumerate(sorted(names))} for data, names in clips.items()}
        self._weights = {data: clip_weights(len(names), seed) for data, names in clips.items()}
        self._known: dict[tuple[Cell, str], tuple[float | None, Floats]] = {}

    def clips(self, data: str) -> int:
        """Number of clips of a data set."""
        return len(self._place[data])

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
        place = self._place[first[0].data]
        _, i, j = np.intersect1d(_codes(frames, mine, place), _codes(others, yours, place), return_indices=True)
        return self._judge(*first, mine[i]), self._judge(*second, yours[j])

    def mean(self, draws: Sequence[Floats]) -> Floats:
        """Average (B,) resampled values over resampled seeds, one item a seed."""
        return mean_over_seeds(draws, self._seed)

    def _judge(self, cell: Cell, scoring: str, index: Labels) -> tuple[float | None, Floats]:
        """Judge the frames that `index` picks."""
        frames, place = cell.scores.frames, self._place[cell.data]
        clip = _places(frames, place)[frames.clip[index]]
        pairs = Pairs.build(cell.scores.by_scoring[scoring][index], frames.label[index], clip, len(place))
        return pairs.auroc, pairs.draws(self._weights[cell.data])


def _places(frames: Frames, place: dict[str, int]) -> Labels:
    return np.array([place[name] for name in frames.clips], np.int64)


def _codes(frames: Frames, index: Labels, place: dict[str, int]) -> Labels:
    """Number each frame by clip, frame and label, alike in all cells of a data set."""
    clip, frame, label = (column[index] for column in (_places(frames, place)[frames.clip], frames.frame, frames.label))
    codes: Labels = (clip << 40) + (frame << 1) + label
    return codes
