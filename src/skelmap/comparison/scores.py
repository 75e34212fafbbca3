"""Read the frame scores of runs from scores.csv."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import numpy as np

from skelmap.evaluation.metrics import Floats, Labels
from skelmap.utils.errors import UserError
from skelmap.utils.io import read_text

MAX_BYTES = 512 * 2**20
"""About ten million frames."""
COLUMNS = ["clip", "frame", "label", "score"]
"""First columns of scores.csv; each further column is another score type."""


@dataclass(frozen=True, eq=False)
class EvaluatedFrames:
    """The evaluated frames of a test split; runs on the same frames share one instance.

    Attributes:
        clips: names, sorted.
        clip: (F,) int64 index into `clips`.
        frame: (F,) int64 frame number in the clip, at the frame rate of the run.
        label: (F,) int64, 1 = abnormal.
        fold: (C,) int64 fold of each clip; scores of different folds are not compared.
    """

    clips: tuple[str, ...]
    clip: Labels
    frame: Labels
    label: Labels
    fold: Labels


@dataclass(frozen=True, eq=False)
class RunScores:
    """The scores of a run on its test split.

    Attributes:
        frames: the evaluated frames.
        by_type: (F,) float64 by score type (frame, averaged, online, window, smoothed), the primary one first; NaN for
            a frame without a score.
    """

    frames: EvaluatedFrames
    by_type: Mapping[str, Floats]

    def scored(self, score_type: str) -> Labels:
        """Indices of the frames that have a score of this type."""
        return np.flatnonzero(~np.isnan(self.by_type[score_type]))


class ScoresReader:
    """Reads scores.csv files and keeps equal sets of frames only once in memory."""

    def __init__(self) -> None:
        self._known: dict[bytes, EvaluatedFrames] = {}

    def read(self, path: Path, primary: str) -> RunScores:
        """Read one file.

        Args:
            path: scores.csv.
            primary: name of the score type in the column `score`.

        Raises:
            UserError: the file is damaged; names the column and the fault.
        """
        rows = csv.reader(io.StringIO(read_text(path, MAX_BYTES), newline=""))
        try:
            header, table = next(rows, []), list(rows)
        except csv.Error as error:
            raise UserError(f"{path}: not a CSV ({error})") from error
        if header[:4] != COLUMNS:
            raise UserError(f"{path}: begins with {','.join(header[:4])!r} instead of {','.join(COLUMNS)!r}")
        if not table:
            raise UserError(f"{path}: holds no frame")
        short = next((number for number, row in enumerate(table, 2) if len(row) != len(header)), None)
        if short is not None:
            raise UserError(f"{path}: line {short} does not have {len(header)} columns")
        if len(set(header)) != len(header) or primary in header[4:]:
            raise UserError(f"{path}: a column appears twice in {','.join(header)!r}, or {primary!r} beside score")
        clip, frame, label, *columns = zip(*table, strict=True)
        by_type = {
            name: _parse_scores(path, name, column)
            for name, column in zip([primary, *header[4:]], columns, strict=True)
        }
        return RunScores(self._frames(path, clip, frame, label), by_type)

    def _frames(
        self, path: Path, names: Sequence[str], frames: Sequence[str], labels: Sequence[str]
    ) -> EvaluatedFrames:
        clips = tuple(sorted(set(names)))
        index = {name: position for position, name in enumerate(clips)}
        clip = np.array([index[name] for name in names], np.int64)
        try:
            frame, label = np.array(frames, np.int64), np.array(labels, np.int64)
        except (ValueError, OverflowError) as error:
            raise UserError(f"{path}: frame and label must be whole numbers ({error})") from None
        if not np.isin(label, (0, 1)).all():
            raise UserError(f"{path}: a label is neither 0 nor 1")
        digest = blake2b(repr(clips).encode())
        for column in (clip, frame, label):
            digest.update(column.tobytes())
        return self._known.setdefault(
            digest.digest(), EvaluatedFrames(clips, clip, frame, label, np.zeros(len(clips), np.int64))
        )


def _parse_scores(path: Path, name: str, column: Sequence[str]) -> Floats:
    """Parse a column; an empty entry is NaN, the score of a frame before the first full window."""
    try:
        score = np.array([value or "nan" for value in column], np.float64)
    except ValueError as error:
        raise UserError(f"{path}: {name}: {error}") from None
    if np.isinf(score).any() or np.isnan(score).all():
        raise UserError(f"{path}: {name}: scores must be finite")
    return score
