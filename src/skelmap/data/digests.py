"""What is known of the content of recordings, remembered so that unchanged files are not read again.

Reading every file to hash it costs as much as building a small cache. The digest is therefore stored under the paths,
sizes and modification times of the files, as git does with its index.
"""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import xxhash

from skelmap.skeletons.manifest import Recording
from skelmap.skeletons.readers import read_step, source_files
from skelmap.utils.errors import UserError

SETTLED_SECONDS = 2.0
"""What is known of a file modified less than this ago is not stored: another change might not show in its time."""
CHECKSUM_DIGITS = 16


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
    files = [source_files(recording.path) for recording in recordings]
    every = [file for group in files for file in group]
    return _remembered(every, store, "digest", lambda: _digest_files(recordings, files))


def recording_step(path: Path, store: Path) -> int:
    """Read the step of a recording's frame numbers (`read_step`); that of a JSON file only if it has changed.

    Args:
        path: the recording.
        store: folder in which steps are stored.

    Raises:
        UserError: see `read_step`.
    """
    if path.is_dir() or path.suffix != ".json":
        return read_step(path)
    return int(_remembered(source_files(path), store, "step", lambda: str(read_step(path))))


def _remembered(files: Sequence[Path], store: Path, kind: str, compute: Callable[[], str]) -> str:
    """Take a text that depends on files alone from the store; compute and store it if they have changed."""
    state, newest = xxhash.xxh3_128(), 0
    try:
        for file in files:
            stat = file.stat()
            state.update(f"{file}|{stat.st_size}|{stat.st_mtime_ns}|{stat.st_ino}\n".encode(errors="surrogateescape"))
            newest = max(newest, stat.st_mtime_ns)
        stored = store / f"{state.hexdigest()}.{kind}"
        text = _load(stored)
        if text is not None:
            return text
        text = compute()
    except OSError as error:
        raise UserError(f"{error.filename}: cannot be read ({error.strerror})") from error
    if time.time() - newest / 1e9 > SETTLED_SECONDS:
        with suppress(OSError):  # a missing or damaged entry is computed again
            stored.parent.mkdir(parents=True, exist_ok=True)
            stored.write_text(text + _checksum(stored, text))
    return text


def _load(stored: Path) -> str | None:
    """Load a stored text; None if there is none or its checksum is wrong."""
    try:
        content = stored.read_text()
    except (OSError, ValueError):
        return None
    text = content[:-CHECKSUM_DIGITS]
    return text if content == text + _checksum(stored, text) else None


def _checksum(stored: Path, text: str) -> str:
    """Checksum of a stored text and its file name: a damaged entry must not select the cache of other data."""
    return xxhash.xxh3_64_hexdigest(f"{stored.name} {text}".encode())


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
