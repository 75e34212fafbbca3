"""Cache of all frames of a data set, as models see them: resampled, bridged, rendered, packed.

One file per (content of the recordings, settings, clock, renderer version):

    magic | rows (N, bytes) uint8 | clip, tick, track (N,) int32 each | size (N,) float32 | JSON | length of the JSON |
    digest | magic

The digest covers everything before it, and the JSON holds the name of the file, so a damaged, truncated or exchanged
file is detected when it is opened, and built again. The file is read into memory as a whole and the digest is that of
what was read: later changes of the file have no effect. (Memory-mapped rows would change with the file, and a truncated
one would end the process.)
"""

import json
import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
import xxhash
from filelock import FileLock, Timeout
from numpy.typing import NDArray
from rich.progress import track as progress

from skelmap.data.digests import content_digest
from skelmap.data.keypoints import KeypointSettings
from skelmap.data.rendering import RENDERER_VERSION, MapSettings, count_cropped
from skelmap.skeletons.checks import CHECKS_VERSION, Finding, check_recording
from skelmap.skeletons.clip import Clip
from skelmap.skeletons.data_set_checks import ClipSummary, Overlap, detection_hashes, find_overlaps
from skelmap.skeletons.manifest import Recording, Span
from skelmap.skeletons.person_filter import PersonFilter
from skelmap.skeletons.person_size import person_sizes
from skelmap.skeletons.readers import PoseFormat, read_clip
from skelmap.skeletons.resampling import clip_ticks, resample_clip
from skelmap.utils.errors import UserError

MAGIC = b"skelmap\x03"
TRAILER = 8 + 16 + len(MAGIC)
"""Bytes after the JSON: its length, the digest, the magic again."""
ATTEMPTS = 3
"""Builds of a cache that disappears or is damaged as soon as it is written."""
log = logging.getLogger(__name__)
Settings = MapSettings | KeypointSettings


class Clock(NamedTuple):
    """The model's clock, at which every recording is resampled.

    Attributes:
        fps: ticks a second.
        bridge_seconds: gaps in a person's detections up to this length are bridged; 0 bridges none.
    """

    fps: float
    bridge_seconds: float


@dataclass(frozen=True, eq=False)
class SkeletonCache:
    """The frames of all people in all recordings; a row is one person at one tick of the clock.

    Rows are sorted by (clip, track, tick).

    Attributes:
        path: the file.
        packed: (N, settings.row_bytes) uint8.
        clip: (N,) int32 index of the recording.
        frame: (N,) int32 tick.
        track: (N,) int32 person number within the clip.
        size: (N,) float32 size of the person, px; NaN where too few joints were detected (`person_sizes`).
        source_spans: first frame of each recording and one past the last, at its own rate.
        source_fps: frames a second of each recording.
        clock: rate of the ticks.
        settings: what a row is and how to unpack it.
        cropped: share of the detected joints outside the crop of the maps, 0..1; 0 of keypoints, which are not cropped.
        left_out: detections of each recording that `PersonFilter` left out, at its own rate.
        empty: rows of each recording whose map has no pixel; 0 of keypoints.
        findings: contradictions between what was declared of a recording and what was seen.
        summaries: of the recordings, for comparing them (`check_data_set`).
        overlaps: recordings that share detections.
    """

    path: Path
    packed: NDArray[np.uint8]
    clip: NDArray[np.int32]
    frame: NDArray[np.int32]
    track: NDArray[np.int32]
    size: NDArray[np.float32]
    source_spans: tuple[Span, ...]
    source_fps: tuple[float, ...]
    clock: Clock
    settings: Settings
    cropped: float
    left_out: tuple[int, ...]
    empty: tuple[int, ...]
    findings: tuple[Finding, ...]
    summaries: tuple[ClipSummary, ...]
    overlaps: tuple[Overlap, ...]

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.clip)

    @property
    def spans(self) -> tuple[Span, ...]:
        """First tick of each recording and one past the last."""
        sources = zip(self.source_spans, self.source_fps, strict=True)
        return tuple(clip_ticks(span, fps, self.clock.fps) for span, fps in sources)


