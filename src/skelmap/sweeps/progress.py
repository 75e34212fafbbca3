"""How far a sweep is: read from its cells' folders, so that it does not matter where they run."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from threading import Event, Thread
from time import monotonic
from typing import NamedTuple

EVERY = 2.0
"""Seconds between two looks at the folders."""


class Count(NamedTuple):
    """How many cells are in which state.

    Attributes:
        cells: all of them.
        done: those with results.
        failed: those that left a cause.
    """

    cells: int
    done: int
    failed: int

    @classmethod
    def of(cls, folders: Sequence[Path]) -> "Count":
        """Look at the folders of all cells."""
        failed = [(folder / "failed.txt").exists() for folder in folders]
        done = [(folder / "metrics.json").exists() for folder in folders]
        return cls(len(folders), sum(d and not f for d, f in zip(done, failed, strict=True)), sum(failed))

    @property
    def left(self) -> int:
        """Cells that wait or run."""
        return self.cells - self.done - self.failed


def progress_line(now: Count, before: Count, seconds: float) -> str:
    """Say how far the sweep is and how long it will take.

    Args:
        now: the cells now.
        before: the cells when the sweep was started; those that had been done then tell nothing about time.
        seconds: since the sweep was started.
    """
    line = f"cells: {now.done} of {now.cells} done, {now.failed} failed, {now.left} left; {_clock(seconds)} passed"
    ran = now.done - before.done
    if ran and now.left:
        line += f", about {_clock(seconds / ran * now.left)} left"
    return line


def _clock(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))


class Progress:
    """Prints a line at the start and whenever a cell is over, from a thread of its own.

    Args:
        folders: of all cells of the sweep.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = folders
        self._before = self._last = Count.of(folders)
        self._began = monotonic()
        self._over = Event()
        self._thread = Thread(target=self._watch, daemon=True)  # it does not keep a dying program alive
        self._say()
        self._thread.start()

    def stop(self) -> None:
        """Print what is still to be said and end the thread."""
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        over = False
        while not over:
            over = self._over.wait(EVERY)
            now = Count.of(self._folders)
            if now != self._last:
                self._last = now
                self._say()

    def _say(self) -> None:
        # not logged: Hydra's log goes to the file of whichever cell runs in this process
        print(progress_line(self._last, self._before, monotonic() - self._began), flush=True)
