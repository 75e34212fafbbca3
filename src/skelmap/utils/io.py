"""Read, write and name files safely."""

import json
import os
import re
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any
from zlib import crc32

import yaml
from omegaconf import OmegaConf
from rich.console import Console

from skelmap.utils.errors import UserError

PARTIAL = ".partial"
"""End of the names of files that are being written."""


@contextmanager
def atomic_write(path: Path, mode: str = "w", newline: str | None = None) -> Iterator[IO[Any]]:
    """Open a file that takes the place of `path` when all of it is written.

    A reader, or a kill at any moment, sees the old file or the new one, never half of it.

    Args:
        path: the file, replaced if it is there; its folder is made.
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
    """Remove what killed processes were writing in a folder that nobody else writes in."""
    for left_over in folder.rglob(f".*{PARTIAL}"):
        left_over.unlink(missing_ok=True)


SMALL = 16 * 2**20
"""Bytes of a file that one person could have written, at most: a configuration, the numbers of a run, one frame."""


def check_file(path: Path, most: int) -> None:
    """Refuse what cannot be read to its end.

    Args:
        path: of the file, or of a link to it.
        most: bytes that it may have.

    Raises:
        UserError: not there, no regular file, or too large.
    """
    try:
        found = path.stat()
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise UserError(f"{path}: cannot be read ({getattr(error, 'strerror', error)})") from error
    if not stat.S_ISREG(found.st_mode):
        raise UserError(f"{path}: not a file; pipes, devices and folders are not read")
    if found.st_size > most:
        raise UserError(f"{path}: {found.st_size:,} bytes; up to {most:,} are allowed")


def read_bytes(path: Path, most: int = SMALL) -> bytes:
    """Read a file of at most so many bytes.

    Raises:
        UserError: it cannot be read, is no regular file, or is too large.
    """
    check_file(path, most)
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from error
    except MemoryError as error:
        raise UserError(f"{path}: there is not enough memory to read it") from error


def read_text(path: Path, most: int = SMALL) -> str:
    """Read UTF-8.

    Raises:
        UserError: it cannot be read, is no regular file, too large, or not UTF-8.
    """
    try:
        return read_bytes(path, most).decode()
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8 ({error.reason} at byte {error.start})") from error


def read_json(path: Path, most: int = SMALL) -> Any:
    """Read JSON.

    Raises:
        UserError: it cannot be read, is too large, or not JSON.
    """
    content = read_bytes(path, most)
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:  # UnicodeDecodeError and JSONDecodeError are ValueErrors
        raise UserError(f"{path}: damaged JSON ({error})") from error
    except MemoryError as error:
        raise UserError(f"{path}: there is not enough memory to read it") from error


def read_mapping(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        UserError: it cannot be read, is too large, not JSON, or something else than keys and values.
    """
    return _mapping(path, read_json(path))


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML mapping as OmegaConf understands it (1e-3 is a number); interpolations stay as they are written.

    Aliases are refused: a few lines of them unfold to more than any memory holds.

    Raises:
        UserError: it cannot be read, is too large, not YAML, or something else than keys and values.
    """
    text = read_text(path)
    try:
        if any(isinstance(token, yaml.AliasToken) for token in yaml.scan(text, yaml.CSafeLoader)):
            raise UserError(f"{path}: holds a YAML alias (*name), which is not allowed")
        content = OmegaConf.to_container(OmegaConf.create(text))
    except UserError:
        raise
    except Exception as error:  # PyYAML and OmegaConf raise a dozen kinds, AssertionError and TypeError among them
        raise UserError(f"{path}: not YAML ({' '.join(str(error).split()) or 'no keys and values'})") from error
    return _mapping(path, content)


def _mapping(path: Path, content: Any) -> dict[str, Any]:
    if not isinstance(content, dict):
        raise UserError(f"{path}: does not hold keys and values")
    return content


LONGEST = 50
"""Characters of a file's name without its ending; every system takes so many, whatever their alphabet."""


def shortened(name: str, limit: int) -> str:
    """Cut a name to a number of characters; different names stay different, equal ones equal."""
    return name if len(name) <= limit else f"{name[: limit - 9]}_{crc32(name.encode()):08x}"


def safe_filename(name: str) -> str:
    """Make a name that every file system takes; different names stay different, equal ones equal."""
    plain = re.sub(r"[^\w.-]+", "_", name)
    if plain != name:
        plain += f"_{crc32(name.encode(errors='surrogateescape')):08x}"
    return shortened(plain, LONGEST)


def flatten(config: Mapping[str, Any], separator: str = ".") -> dict[str, Any]:
    """Flatten nested configuration, as tables and sweep dashboards want it.

    Args:
        config: nested; keys become strings.
        separator: between the parts of a key. Dashboards get "/": W&B reads a dot in a panel's key as nesting.
    """
    out: dict[str, Any] = {}
    for key, value in config.items():
        if isinstance(value, dict):
            out |= {f"{key}{separator}{inner}": leaf for inner, leaf in flatten(value, separator).items()}
        else:
            out[str(key)] = value
    return out


WIDE = 160
"""Characters in a line of a file; rich takes 80, in which a study's table breaks every word."""


def stdout() -> Console:
    """Open standard output, as wide as the terminal, or wide where it goes to a file or another program."""
    console = Console()
    return console if console.is_terminal else Console(width=WIDE)
