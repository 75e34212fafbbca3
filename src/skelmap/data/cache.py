"""Cache of rendered rows, keyed by the content of the recordings."""

import json
import logging
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import IO, Any

import numpy as np
import xxhash
from filelock import FileLock, Timeout
from numpy.typing import NDArray
from rich.progress import track as progress

from skelmap.data.keypoints import KeypointSettings
from skelmap.data.rendering import RENDERER_VERSION, MapSettings, outside_cut
from skelmap.skeletons.clip import Clip
from skelmap.skeletons.manifest import Recording, Span
from skelmap.skeletons.readers import PoseFormat, read_clip, source_files
from skelmap.utils.errors import UserError

SETTLED_S = 2.0
"""A file changed less than this ago could change again without its time showing it: its digest is not remembered."""


def content_digest(recordings: Sequence[Recording], memory: Path) -> str:
    """Digest the content of all sources, in order.

    Args:
        recordings: whose sources are digested.
        memory: folder in which digests are remembered.

    Returns:
        32 hexadecimal digits that depend on the files' bytes and the names of JSON files (they hold the frame
        number), and on nothing else.

    Raises:
        UserError: a file cannot be read.
    """
    state, newest = xxhash.xxh3_128(), 0
    files = [source_files(recording.path) for recording in recordings]
    try:
        for file in (file for group in files for file in group):
            stat = file.stat()
            state.update(f"{file}|{stat.st_size}|{stat.st_mtime_ns}|{stat.st_ino}\n".encode(errors="surrogateescape"))
            newest = max(newest, stat.st_mtime_ns)
        known = memory / f"{state.hexdigest()}.digest"
        digest = _recall(known)
        if digest is not None:
            return digest
        digest = _read_all(recordings, files)
    except OSError as error:
        raise UserError(f"{error.filename}: cannot be read ({error.strerror})") from error
    if time.time() - newest / 1e9 > SETTLED_S:
        with suppress(OSError):  # half of it, or nothing, is as good as a damaged one: it is computed again
            known.parent.mkdir(parents=True, exist_ok=True)
            known.write_text(digest + _check(known, digest))
    return digest


def _recall(known: Path) -> str | None:
    """Give the digest that was remembered; None if none was, or if it is damaged or another one's."""
    try:
        content = known.read_text()
    except (OSError, ValueError):
        return None
    digest = content[:32]
    return digest if content == digest + _check(known, digest) else None


def _check(known: Path, digest: str) -> str:
    """Say what stands after a remembered digest, so that damage does not make another data set's cache this one's."""
    return xxhash.xxh3_64_hexdigest(f"{known.name} {digest}".encode())


def _read_all(recordings: Sequence[Recording], files: list[list[Path]]) -> str:
    state = xxhash.xxh3_128()
    for recording, group in zip(recordings, files, strict=True):
        state.update(f"recording of {len(group)} files\n".encode())
        for file in group:
            content = file.read_bytes()
            name = file.name if file != recording.path else file.suffix
            state.update(f"{name}|{len(content)}\n".encode(errors="surrogateescape"))
            state.update(content)
    return state.hexdigest()


MAGIC = b"skelmap\x02"
TAIL = 8 + 16 + len(MAGIC)
"""Bytes after the JSON: its length, the digest, the magic again."""
ATTEMPTS = 3
"""How often a cache is built that vanishes or is damaged as soon as it is written."""
log = logging.getLogger(__name__)
Settings = MapSettings | KeypointSettings


@dataclass(frozen=True, eq=False)
class MapCache:
    """All skeleton maps of a manifest; a row is one person in one frame in which a joint was seen.

    Rows are sorted by (clip, track, frame).

    Attributes:
        path: the file.
        packed: (N, settings.row_bytes) uint8.
        clip: (N,) int32 index of the recording.
        frame: (N,) int32 frame number.
        track: (N,) int32 person number within the clip.
        spans: first frame of each recording and one past its last.
        fps: frames a second of each recording.
        settings: what a row is and how to unpack it.
        outside: share of the seen joints that the maps' cut leaves out, 0..1; 0 of keypoints, which are not cut, and in
            files of earlier versions.
    """

    path: Path
    packed: NDArray[np.uint8]
    clip: NDArray[np.int32]
    frame: NDArray[np.int32]
    track: NDArray[np.int32]
    spans: tuple[Span, ...]
    fps: tuple[float, ...]
    settings: Settings
    outside: float

    def __len__(self) -> int:
        """Count the rows."""
        return len(self.clip)


def open_cache(
    recordings: Sequence[Recording], settings: Settings, folder: Path, fmt: PoseFormat | None = None, step: int = 1
) -> MapCache:
    """Open the cache of these recordings' maps, building it first if there is none.

    Safe to call from many processes at once: one builds, the others wait.

    Args:
        recordings: whose maps are wanted, in order.
        settings: what a row is: a map and how it is drawn, or keypoints.
        folder: where caches lie.
        fmt: layout, picture size and frame rate of JSON sources.
        step: the frame before another one is so many frames earlier, for rows that depend on it.

    Returns:
        The cache.

    Raises:
        UserError: a source cannot be read, or the folder cannot be written.
    """
    fmt = fmt or PoseFormat()
    step = step if settings.remembers else 1
    with _writable(folder):
        key = xxhash.xxh3_128(content_digest(recordings, folder / "sources").encode())
        key.update(
            json.dumps(
                [type(settings).__name__, _told(settings), fmt.layout.name, fmt.size, fmt.fps, RENDERER_VERSION]
                + [step] * (step > 1)
            ).encode()
        )
        path = folder / f"{key.hexdigest()}.maps"
        for _ in range(ATTEMPTS):
            cache = _load(path, settings) or _built(path, recordings, settings, fmt, step)
            if cache is not None:
                return cache
    raise UserError(f"{path}: gone or damaged as soon as it was written, {ATTEMPTS} times; is the disk sound?")


