"""The table of a manifest, as spreadsheet programs write it: separators, encodings and empty cells."""

import codecs
import csv
import io
import logging
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from skelmap.utils.errors import UserError
from skelmap.utils.io import read_bytes

MAX_BYTES = 64 * 2**20
"""Largest manifest, more than a million lines."""
SEPARATORS = ",;\t"
BOM = "\ufeff"
"""Byte order mark, by which Excel knows UTF-8."""
NOT_CP932 = re.compile("[\ufffd\uf8f0-\uf8f3]")
"""What Python gives for bytes that are not of Shift-JIS as Windows has it."""
OTHER_THAN_ASCII = re.compile(r"[^\x00-\x7f]+")
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ManifestTable:
    """Cells of a manifest.

    Attributes:
        text: the file's text, with a byte order mark unless the file is UTF-8 without one.
        separator: between cells, one of `SEPARATORS`.
        columns: names in the first line.
        lines: number of each further line in the file, from 1, and its cells; lines without text are left out.
    """

    text: str
    separator: str
    columns: tuple[str, ...]
    lines: tuple[tuple[int, tuple[str, ...]], ...]


def read_table(path: Path, known: Sequence[str]) -> ManifestTable:
    """Read a CSV in UTF-8, UTF-16 or Shift-JIS, separated by commas, semicolons or tabs.

    Args:
        path: the file.
        known: names of columns, by which the separator is recognised.

    Raises:
        UserError: it cannot be read, is too large, in another encoding, or no CSV.
    """
    text = _decode(path, read_bytes(path, MAX_BYTES))
    separator = max(SEPARATORS, key=lambda char: _count_known(text, char, known))
    try:
        lines = list(_lines(text, separator))
    except csv.Error as error:
        raise UserError(f"{path}: not a CSV ({error})") from error
    columns = _without_empty_end(lines[0][1]) if lines else ()
    cells = tuple((number, _without_empty_end(line, len(columns))) for number, line in lines[1:])
    return ManifestTable(text, separator, columns, cells)


def _decode(path: Path, content: bytes) -> str:
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        try:
            return BOM + content.decode("utf-16")
        except UnicodeDecodeError as error:
            raise UserError(f"{path}: damaged UTF-16 ({error.reason} at byte {error.start})") from error
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        reason = f"{error.reason} at byte {error.start}"
    text = content.decode("cp932", errors="replace")
    if NOT_CP932.search(text):
        raise UserError(f"{path}: not UTF-8 ({reason}), UTF-16 or Shift-JIS; save it as 'CSV UTF-8'")
    example = OTHER_THAN_ASCII.findall(text)[0][:20]
    log.warning("%s was read as Shift-JIS (%s); if this looks wrong, save it as 'CSV UTF-8'", path, example)
    return BOM + text


def _lines(text: str, separator: str) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Lines that hold text, with their numbers."""
    reader = csv.reader(io.StringIO(text.removeprefix(BOM), newline=""), delimiter=separator, strict=True)
    for cells in reader:
        stripped = tuple(cell.strip() for cell in cells)
        if any(stripped):
            yield reader.line_num, stripped


def _count_known(text: str, separator: str, known: Sequence[str]) -> int:
    """Number of known names in the first line."""
    first = next((line for line in text.removeprefix(BOM).splitlines() if line.strip()), "")
    return len({cell.strip().strip('"') for cell in first.split(separator)} & {*known})


def _without_empty_end(cells: tuple[str, ...], least: int = 0) -> tuple[str, ...]:
    """Drop empty cells at the end, down to a number of cells."""
    while len(cells) > least and not cells[-1]:
        cells = cells[:-1]
    return cells
