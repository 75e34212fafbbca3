"""What a cache was made from: a digest of the sources' content that need not be computed twice.

Reading every file to hash it would cost as much as a small cache build, so the digest is remembered under the files'
paths, sizes and times of change, as git does with its index.
"""

import os
import re
import time
from collections.abc import Sequence
from pathlib import Path

import xxhash

from skelmap.errors import UserError
from skelmap.poses import Recording, source_files

DIGEST = re.compile(rb"[0-9a-f]{32}")
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
        if known.is_file() and DIGEST.fullmatch(remembered := known.read_bytes()):
            return remembered.decode()
        digest = _read_all(recordings, files)
    except OSError as error:
        raise UserError(f"{error.filename}: cannot be read ({error.strerror})") from error
    if time.time() - newest / 1e9 > SETTLED_S:
        write_atomically(known, digest.encode())
    return digest


def write_atomically(path: Path, content: bytes) -> None:
    """Write a small file so that a reader sees all of it or nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        partial.write_bytes(content)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


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
