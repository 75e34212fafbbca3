"""The manifest of a data set: a CSV of recordings with their split, group, abnormal frames and actions."""

import csv
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xxhash
from numpy.typing import NDArray

from skelmap.skeletons.manifest_table import BOM, read_table
from skelmap.skeletons.readers import PoseFormat, read_header
from skelmap.utils.errors import UserError
from skelmap.utils.io import atomic_write

CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
SPLITS = ("train", "val", "test")
EXAMPLE = "example"
"""Split of labelled recordings beside those of a manifest (`skelmap.skeletons.examples`); no manifest may name it."""
REQUIRED = ("clip", "path", "split", "group", "abnormal")
COLUMNS = (*REQUIRED, "action")
EARLIER_ACTION = "work"
"""Former name of the column `action`."""
SIMULATION_FILE = "simulation.json"
"""File beside the manifest of a simulated data set: the arguments of the simulation and checksums, written last."""

Span = tuple[int, int]
"""Half-open frame span (first, one past the last)."""
FRAMES = re.compile(r"(\d{1,12})-(\d{1,12})")
SECONDS = re.compile(r"(\d{1,9}(?:\.\d{1,6})?)s-(\d{1,9}(?:\.\d{1,6})?)s")
ON_FRAME = 1e-3
"""A time this close to a frame, in frames, is that frame's."""


@dataclass(frozen=True)
class Recording:
    """A line of the manifest.

    Attributes:
        clip: unique name.
        path: file or folder of the clip, absolute.
        split: train, val or test; `EXAMPLE` of labelled examples.
        group: the person, session or camera; a group is in one split only.
        abnormal: spans of abnormal frames; None if all are.
        actions: (name, span) of each annotated action.
    """

    clip: str
    path: Path
    split: str
    group: str
    abnormal: tuple[Span, ...] | None = ()
    actions: tuple[tuple[str, Span], ...] = ()

    def labels(self, frame: NDArray[np.int64]) -> NDArray[np.int8]:
        """Label frames.

        Args:
            frame: (N,) frame numbers.

        Returns:
            (N,) int8, 1 = abnormal.
        """
        if self.abnormal is None:
            return np.ones(len(frame), np.int8)
        label = np.zeros(len(frame), np.int8)
        for first, stop in self.abnormal:
            label[(frame >= first) & (frame < stop)] = 1
        return label

    def action_names(self, frame: NDArray[np.int64]) -> NDArray[np.str_]:
        """Name the action in each frame.

        Args:
            frame: (N,) frame numbers.

        Returns:
            (N,) str, empty for frames outside all annotated actions.
        """
        names = np.full(len(frame), "", dtype="<U64")
        for name, (first, stop) in self.actions:
            names[(frame >= first) & (frame < stop)] = name
        return names


@dataclass(frozen=True)
class Manifest:
    """All recordings of a data set.

    Attributes:
        path: the CSV.
        recordings: one for each line, in order.
        digest: hash of the text, 32 hexadecimal digits.
    """

    path: Path
    recordings: tuple[Recording, ...]
    digest: str

    @property
    def name(self) -> str:
        """Folder and file name, for messages and reports."""
        return f"{self.path.parent.name}/{self.path.name}"

    @property
    def simulated(self) -> bool:
        """Whether the simulation wrote this data set (`data=simulated`)."""
        return (self.path.parent / SIMULATION_FILE).exists()

    def split(self, name: str) -> tuple[Recording, ...]:
        """Select the recordings of one split."""
        return tuple(r for r in self.recordings if r.split == name)


