"""Hydra callback that checks a sweep before it starts, reports its progress, and lists its failed runs."""

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

from skelmap.comparison.sweep import parse_override, run_folders, run_overrides
from skelmap.training.run_dir import FAILED, METRICS, read_failure
from skelmap.utils.errors import UserError

POLL_SECONDS = 2.0
"""Interval at which the run folders are checked."""
LAUNCHER_PACKAGES = {
    "joblib": ("hydra_plugins.hydra_joblib_launcher", "joblib"),
    "slurm": ("hydra_plugins.hydra_submitit_launcher", "slurm"),
    "submitit_local": ("hydra_plugins.hydra_submitit_launcher", "slurm"),
    "ray": ("ray", "ray"),
}
"""For each launcher, a module that it needs, and the extra of this package that installs it."""
MANIFEST = "data.manifest"


class RunCounts(NamedTuple):
    """Number of runs of a sweep by state.

    Attributes:
        total: all runs.
        done: runs with results.
        failed: runs with a failed.txt.
    """

    total: int
    done: int
    failed: int

    @classmethod
    def of(cls, folders: Sequence[Path]) -> "RunCounts":
        """Count from the files in the run folders."""
        failed = {folder for folder in folders if read_failure(folder)}
        done = sum((folder / METRICS).exists() for folder in folders if folder not in failed)
        return cls(len(folders), done, len(failed))

    @property
    def left(self) -> int:
        """Runs that wait or are running."""
        return self.total - self.done - self.failed


def progress_line(now: RunCounts, before: RunCounts, seconds: float) -> str:
    """Format the state of a sweep and the estimated time left.

    Args:
        now: current counts.
        before: counts at the start; runs that were finished by then do not count for the estimate.
        seconds: since the start.
    """
    line = f"runs: {now.done} of {now.total} done, {now.failed} failed, {now.left} left; {_duration(seconds)} elapsed"
    finished = now.done - before.done
    if finished and now.left:
        line += f", about {_duration(seconds / finished * now.left)} left"
    return line


def _duration(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))


class ProgressPrinter:
    """Prints a line at the start and whenever a run has ended, from a thread.

    Args:
        folders: of all runs of the sweep.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = folders
        self._first = self._last = RunCounts.of(folders)
        self._start = monotonic()
        self._stopped = Event()
        self._thread = Thread(target=self._poll, daemon=True)  # does not keep a killed program alive
        self._print()
        self._thread.start()

    def stop(self) -> None:
        """Print the counts if they have changed, and end the thread."""
        self._stopped.set()
        self._thread.join()

    def _poll(self) -> None:
        stopped = False
        while not stopped:
            stopped = self._stopped.wait(POLL_SECONDS)
            now = RunCounts.of(self._folders)
            if now != self._last:
                self._last = now
                self._print()

    def _print(self) -> None:
        # not logged: Hydra directs the log to the file of the run that this process is executing
        print(progress_line(self._last, self._first, monotonic() - self._start), flush=True)


class SweepProgress(Callback):
    """Checks a Hydra multirun, reports its progress, and exits with status 1 and the causes if runs have failed."""

    _printer: ProgressPrinter | None = None
    _folders: tuple[Path, ...] = ()

    def __getstate__(self) -> dict[str, Any]:
        """Pickle no state: launchers send the callbacks to the processes of the runs, which do not use it."""
        return {}

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Check the launcher and the manifests, remove failed.txt of an earlier start, start the progress printer."""
        launcher = config.hydra.runtime.choices.get("launcher")
        if launcher:
            _prepare_launcher(launcher)
        _check_manifests(run_overrides(config))
        try:
            self._folders = tuple(run_folders(config))
        except UserError as error:
            sys.exit(f"{error}; no run was started")  # Hydra ignores every other exception of a callback
        for folder in self._folders:
            (folder / FAILED).unlink(missing_ok=True)  # these runs are tried again
        if self._folders:
            self._printer = ProgressPrinter(self._folders)

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        """Exit with a list of the failed runs and their causes, if there are any."""
        if self._printer:
            self._printer.stop()
        causes = [f"  {folder.name}: {cause}" for folder in self._folders if (cause := _failure(folder))]
        if causes:
            title = f"{len(causes)} of {len(self._folders)} runs failed, in {config.hydra.sweep.dir}:"
            sys.exit("\n".join([title, *causes]))


def _prepare_launcher(launcher: str) -> None:
    """Exit if a launcher's plugin is missing; set one thread a process and no progress bars."""
    module, extra = LAUNCHER_PACKAGES.get(launcher, ("skelmap", ""))  # a user's own launcher is not checked
    if find_spec(module) is None:
        sys.exit(f"launcher={launcher}: {module} is not installed; pip install 'skelmap[{extra}]'")
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # inherited by the runs; torch reads it once, when it is imported
    os.environ.setdefault(
        "TTY_COMPATIBLE", "0"
    )  # no progress bars: those of several processes would overwrite each other


def _check_manifests(runs: list[list[str]]) -> None:
    """Exit if a manifest among the overrides does not exist, before any run starts."""
    lines = {line for run in runs for line in run if line.startswith(f"{MANIFEST}=")}
    paths = {str(value) for _, value in map(parse_override, lines)}
    missing = sorted(path for path in paths if "$" not in path and not Path(path).expanduser().is_file())
    if missing:
        more = f", nor {len(missing) - 1} more of {len(paths)}" if len(missing) > 1 else ""
        sys.exit(f"{MANIFEST}={missing[0]}: there is no such file{more}; no run was started")


def _failure(folder: Path) -> str | None:
    """Get the last line of a run's failed.txt, or say that results are missing; None for a finished run."""
    if failure := read_failure(folder):
        return failure.splitlines()[-1].strip()
    return None if (folder / METRICS).exists() else "ended without results"
