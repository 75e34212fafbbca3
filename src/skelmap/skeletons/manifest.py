"""The manifest: one CSV that says which clips there are, for which split, and what is abnormal in them."""

import csv
import io
import logging
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import xxhash
from numpy.typing import NDArray

from skelmap.utils.errors import UserError
from skelmap.utils.io import atomic_write, read_text

log = logging.getLogger(__name__)
MAX_BYTES = 64 * 2**20
"""Of the CSV: a million lines and more."""
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
SPLITS = ("train", "val", "test")
REQUIRED = ("clip", "path", "split", "group", "abnormal")
OPTIONAL = ("work",)

Span = tuple[int, int]
"""Half-open frame span (first, one past the last)."""


@dataclass(frozen=True)
class Recording:
    """A line of the manifest.

    Attributes:
        clip: unique name.
        path: the clip's source, absolute.
        split: train, val or test.
        group: the person, session or camera; a group is in one split only.
        abnormal: spans of abnormal frames, or None for all of them.
        work: (name, span) of what is done when; empty if the manifest does not say.
    """

    clip: str
    path: Path
    split: str
    group: str
    abnormal: tuple[Span, ...] | None = ()
    work: tuple[tuple[str, Span], ...] = field(default=())

    def labels(self, frame: NDArray[np.int64]) -> NDArray[np.int8]:
        """Label frames: (N,) int8, 1 = abnormal."""
        if self.abnormal is None:
            return np.ones(len(frame), np.int8)
        label = np.zeros(len(frame), np.int8)
        for first, stop in self.abnormal:
            label[(frame >= first) & (frame < stop)] = 1
        return label

    def works(self, frame: NDArray[np.int64]) -> NDArray[np.str_]:
        """Name the work of each frame: (N,) str, empty where the manifest names none."""
        names = np.full(len(frame), "", dtype="<U64")
        for name, (first, stop) in self.work:
            names[(frame >= first) & (frame < stop)] = name
        return names


@dataclass(frozen=True)
class Manifest:
    """All recordings of a data set.

    Attributes:
        path: the CSV.
        recordings: its lines, in order.
        digest: of its text, 32 hexadecimal digits.
    """

    path: Path
    recordings: tuple[Recording, ...]
    digest: str

    @property
    def name(self) -> str:
        """The file and its folder, for readers."""
        return f"{self.path.parent.name}/{self.path.name}"

    @property
    def simulated(self) -> bool:
        """Whether the simulation wrote this data set (`data=simulated`)."""
        return (self.path.parent / "simulation.json").exists()

    def split(self, name: str) -> tuple[Recording, ...]:
        """Select the recordings of one split."""
        return tuple(r for r in self.recordings if r.split == name)


def read_manifest(path: Path) -> Manifest:
    """Read and check a manifest.

    Args:
        path: a CSV with the columns clip, path, split, group, abnormal and, optionally, work. Paths are relative
            to it.

    Returns:
        The manifest, with absolute paths.

    Raises:
        UserError: file or column missing, unknown column, a source that is not there, a bad value, a group in two
            splits, a clip or a source twice, train or val with abnormal frames; names file, line, key and what is
            allowed.
    """
    path = path.expanduser().absolute()
    text = read_text(path, MAX_BYTES).removeprefix("\ufeff")
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        _check_columns(path, reader.fieldnames or [])
        recordings = tuple(_recording(path, reader.line_num, line) for line in reader)
    except csv.Error as error:
        raise UserError(f"{path}: not a CSV ({error})") from error
    if not recordings:
        raise UserError(f"{path}: the manifest names no clips")
    _check_unique(path, recordings)
    return Manifest(path, recordings, xxhash.xxh3_128_hexdigest(text.encode()))


def write_manifest(path: Path, recordings: Iterable[Recording]) -> None:
    """Write a manifest that `read_manifest` reads as these recordings, whole or not at all.

    Args:
        path: of the CSV; paths of recordings that lie below its folder become relative to it.
        recordings: its lines.

    Raises:
        UserError: it cannot be written.
    """
    folder = path.expanduser().absolute().parent
    with atomic_write(path, newline="") as file:
        lines = csv.writer(file, lineterminator="\n")
        lines.writerow((*REQUIRED, *OPTIONAL))
        for r in recordings:
            source = r.path.relative_to(folder) if r.path.is_relative_to(folder) else r.path
            abnormal = "all" if r.abnormal is None else ";".join(f"{first}-{stop}" for first, stop in r.abnormal)
            work = ";".join(f"{name}:{first}-{stop}" for name, (first, stop) in r.work)
            lines.writerow((r.clip, source, r.split, r.group, abnormal, work))


