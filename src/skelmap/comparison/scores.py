"""Scores of the judged frames, and the identity of the data."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import xxhash

from skelmap.evaluation.metrics import Floats, Labels
from skelmap.utils.errors import UserError
from skelmap.utils.io import read_bytes, read_text


@dataclass(frozen=True)
class Data:
    """What a run was trained and judged on.

    Attributes:
        manifest: its path, as far as the run tells it.
        digest: of data.json, which has those of the manifest and of what it names; empty for runs of earlier versions.
        simulated: the recordings come from a simulation.
    """

    manifest: Path
    digest: str
    simulated: bool

    @classmethod
    def read(cls, run: Path, config: Mapping[str, Any], metrics: Mapping[str, Any]) -> "Data":
        """Take from a run's folder, configuration (by dotted key) and metrics what they tell of its data.

        Raises:
            UserError: data.json is there and cannot be read.
        """
        path = str(config.get("data.manifest") or f"{config.get('data.manifest.folder', '')}/manifest.csv")
        named = str(metrics.get("data", path))  # the file and its folder alone
        note = run / "data.json"
        digest = xxhash.xxh3_64_hexdigest(read_bytes(note)) if note.exists() else ""
        simulated = bool(metrics.get("simulated", False))
        return cls(Path(path if path.endswith(f"/{named}") else named), digest, simulated)

    def name(self, folders: int = 1, more: str = "") -> str:
        """Name the data by the nearest folders, and by the manifest if that is not manifest.csv; says if simulated."""
        own = () if self.manifest.name == "manifest.csv" else (self.manifest.stem,)
        words = "/".join((*self.manifest.parent.parts[-folders:], *own))
        return words + more + " (simulated)" * self.simulated


def names(data: Iterable[Data]) -> dict[Data, str]:
    """Name data without the folders that differ from machine to machine.

    Where data of different content would have the same name, as many folders are named as tell them apart; where none
    do, the digest is. Data without a digest keep the short name.
    """
    called = {one: one.name() for one in data}
    contents: dict[str, dict[str, Data]] = {}
    for one, name in called.items():
        if one.digest:
            contents.setdefault(name, {}).setdefault(one.digest, one)
    for name, different in contents.items():
        if len(different) > 1:
            longer = _told_apart(different)
            called |= {one: longer[one.digest] for one in called if one.digest and one.name() == name}
    return called


def _told_apart(different: Mapping[str, Data]) -> dict[str, str]:
    """Name data of different content, by digest."""
    for folders in range(2, 1 + max(len(one.manifest.parent.parts) for one in different.values())):
        longer = {digest: one.name(folders) for digest, one in different.items()}
        if len(set(longer.values())) == len(longer):
            return longer
    return {digest: one.name(more=f" {digest[:8]}") for digest, one in different.items()}


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
