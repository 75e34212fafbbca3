"""What happens around a sweep: its launcher is checked, its progress shown, its failures told at the end."""

import os
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from skelmap.sweeps.folders import cell_folders, cell_overrides
from skelmap.sweeps.progress import Progress

NEEDS = {
    "joblib": ("hydra_plugins.hydra_joblib_launcher", "joblib"),
    "slurm": ("hydra_plugins.hydra_submitit_launcher", "slurm"),
    "submitit_local": ("hydra_plugins.hydra_submitit_launcher", "slurm"),
    "ray": ("ray", "ray"),
}
"""Of each launcher: a module it cannot do without, and the extra that brings it."""

MANIFEST = "data.manifest"


class SweepWatch(Callback):
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
