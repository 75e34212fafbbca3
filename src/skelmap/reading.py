"""Read files that anyone may have written: whatever is in them, the answer is plain values or a UserError.

What is opened is a regular file (a pipe would never end) and not larger than what it should hold; links may lead
anywhere. No message shows more of a file than the value that it complains of.
"""

import json
import stat
from pathlib import Path
from typing import Any

import yaml
from omegaconf import OmegaConf

from skelmap.errors import UserError

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
