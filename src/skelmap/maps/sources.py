"""What a cache was made from: a digest of the sources' content that need not be computed twice.

Reading every file to hash it would cost as much as a small cache build, so the digest is remembered under the files'
paths, sizes and times of change, as git does with its index.
"""

import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import xxhash

from skelmap.errors import UserError
from skelmap.poses import Recording, source_files

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