def read_manifest(
    path: Path, group_by: str = "group", is_dealt: bool = False, pose_format: PoseFormat | None = None
) -> Manifest:
    """Read and check a manifest.

    Args:
        path: a CSV (`read_table`) with the columns clip, path, split, group, abnormal and, optionally, action. Earlier
            versions named the last column work; it is read, too. Paths are relative to the CSV's folder.
        group_by: column of the groups; may be another one than those above.
        is_dealt: whether the recordings will be dealt into folds, so that the splits need not be valid.
        pose_format: of JSON recordings; its frame rate converts spans in seconds, as archives' own does. None for the
            defaults.

    Returns:
        The manifest, with absolute paths.

    Raises:
        UserError: a file or column is missing, unknown or given twice; a bad value; a group in two splits; a clip or
            path twice; abnormal frames in train or val. Names file, line, column, value and what is allowed.
    """
    path = path.expanduser().absolute()
    table = read_table(path, (*COLUMNS, EARLIER_ACTION))
    columns = _check_columns(path, table.columns, group_by)
    recordings = []
    for number, cells in table.lines:
        value = _values(f"{path}, line {number}", columns, cells, group_by)
        recordings.append(_recording(f"{path}, line {number}", value, group_by, path.parent, pose_format))
        if not is_dealt:
            _check_normal(f"{path}, line {number}", recordings[-1])
    if not recordings:
        raise UserError(f"{path}: the manifest has no recordings")
    if not is_dealt:
        _check_splits(path, recordings)
    check_unique(path, recordings)
    return Manifest(path, tuple(recordings), xxhash.xxh3_128_hexdigest(table.text.removeprefix(BOM).encode()))