@dataclass(frozen=True)
class _Contents:
    """What a cache is built from."""

    recordings: Sequence[Recording]
    settings: Settings
    clock: Clock
    pose_format: PoseFormat
    person_filter: PersonFilter

    def file_name(self, store: Path) -> str:
        """Digest everything that the rows depend on."""
        key = xxhash.xxh3_128(content_digest(self.recordings, store).encode())
        pose = self.pose_format
        settings = [type(self.settings).__name__, asdict(self.settings), pose.plain()]
        key.update(json.dumps([*settings, *self.clock, *self.person_filter, RENDERER_VERSION, CHECKS_VERSION]).encode())
        return key.hexdigest()


def open_cache(
    recordings: Sequence[Recording],
    settings: Settings,
    folder: Path,
    clock: Clock,
    pose_format: PoseFormat | None = None,
    person_filter: PersonFilter | None = None,
) -> SkeletonCache:
    """Open the cache of these recordings; build it first if there is none.

    Safe to call from many processes at once: one builds, the others wait.

    Args:
        recordings: in order.
        settings: what a row is: a rendered map or keypoints.
        folder: of all caches.
        clock: rate of the rows and longest gap that is bridged.
        pose_format: layout, image size and frame rate of JSON recordings.
        person_filter: which detections are left out; None for the defaults.

    Raises:
        UserError: a recording cannot be read, or contradicts what was declared; the folder cannot be written.
    """
    contents = _Contents(recordings, settings, clock, pose_format or PoseFormat(), person_filter or PersonFilter())
    try:
        path = folder / f"{contents.file_name(folder / 'sources')}.rows"
        for _ in range(ATTEMPTS):
            cache = _load(path, contents) or _build_locked(path, contents)
            if cache is not None:
                return cache
    except OSError as error:
        raise UserError(f"{folder}: the cache cannot be written ({error.strerror or error})") from error
    raise UserError(f"{path}: gone or damaged as soon as it was written, {ATTEMPTS} times; is the disk sound?")


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    """Hold the lock of one cache file; log it when that means waiting."""
    lock = FileLock(path)
    try:
        lock.acquire(timeout=1)
    except Timeout:
        log.info("waiting for another process that builds this cache")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _build_locked(path: Path, contents: _Contents) -> SkeletonCache | None:
    """Build the cache unless another process has built it meanwhile; None if it was deleted while it was built."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileNotFoundError), _lock(path.with_suffix(".lock")):
        cache = _load(path, contents)
        if cache is None:
            _build(path, contents)
            cache = _load(path, contents)
        return cache
    return None


def _build(path: Path, contents: _Contents) -> None:
    """Render every clip and write the file; it appears complete or not at all."""
    partial = path.with_suffix(f".{os.getpid()}.partial")
    for left_over in path.parent.glob(f"{path.stem}.*.partial"):  # of a process that was killed; we hold the lock
        left_over.unlink(missing_ok=True)
    try:
        with partial.open("wb") as file:
            _write(file, path.stem, contents)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def _write(file: IO[bytes], key: str, contents: _Contents) -> None:
    """Write the rows of all recordings, then their index."""
    digest = xxhash.xxh3_128()

    def put(content: bytes) -> None:
        digest.update(content)
        file.write(content)

    put(MAGIC)
    clock, settings = contents.clock, contents.settings
    index: dict[str, list[NDArray[np.int32 | np.float32]]] = {"clip": [], "frame": [], "track": [], "size": []}
    header: dict[str, Any] = {"key": key, "spans": [], "fps": [], "left_out": [], "empty": [], "summaries": []}
    cropped, findings, hashes = np.zeros(2, np.int64), list[Finding](), list[NDArray[np.uint64]]()
    for i, recording in enumerate(progress(contents.recordings, "rendering", transient=True)):
        source = read_clip(recording.path, recording.clip, contents.pose_format)
        findings += check_recording(source, recording.path)
        hashes.append(detection_hashes(source))
        header["summaries"].append(asdict(ClipSummary.of(source)))
        clip, left_out = _people(source, contents.person_filter)
        clip = resample_clip(clip, clock.fps, clock.bridge_seconds)
        packed = settings.pack(clip)
        put(packed.tobytes())
        index["clip"].append(np.full(len(clip), i, np.int32))
        index["frame"].append(clip.frame.astype(np.int32))
        index["track"].append(clip.track.astype(np.int32))
        index["size"].append(person_sizes(clip.keypoints, clip.layout).astype(np.float32))
        is_map = isinstance(settings, MapSettings)
        facts = source.span, source.fps, left_out, int(np.count_nonzero(~packed.any(axis=1))) if is_map else 0
        for name, fact in zip(("spans", "fps", "left_out", "empty"), facts, strict=True):
            header[name].append(fact)
        if isinstance(settings, MapSettings):
            cropped += count_cropped(clip, settings)
    for column in index.values():
        put(np.concatenate(column).tobytes() if column else b"")
    header["overlaps"] = find_overlaps(hashes)
    header["rows"] = rows = sum(map(len, index["clip"]))
    header["cropped"] = float(cropped[0] / max(cropped[1], 1))
    header["findings"] = [(finding.clip, finding.text) for finding in findings]
    encoded = json.dumps(header).encode()
    put(encoded)
    put(len(encoded).to_bytes(8, "little"))
    file.write(digest.digest())
    file.write(MAGIC)
    log.info("cached %d rows of %d clips", rows, len(contents.recordings))


def _people(clip: Clip, person_filter: PersonFilter) -> tuple[Clip, int]:
    """Leave out detections that are not people; also give their number."""
    keypoints = person_filter.drop(clip.keypoints, clip.layout, clip.size)
    kept = replace(clip, keypoints=keypoints)
    return kept, int(np.count_nonzero(clip.present & ~kept.present))


def _load(path: Path, contents: _Contents) -> SkeletonCache | None:
    """Read a complete cache; None if there is none or it is damaged."""
    try:
        content = np.fromfile(path, np.uint8)
        if _is_intact(content):
            return _parse(path, content, contents)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        log.warning("%s: %s", path, error)
    log.warning("%s is damaged or cut short: it is built anew", path)
    return None


def _is_intact(content: NDArray[np.uint8]) -> bool:
    """Whether the digest and the magic at the end of a file are those of its content."""
    end = len(content) - 16 - len(MAGIC)
    return end >= len(MAGIC) + 8 and content[end:].tobytes() == xxhash.xxh3_128(content[:end].data).digest() + MAGIC


def _parse(path: Path, content: NDArray[np.uint8], contents: _Contents) -> SkeletonCache:
    """Parse the content of an intact file.

    Raises:
        ValueError: it is the cache of something else.
    """
    length_at = len(content) - TRAILER
    length = int.from_bytes(content[length_at : length_at + 8].tobytes(), "little")
    header = json.loads(content[length_at - length : length_at].tobytes())
    if header["key"] != path.stem:
        raise ValueError(f"the content of another cache ({header['key']})")
    rows, start, settings = header["rows"], len(MAGIC), contents.settings
    index = start + rows * settings.row_bytes
    packed = content[start:index].reshape(rows, settings.row_bytes)
    clip, frame, track = np.frombuffer(content, "<i4", 3 * rows, index).reshape(3, rows).copy()
    size = np.frombuffer(content, "<f4", rows, index + 12 * rows).copy()
    spans = tuple((int(first), int(stop)) for first, stop in header["spans"])
    return SkeletonCache(
        path=path,
        packed=packed,
        clip=clip,
        frame=frame,
        track=track,
        size=size,
        source_spans=spans,
        source_fps=tuple(header["fps"]),
        clock=contents.clock,
        settings=settings,
        cropped=header["cropped"],
        left_out=tuple(header["left_out"]),
        empty=tuple(header["empty"]),
        findings=tuple(Finding(*finding) for finding in header["findings"]),
        summaries=tuple(ClipSummary(**summary) for summary in header["summaries"]),
        overlaps=tuple(Overlap(*overlap) for overlap in header["overlaps"]),
    )
