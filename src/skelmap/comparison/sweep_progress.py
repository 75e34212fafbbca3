"""Progress and failures of a sweep."""

import os
import sys
from collections.abc import Sequence
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path
from threading import Event, Thread
from time import monotonic
from typing import Any, NamedTuple

from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from skelmap.comparison.sweep import cell_folders, cell_overrides

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


NEEDS = {
    "joblib": ("hydra_plugins.hydra_joblib_launcher", "joblib"),
    "slurm": ("hydra_plugins.hydra_submitit_launcher", "slurm"),
    "submitit_local": ("hydra_plugins.hydra_submitit_launcher", "slurm"),
    "ray": ("ray", "ray"),
}
"""Of each launcher: a module it cannot do without, and the extra that brings it."""

MANIFEST = "data.manifest"


class SweepProgress(Callback):
    """Watches a Hydra multirun from the process that was started.

    Exits with what failed and why when all cells are over, so that the program's exit status says it too.
    """

    _progress: Progress | None = None
    _cells: tuple[Path, ...] = ()

    def __getstate__(self) -> dict[str, Any]:
        """Leave all behind when Hydra sends its callbacks to a cell's process, where there is nothing to watch."""
        return {}

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Check the launcher and the data sets' manifests, forget the failures of an earlier start, begin to watch."""
        launcher = config.hydra.runtime.choices.get("launcher")
        if launcher:
            _prepare(launcher)
        _check_manifests(cell_overrides(config))
        self._cells = tuple(cell_folders(config))
        for folder in self._cells:
            (folder / "failed.txt").unlink(missing_ok=True)  # these will be tried again
        if self._cells:
            self._progress = Progress(self._cells)

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        """Say which cells failed."""
        if self._progress:
            self._progress.stop()
        causes = [f"  {folder.name}: {cause}" for folder in self._cells if (cause := _cause(folder))]
        if causes:
            title = f"{len(causes)} of {len(self._cells)} cells failed, in {config.hydra.sweep.dir}:"
            sys.exit("\n".join([title, *causes]))


def _prepare(launcher: str) -> None:
    """Stop where a launcher's plugin is missing; leave each of its processes one thread and no progress bar."""
    module, extra = NEEDS.get(launcher, ("skelmap", ""))  # a launcher file of the user's needs what it needs
    if find_spec(module) is None:
        sys.exit(f"launcher={launcher}: {module} is not installed; pip install -c constraints.txt -e '.[{extra}]'")
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # inherited; later, in a cell, torch would not heed it any more
    os.environ.setdefault("TTY_COMPATIBLE", "0")  # for rich: bars of several processes would overwrite each other


def _check_manifests(cells: list[list[str]]) -> None:
    """Stop where a data set's manifest is not there, before any cell begins."""
    named = {value for cell in cells for key, _, value in (line.partition("=") for line in cell) if key == MANIFEST}
    missing = sorted(path for path in named if "$" not in path and not Path(path.strip("'\"")).expanduser().is_file())
    if missing:
        more = f", nor {len(missing) - 1} more of {len(named)}" if len(missing) > 1 else ""
        sys.exit(f"{MANIFEST}={missing[0]}: there is no such file{more}; nothing was begun")


def _cause(folder: Path) -> str | None:
    """Give the last line of a failed cell's cause; None where it did not fail."""
    failed = folder / "failed.txt"
    if failed.exists():
        lines = failed.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return lines[-1].strip() if lines else "failed.txt is empty"
    return None if (folder / "metrics.json").exists() else "ended without results"