def write_manifest(path: Path, recordings: Iterable[Recording]) -> None:
    """Write a manifest atomically; `read_manifest` gives the same recordings.

    Args:
        path: the CSV; recordings below its folder are written with relative paths.
        recordings: one for each line.

    Raises:
        UserError: it cannot be written.
    """
    folder = path.expanduser().absolute().parent
    with atomic_write(path, newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for r in recordings:
            source = r.path.relative_to(folder) if r.path.is_relative_to(folder) else r.path
            abnormal = "all" if r.abnormal is None else ";".join(f"{first}-{stop}" for first, stop in r.abnormal)
            actions = ";".join(f"{name}:{first}-{stop}" for name, (first, stop) in r.actions)
            writer.writerow((r.clip, source, r.split, r.group, abnormal, actions))


def check_spans(path: Path, recordings: Sequence[Recording], clip_spans: Sequence[Span]) -> None:
    """Check that the manifest's spans overlap the frames of the clips (`check_labels` has warnings).

    Args:
        path: the manifest.
        recordings: its recordings.
        clip_spans: first frame and one past the last of each recording (`Clip.span`).

    Raises:
        UserError: a span without any frame of its clip; names manifest, clip, span and the clip's frames.
    """
    for r, (begin, end) in zip(recordings, clip_spans, strict=True):
        spans = [("abnormal ", s) for s in r.abnormal or ()] + [(f"action {name}:", s) for name, s in r.actions]
        for key, (first, stop) in spans if begin < end else ():
            if stop <= begin or end <= first:
                message = f"clip {r.clip}: {key}{first}-{stop} of frames {begin}-{end}"
                raise UserError(f"{path}: {message}: none of them lies in the span")


def _check_columns(path: Path, columns: Sequence[str], group_by: str) -> list[str]:
    """Check the column names; return them with `work`, the earlier name, replaced by `action`."""
    names = ["action" if column == EARLIER_ACTION else column for column in columns]
    if unknown := [name for name in names if name not in (*COLUMNS, group_by)]:
        raise UserError(f"{path}: unknown column {unknown[0]!r}; allowed are {', '.join(COLUMNS)}")
    if missing := [name for name in REQUIRED if name not in names]:
        raise UserError(f"{path}: column {missing[0]!r} is missing; required are {', '.join(REQUIRED)}")
    if group_by not in names:
        raise UserError(f"{path}: data.fold_by={group_by}: no such column; it has {', '.join(columns)}")
    if len(set(names)) != len(names):
        hint = "; work is the earlier name of action" if {EARLIER_ACTION, "action"} <= set(columns) else ""
        raise UserError(f"{path}: a column appears twice in {', '.join(columns)}{hint}")
    return names


def _values(location: str, columns: Sequence[str], cells: Sequence[str], group_by: str) -> dict[str, str]:
    """Check the cells of a line, and name them by their columns."""
    if len(cells) != len(columns):
        raise UserError(f"{location}: {len(cells)} cells; as many as columns are expected, {len(columns)}")
    value = dict(zip(columns, cells, strict=True))
    for key, text in value.items():
        if CONTROL.search(text):
            raise UserError(f"{location}: {key} {text!r} holds a control character")
    for key in ("clip", "path", group_by):
        if not value[key]:
            raise UserError(f"{location}: {key} '' is empty")
    if value["split"] not in SPLITS:
        raise UserError(f"{location}: split {value['split']!r}; allowed are {', '.join(SPLITS)}")
    return value


def _recording(
    location: str, value: dict[str, str], group_by: str, folder: Path, pose_format: PoseFormat | None
) -> Recording:
    source = folder / value["path"]
    try:
        exists = source.exists()
    except OSError:
        exists = False
    if not exists:
        raise UserError(f"{location}: clip {value['clip']}: {source} does not exist")
    labels = value["abnormal"], value.get("action", "")
    fps = read_header(source, pose_format or PoseFormat()).fps if any(map(SECONDS.search, labels)) else 0.0
    abnormal = None if labels[0] == "all" else _spans(location, labels[0], fps)
    actions = tuple(_action(location, part, fps) for part in labels[1].split(";") if part.strip())
    return Recording(value["clip"], source, value["split"], value[group_by], abnormal, actions)


def _spans(location: str, text: str, fps: float) -> tuple[Span, ...]:
    spans = []
    for part in filter(None, (p.strip() for p in text.split(";"))):
        span = _span(part, fps)
        if span is None:
            allowed = "empty, 'all', or half-open spans of frames like 120-260;400-455, or of seconds like 4s-8.5s"
            raise UserError(f"{location}: abnormal {part!r}; allowed are {allowed}")
        spans.append(span)
    return tuple(spans)


def _action(location: str, part: str, fps: float) -> tuple[str, Span]:
    name, _, text = part.strip().rpartition(":")
    span = _span(text, fps)
    if not 1 <= len(name) <= 64 or span is None:
        allowed = "name:first-stop, in frames like carry_box:0-300 or in seconds like carry_box:0s-10s"
        raise UserError(f"{location}: action {part!r}; allowed is {allowed}")
    return name, span


def _span(text: str, fps: float) -> Span | None:
    """Read a span of frames, or of seconds at a rate of frames; None if it is no span or empty."""
    if match := FRAMES.fullmatch(text):
        first, stop = int(match[1]), int(match[2])
    elif match := SECONDS.fullmatch(text):
        first, stop = (math.ceil(float(time) * fps - ON_FRAME) for time in match.groups())
    else:
        return None
    return (first, stop) if first < stop else None


def check_unique(source: Path | str, recordings: Sequence[Recording]) -> None:
    """Refuse recordings with equal names or files.

    Args:
        source: the CSV, or several, for messages.
        recordings: of one data set.

    Raises:
        UserError: naming the two.
    """
    names: set[str] = set()
    recording_of: dict[Path, Recording] = {}
    for r in recordings:
        if r.clip in names:
            raise UserError(f"{source}: clip {r.clip!r} appears twice; names must be unique")
        names.add(r.clip)
        other = recording_of.setdefault(r.path.resolve(), r)
        if other is not r:
            raise UserError(
                f"{source}: {r.path} appears twice, in {other.split} (clip {other.clip}) and in {r.split} "
                f"(clip {r.clip}); a source is one clip"
            )


def _check_splits(path: Path, recordings: Sequence[Recording]) -> None:
    split_of: dict[str, str] = {}
    for r in recordings:
        if split_of.setdefault(r.group, r.split) != r.split:
            raise UserError(
                f"{path}: group {r.group!r} is in {split_of[r.group]} and in {r.split} (clip {r.clip}); "
                "a group belongs to one split"
            )


def _check_normal(location: str, r: Recording) -> None:
    if r.abnormal != () and r.split != "test":
        spans = "all" if r.abnormal is None else ";".join(f"{first}-{stop}" for first, stop in r.abnormal)
        raise UserError(
            f"{location}: clip {r.clip} of split {r.split} has abnormal frames ({spans}); train and val hold normal "
            "frames only"
        )
