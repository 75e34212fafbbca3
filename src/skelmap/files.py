"""Files that are whole or not there."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from skelmap.errors import UserError

PARTIAL = ".partial"
"""End of the names of files that are being written."""


@contextmanager
def replacing(path: Path, mode: str = "w", newline: str | None = None) -> Iterator[IO[Any]]:
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


def sweep_partial(folder: Path) -> None:
    """Remove what killed processes were writing in a folder that nobody else writes in."""
    for left_over in folder.rglob(f".*{PARTIAL}"):
        left_over.unlink(missing_ok=True)
