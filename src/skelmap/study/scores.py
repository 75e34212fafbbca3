"""Read scores.csv: the judged frames and their scores."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import numpy as np

from skelmap.errors import UserError
from skelmap.evaluation.metrics import Floats, Labels
from skelmap.reading import read_text

MAX_BYTES = 512 * 2**20
"""Ten million frames."""
COLUMNS = ["clip", "frame", "label", "score"]
"""What scores.csv begins with; columns after these are further scorings."""


@dataclass(frozen=True, eq=False)
class Frames:
    """The judged frames of a test split; cells that judged the same frames share one of these.

    Attributes:
        clips: names, sorted.
        clip: (F,) int64 into `clips`.
        frame: (F,) int64 number of the frame in its clip.
        label: (F,) int64, 1 = abnormal.
    """

    clips: tuple[str, ...]
    clip: Labels
    frame: Labels
    label: Labels


@dataclass(frozen=True, eq=False)
class Scores:
    """The scores of a run's test split.

    Attributes:
        frames: what was judged.
        by_scoring: (F,) float64 by the scoring's name (frame, averaged, ...), the primary one first; NaN where
            a scoring has no score.
    """

    frames: Frames
    by_scoring: Mapping[str, Floats]


class ScoresReader:
    """Reads scores.csv files, keeping equal sets of frames once."""

    def __init__(self) -> None:
        self._known: dict[bytes, Frames] = {}

    def read(self, path: Path, primary: str) -> Scores:
        """Read one file.

        Args:
            path: scores.csv.
            primary: name of the scoring in the column `score`.

        Returns:
            The scores.

        Raises:
            UserError: not such a file, naming the column and what is wrong in it.
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
        scorings = zip([primary, *header[4:]], columns, strict=True)
        scores = {name: _floats(path, name, column, name == primary) for name, column in scorings}
        return Scores(self._frames(path, clip, frame, label), scores)

    def _frames(self, path: Path, names: Sequence[str], frames: Sequence[str], labels: Sequence[str]) -> Frames:
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
        return self._known.setdefault(digest.digest(), Frames(clips, clip, frame, label))


def _floats(path: Path, name: str, column: Sequence[str], complete: bool) -> Floats:
    try:
        score = np.array([value or "nan" for value in column], np.float64)
    except ValueError as error:
        raise UserError(f"{path}: {name}: {error}") from None
    if np.isinf(score).any() or (complete and np.isnan(score).any()):
        raise UserError(f"{path}: {name}: scores must be finite")
    return score