def _told(settings: Settings) -> dict[str, Any]:
    """Say what a row depends on; the one channel of earlier versions goes without saying: their caches keep names."""
    told = asdict(settings)
    if told.get("channels") == MapSettings.channels:
        del told["channels"]
    return told


@contextmanager
def _writable(folder: Path) -> Iterator[None]:
    """Turn a full disk or a read-only folder into a message."""
    try:
        yield
    except OSError as error:
        raise UserError(f"{folder}: the map cache cannot be written ({error.strerror or error})") from error


@contextmanager
def _one_builder(path: Path) -> Iterator[None]:
    """Hold the lock of one cache file; say so when that means waiting."""
    lock = FileLock(path)
    try:
        lock.acquire(timeout=1)
    except Timeout:
        log.info("waiting for another process that draws these maps")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _built(
    path: Path, recordings: Sequence[Recording], settings: Settings, fmt: PoseFormat, step: int
) -> MapCache | None:
    """Build the cache, unless another process has done so meanwhile; None if it was taken away as it was built."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileNotFoundError), _one_builder(path.with_suffix(".lock")):
        cache = _load(path, settings)
        if cache is None:
            _build(path, recordings, settings, fmt, step)
            cache = _load(path, settings)
        return cache
    return None


def _build(path: Path, recordings: Sequence[Recording], settings: Settings, fmt: PoseFormat, step: int) -> None:
    """Draw every clip and write the file; it appears whole or not at all."""
    partial = path.with_suffix(f".{os.getpid()}.partial")
    for left_over in path.parent.glob(f"{path.stem}.*.partial"):  # of a process that was killed; we hold the lock
        left_over.unlink(missing_ok=True)
    try:
        with partial.open("wb") as file:
            _write(file, path.stem, recordings, settings, fmt, step)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def _write(
    file: IO[bytes], key: str, recordings: Sequence[Recording], settings: Settings, fmt: PoseFormat, step: int
) -> None:
    digest = xxhash.xxh3_128()

    def put(content: bytes) -> None:
        digest.update(content)
        file.write(content)

    put(MAGIC)
    index: dict[str, list[NDArray[np.int32]]] = {"clip": [], "frame": [], "track": []}
    spans, rates, outside = [], [], np.zeros(2, np.int64)
    for i, recording in enumerate(progress(recordings, "drawing skeleton maps", transient=True)):
        clip = read_clip(recording.path, recording.clip, fmt)
        seen = clip.present
        put(_packed(clip, settings, step).tobytes())
        index["clip"].append(np.full(int(seen.sum()), i, np.int32))
        index["frame"].append(clip.frame[seen].astype(np.int32))
        index["track"].append(clip.track[seen].astype(np.int32))
        spans.append(clip.span)
        rates.append(clip.fps)
        if isinstance(settings, MapSettings):
            outside += outside_cut(clip, settings)
    for column in index.values():
        put(np.concatenate(column).tobytes() if column else b"")
    rows = sum(len(part) for part in index["clip"])
    share = float(outside[0] / max(outside[1], 1))
    header = json.dumps({"key": key, "rows": rows, "spans": spans, "fps": rates, "outside": share}).encode()
    put(header)
    put(len(header).to_bytes(8, "little"))
    file.write(digest.digest())
    file.write(MAGIC)
    log.info("cached %d rows of %d clips", rows, len(recordings))


def _packed(clip: Clip, settings: Settings, step: int) -> NDArray[np.uint8]:
    """Pack the rows of a clip in which a joint was seen; frames `step` apart follow each other, as at a lower rate."""
    packed = np.empty((int(clip.present.sum()), settings.row_bytes), np.uint8)
    for first in range(step):
        rows = clip.frame % step == first
        part = replace(clip, keypoints=clip.keypoints[rows], frame=clip.frame[rows], track=clip.track[rows])
        packed[rows[clip.present]] = settings.pack(part)
    return packed


def _load(path: Path, settings: Settings) -> MapCache | None:
    """Read a finished cache; None if there is none or it is damaged."""
    try:
        content = np.fromfile(path, np.uint8)
        if _sound(content):
            return _parse(path, content, settings)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        log.warning("%s: %s", path, error)
    log.warning("%s is damaged or cut short: it is built anew", path)
    return None


def _sound(content: NDArray[np.uint8]) -> bool:
    """Say whether a file's content has the digest and the magic at its end."""
    end = len(content) - 16 - len(MAGIC)
    return end >= len(MAGIC) + 8 and content[end:].tobytes() == xxhash.xxh3_128(content[:end].data).digest() + MAGIC


def _parse(path: Path, content: NDArray[np.uint8], settings: Settings) -> MapCache:
    """Take a sound file's content apart.

    Raises:
        ValueError: it is the cache of something else.
    """
    length_at = len(content) - TAIL
    length = int.from_bytes(content[length_at : length_at + 8].tobytes(), "little")
    header = json.loads(content[length_at - length : length_at].tobytes())
    if header["key"] != path.stem:
        raise ValueError(f"another cache's content ({header['key']})")
    rows, start = header["rows"], len(MAGIC)
    index = start + rows * settings.row_bytes
    packed = content[start:index].reshape(rows, settings.row_bytes)
    clip, frame, track = np.frombuffer(content, "<i4", 3 * rows, index).reshape(3, rows).copy()
    spans = tuple((int(first), int(stop)) for first, stop in header["spans"])
    return MapCache(path, packed, clip, frame, track, spans, tuple(header["fps"]), settings, header.get("outside", 0.0))