def check_spans(path: Path, recordings: Sequence[Recording], clips: Sequence[Span]) -> None:
    """Hold what a manifest says is when against the frames that the clips have.

    A span may reach beyond its clip, whose last frames may be missing where nobody was found; that is logged.

    Args:
        path: the manifest.
        recordings: its lines.
        clips: each recording's first frame and one past its last, as `Clip.span`.

    Raises:
        UserError: a span without any frame of its clip; names manifest, clip, span and the clip's frames.
    """
    beyond = []
    for r, (begin, end) in zip(recordings, clips, strict=True):
        spans = [("abnormal ", span) for span in r.abnormal or ()] + [(f"work {name}:", span) for name, span in r.work]
        for key, (first, stop) in spans if begin < end else ():
            said = f"clip {r.clip}: {key}{first}-{stop} of frames {begin}-{end}"
            if stop <= begin or end <= first:
                raise UserError(f"{path}: {said}: none of them lies in the span")
            if first < begin or end < stop:
                beyond.append(said)
    if beyond:
        log.warning("%s: %d spans reach beyond their clips, such as %s", path, len(beyond), beyond[0])


def _check_columns(path: Path, columns: Sequence[str]) -> None:
    allowed = (*REQUIRED, *OPTIONAL)
    unknown = [c for c in columns if c not in allowed]
    if unknown:
        raise UserError(f"{path}: unknown column {unknown[0]!r}; allowed are {', '.join(allowed)}")
    missing = [c for c in REQUIRED if c not in columns]
    if missing:
        raise UserError(f"{path}: column {missing[0]!r} is missing; required are {', '.join(REQUIRED)}")
    if len(set(columns)) != len(columns):
        raise UserError(f"{path}: a column appears twice in {', '.join(columns)}")


def _recording(path: Path, number: int, line: dict[str, str]) -> Recording:
    here = f"{path}, line {number}"
    if None in line or None in line.values():
        raise UserError(f"{here}: {len(REQUIRED)} columns are expected, or one more with work")
    value = {key: text.strip() for key, text in line.items()}
    for key, text in value.items():
        if CONTROL.search(text):
            raise UserError(f"{here}: {key} {text!r} holds a control character")
    for key in ("clip", "path", "group"):
        if not value[key]:
            raise UserError(f"{here}: {key} '' is empty")
    if value["split"] not in SPLITS:
        raise UserError(f"{here}: split {value['split']!r}; allowed are {', '.join(SPLITS)}")
    abnormal = None if value["abnormal"] == "all" else _spans(here, value["abnormal"])
    if abnormal != () and value["split"] != "test":
        raise UserError(
            f"{here}: clip {value['clip']} of split {value['split']} has abnormal frames ({value['abnormal']}); "
            "train and val hold normal frames only"
        )
    source = path.parent / value["path"]
    try:
        there = source.exists()
    except OSError:
        there = False
    if not there:
        raise UserError(f"{here}: clip {value['clip']}: {source} is not there")
    work = tuple(_work(here, part) for part in value.get("work", "").split(";") if part.strip())
    return Recording(value["clip"], source, value["split"], value["group"], abnormal, work)


def _spans(here: str, text: str) -> tuple[Span, ...]:
    spans = []
    for part in filter(None, (p.strip() for p in text.split(";"))):
        match = re.fullmatch(r"(\d{1,12})-(\d{1,12})", part)
        if match is None or int(match[1]) >= int(match[2]):
            raise UserError(
                f"{here}: abnormal {part!r}; allowed are empty, 'all', or half-open frame spans like 120-260;400-455"
            )
        spans.append((int(match[1]), int(match[2])))
    return tuple(spans)


def _work(here: str, part: str) -> tuple[str, Span]:
    match = re.fullmatch(r"(.{1,64}):(\d{1,12})-(\d{1,12})", part.strip())
    if match is None or int(match[2]) >= int(match[3]):
        raise UserError(f"{here}: work {part!r}; allowed is name:first-stop, like carry_box:0-300")
    return match[1], (int(match[2]), int(match[3]))


def _check_unique(path: Path, recordings: tuple[Recording, ...]) -> None:
    seen: set[str] = set()
    split_of: dict[str, str] = {}
    first_of: dict[Path, Recording] = {}
    for r in recordings:
        if r.clip in seen:
            raise UserError(f"{path}: clip {r.clip!r} is named twice; names are unique")
        seen.add(r.clip)
        if split_of.setdefault(r.group, r.split) != r.split:
            raise UserError(
                f"{path}: group {r.group!r} is in {split_of[r.group]} and in {r.split} (clip {r.clip}); "
                "a group belongs to one split"
            )
        other = first_of.setdefault(r.path.resolve(), r)
        if other is not r:
            raise UserError(
                f"{path}: {r.path} is named twice, in {other.split} (clip {other.clip}) and in {r.split} "
                f"(clip {r.clip}); a source is one clip"
            )
