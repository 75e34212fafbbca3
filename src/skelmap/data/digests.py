"""Digest of the content of recordings, remembered so that unchanged files are not read again.

Reading every file to hash it costs as much as building a small cache. The digest is therefore stored under the paths,
sizes and modification times of the files, as git does with its index.
"""

import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import xxhash

from skelmap.skeletons.manifest import Recording
from skelmap.skeletons.readers import source_files
from skelmap.utils.errors import UserError

SETTLED_SECONDS = 2.0
"""The digest of a file modified less than this ago is not stored: another change might not show in its time."""


def content_digest(recordings: Sequence[Recording], store: Path) -> str:
    """Digest the content of all recordings, in order.

    Args:
        recordings: whose files are digested.
        store: folder in which digests are stored.

    Returns:
        32 hexadecimal digits that depend on the bytes of the files and on the names of JSON files (which hold the frame
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
        stored = store / f"{state.hexdigest()}.digest"
        digest = _load(stored)
        if digest is not None:
            return digest
        digest = _digest_files(recordings, files)
    except OSError as error:
        raise UserError(f"{error.filename}: cannot be read ({error.strerror})") from error
    if time.time() - newest / 1e9 > SETTLED_SECONDS:
        with suppress(OSError):  # a missing or damaged entry is computed again
            stored.parent.mkdir(parents=True, exist_ok=True)
            stored.write_text(digest + _checksum(stored, digest))
    return digest


def _load(stored: Path) -> str | None:
    """Load a stored digest; None if there is none or its checksum is wrong."""
    try:
        content = stored.read_text()
    except (OSError, ValueError):
        return None
    digest = content[:32]
    return digest if content == digest + _checksum(stored, digest) else None


def _checksum(stored: Path, digest: str) -> str:
    """Checksum of a stored digest and its file name: a damaged entry must not select the cache of other data."""
    return xxhash.xxh3_64_hexdigest(f"{stored.name} {digest}".encode())


def _digest_files(recordings: Sequence[Recording], files: list[list[Path]]) -> str:
    state = xxhash.xxh3_128()
    for recording, group in zip(recordings, files, strict=True):
        state.update(f"recording of {len(group)} files\n".encode())
        for file in group:
            content = file.read_bytes()
            name = file.name if file != recording.path else file.suffix
            state.update(f"{name}|{len(content)}\n".encode(errors="surrogateescape"))
            state.update(content)
    return state.hexdigest()
