"""Write files atomically, read files of any origin safely, and print to standard output."""

import json
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import yaml
from omegaconf import OmegaConf
from rich.console import Console

from skelmap.utils.errors import UserError

PARTIAL = ".partial"
"""Suffix of files that are being written."""
MAX_SMALL_BYTES = 16 * 2**20
"""Largest configuration file, metrics file or JSON frame that is read."""
FILE_WIDTH = 160
"""Line length of tables written to a file or pipe; at rich's default of 80 a comparison's table breaks every word."""


@contextmanager
def atomic_write(path: Path, mode: str = "w", newline: str | None = None) -> Iterator[IO[Any]]:
    """Write a file atomically: it replaces `path` once all of it is on disk.

    At any moment, even after a kill, `path` has the old content or the new, never a part of it.

    Args:
        path: the file, replaced if it exists; its folder is created.
        mode: "w" for UTF-8 text, "wb" for bytes.
        newline: as for `open`.

    Raises:
        UserError: no space, no folder, no permission.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}{PARTIAL}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open(mode, encoding=None if "b" in mode else "utf-8", newline=newline) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror}); what was there before is intact") from error
    finally:
        with suppress(OSError):
            temporary.unlink()


def remove_partial_files(folder: Path) -> None:
    """Remove partial files of killed processes from a folder that no other process writes to."""
    for partial in folder.rglob(f".*{PARTIAL}"):
        partial.unlink(missing_ok=True)


def check_file(path: Path, max_bytes: int) -> None:
    """Check that a path is a regular file of at most `max_bytes`.

    Raises:
        UserError: missing, not a regular file, or too large.
    """
    try:
        found = path.stat()
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise UserError(f"{path}: cannot be read ({getattr(error, 'strerror', error)})") from error
    if not stat.S_ISREG(found.st_mode):
        raise UserError(f"{path}: not a file; pipes, devices and folders are not read")
    if found.st_size > max_bytes:
        raise UserError(f"{path}: {found.st_size:,} bytes; up to {max_bytes:,} are allowed")


def read_bytes(path: Path, max_bytes: int = MAX_SMALL_BYTES) -> bytes:
    """Read a file.

    Raises:
        UserError: it cannot be read, is not a regular file, or is larger than `max_bytes`.
    """
    check_file(path, max_bytes)
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from error
    except MemoryError as error:
        raise UserError(f"{path}: there is not enough memory to read it") from error


def read_text(path: Path, max_bytes: int = MAX_SMALL_BYTES) -> str:
    """Read a UTF-8 file.

    Raises:
        UserError: it cannot be read, is too large, or not UTF-8.
    """
    try:
        return read_bytes(path, max_bytes).decode()
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8 ({error.reason} at byte {error.start})") from error


def read_json(path: Path, max_bytes: int = MAX_SMALL_BYTES) -> Any:
    """Read a JSON file.

    Raises:
        UserError: it cannot be read, is too large, or not JSON.
    """
    content = read_bytes(path, max_bytes)
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:  # UnicodeDecodeError and JSONDecodeError are ValueErrors
        raise UserError(f"{path}: damaged JSON ({error})") from error
    except MemoryError as error:
        raise UserError(f"{path}: there is not enough memory to read it") from error


def read_json_object(path: Path) -> dict[str, Any]:
    """Read a JSON file whose content is an object.

    Raises:
        UserError: it cannot be read, is too large, not JSON, or not an object.
    """
    return _mapping(path, read_json(path))


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML mapping with OmegaConf's types (1e-3 is a number); interpolations are not resolved.

    Aliases are refused: a few lines of them can expand beyond any memory.

    Raises:
        UserError: it cannot be read, is too large, not YAML, or not a mapping.
    """
    text = read_text(path)
    try:
        if any(isinstance(token, yaml.AliasToken) for token in yaml.scan(text, yaml.CSafeLoader)):
            raise UserError(f"{path}: holds a YAML alias (*name), which is not allowed")
        content = OmegaConf.to_container(OmegaConf.create(text))
    except UserError:
        raise
    except Exception as error:  # PyYAML and OmegaConf raise a dozen types, AssertionError and TypeError among them
        raise UserError(f"{path}: not YAML ({' '.join(str(error).split()) or 'no keys and values'})") from error
    return _mapping(path, content)


def _mapping(path: Path, content: Any) -> dict[str, Any]:
    if not isinstance(content, dict):
        raise UserError(f"{path}: does not hold keys and values")
    return content


def stdout_console() -> Console:
    """Create a rich console for standard output: as wide as the terminal, or FILE_WIDTH into a file or pipe."""
    console = Console()
    return console if console.is_terminal else Console(width=FILE_WIDTH)
