"""The folder that a monitor writes into: of one monitor at a time, and not of two watches of recordings."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from skelmap.errors import UserError
from skelmap.monitor.ledger import EVENTS, SCORES

LOCK = ".monitor.lock"


@contextmanager
def held(folder: Path, live: bool) -> Iterator[None]:
    """Make a folder this monitor's own until the block is over.

    Args:
        folder: made if it is not there.
        live: a camera is watched, which goes on with the files of an earlier monitor.

    Raises:
        UserError: another monitor writes there now, an earlier one has written there what recordings must not be mixed
            with, or it cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / LOCK)
        lock.acquire(timeout=0)
    except Timeout:
        raise UserError(f"output={folder}: another monitor writes there now; choose another folder") from None
    except OSError as error:
        raise UserError(f"output={folder}: cannot be written ({error.strerror})") from error
    try:
        if not live and (_lines(folder / EVENTS) > 0 or _lines(folder / SCORES) > 1):
            raise UserError(f"output={folder}: holds what an earlier monitor wrote; choose another folder")
        yield
    finally:
        lock.release()


def _lines(path: Path) -> int:
    """Count the lines of a file up to two; none where it is not there."""
    if not path.exists():
        return 0
    with path.open("rb") as file:
        return sum(1 for _, _ in zip(range(2), file, strict=False))
