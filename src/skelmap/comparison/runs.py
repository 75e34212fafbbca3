"""Find the runs of a sweep and read their results."""

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from skelmap.comparison.scores import Data, Scores, ScoresReader, names
from skelmap.utils.errors import UserError
from skelmap.utils.io import read_bytes, read_json_object, read_yaml
from skelmap.utils.names import flatten

Value = str | int | float | bool | None
"""What a configuration key holds; lists are written as text."""


def order(value: Value) -> tuple[int, float, str]:
    """Sort nothing first, then numbers, then words."""
    if value is None:
        return 0, 0, ""
    return (1, value, "") if isinstance(value, int | float) else (2, 0, str(value))


def text(value: Value) -> str:
    """Write a value for readers."""
    if value is None:
        return "–"
    return f"{value:g}" if isinstance(value, float) else str(value)


STUDY = "study"
"""Folder of what a study writes, inside the sweep's."""
RUNNING = "neither metrics.json nor failed.txt: interrupted, or still running"


@dataclass(frozen=True, eq=False)
class RunResult:
    """A finished run.

    Attributes:
        name: its folder, relative to the sweep's.
        config: resolved configuration by dotted key.
        metrics: what metrics.json holds.
        versions: what versions.json holds; empty without one.
        scores: of every judged frame.
        data: name of the data, without the folders that differ from machine to machine; says if simulated. Cells of
            different data have different names.
    """

    name: str
    config: dict[str, Value]
    metrics: dict[str, Any]
    versions: dict[str, str]
    scores: Scores
    data: str

    @property
    def model(self) -> str:
        """Name of the model."""
        return str(self.metrics.get("model", self.config.get("model._target_", "model")))

    @property
    def simulated(self) -> bool:
        """The recordings come from a simulation."""
        return bool(self.metrics.get("simulated", False))

    @property
    def groups(self) -> dict[str, str]:
        """Group (person, session, camera) of each test clip; empty where the run did not say."""
        groups: dict[str, str] = self.metrics.get("groups", {})
        return groups

    @property
    def seed(self) -> Value:
        """Seed of the training."""
        seed: Value = self.metrics.get("seed", self.config.get("seed"))
        return seed


@dataclass(frozen=True)
class FailedRun:
    """A run without results.

    Attributes:
        name: its folder, relative to the sweep's.
        state: failed, unfinished or damaged.
        cause: in one line.
        text: all that is known of the cause.
        config: resolved configuration by dotted key, as far as it could be read.
    """

    name: str
    state: str
    cause: str
    text: str
    config: dict[str, Value]


def read_cells(folder: Path) -> tuple[list[RunResult], list[FailedRun]]:
    """Read every run below a folder; a run's folder is one with a config.yaml.

    Args:
        folder: the sweep's folder.

    Returns:
        The finished cells and the others, each in the order of their names.

    Raises:
        UserError: the folder is not there.
    """
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder; give the folder of a sweep")
    reader = ScoresReader()
    cells: list[tuple[RunResult, Data]] = []
    broken: list[FailedRun] = []
    for run in _runs(folder):
        cell = _read(run, run.name if run == folder else run.relative_to(folder).as_posix(), reader)
        if isinstance(cell, FailedRun):
            broken.append(cell)
        else:
            cells.append(cell)
    called = names(data for _, data in cells)
    return [replace(cell, data=called[data]) for cell, data in cells], broken


def _runs(folder: Path) -> list[Path]:
    """Find the run folders; what lies inside one (.hydra, W&B's files) is not searched."""
    found = []
    for path, folders, files in os.walk(folder):
        if "config.yaml" in files:
            found.append(Path(path))
            folders.clear()
        folders[:] = [name for name in folders if not name.startswith(".") and name != STUDY]
    return sorted(found)


def _read(run: Path, name: str, reader: ScoresReader) -> tuple[RunResult, Data] | FailedRun:
    config: dict[str, Value] = {}
    try:
        config = flat_config(read_yaml(run / "config.yaml"))
        if not (run / "metrics.json").exists():
            return _without_results(run, name, config)
        metrics = _checked(run / "metrics.json")
        scores = reader.read(run / "scores.csv", str(metrics.get("score", "score")))
        data = Data.read(run, config, metrics)
        return RunResult(name, config, metrics, _versions(run), scores, data.name()), data
    except UserError as error:
        cause = str(error).replace(f"{run}{os.sep}", "")
    return FailedRun(name, "damaged", " ".join(cause.split()), cause, config)


def _checked(path: Path) -> dict[str, Any]:
    """Read metrics.json as far as a study needs it: a run may come from another program, or from a stranger.

    Raises:
        UserError: it cannot be read, or an entry is not what it should be.
    """
    metrics = read_json_object(path)
    for key, (allowed, holds) in ENTRIES.items():
        if key in metrics and not holds(metrics[key]):
            raise UserError(f"{path}: {key} is {metrics[key]!r}; allowed: {allowed}")
    return metrics


def _is_number(value: Any) -> bool:
    return value is None or (isinstance(value, int | float) and abs(value) < 1e300)


def _are_names(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(name, str) for pair in value.items() for name in pair)


def _has_works(details: Any) -> bool:
    """Whether each scoring lists its works by name and AUROC."""
    return isinstance(details, dict) and all(
        isinstance(scoring, dict)
        and isinstance(works := scoring.get("works"), list)
        and all(isinstance(w, dict) and isinstance(w.get("work"), str) and _is_number(w.get("auroc")) for w in works)
        for scoring in details.values()
    )


ENTRIES: dict[str, tuple[str, Callable[[Any], bool]]] = {
    **dict.fromkeys(("model", "data", "score"), ("text", lambda value: isinstance(value, str))),
    **dict.fromkeys(("auroc", "train_seconds", "peak_memory_mb", "parameters"), ("a number or null", _is_number)),
    "seed": ("text, a number or null", lambda value: isinstance(value, str) or _is_number(value)),
    "groups": ("a group's name by clip", _are_names),
    "details": ("works with their AUROC by scoring", _has_works),
}
"""What entries of metrics.json must hold where they are there."""


def _without_results(run: Path, name: str, config: dict[str, Value]) -> FailedRun:
    failed = run / "failed.txt"
    if not failed.exists():
        return FailedRun(name, "unfinished", RUNNING, RUNNING, config)
    text = read_bytes(failed).decode(errors="replace").strip() or "failed.txt is empty"
    return FailedRun(name, "failed", text.splitlines()[-1].strip(), text, config)


def _versions(run: Path) -> dict[str, str]:
    try:
        return {str(k): str(v) for k, v in read_json_object(run / "versions.json").items()}
    except UserError:  # a missing or damaged one costs no number
        return {}


def flat_config(tree: dict[str, Any]) -> dict[str, Value]:
    """Flatten nested configuration to dotted keys; a list becomes one text, "8, 16, 32"."""
    leaves = flatten(tree).items()
    return {key: ", ".join(map(str, leaf)) if isinstance(leaf, list) else leaf for key, leaf in leaves}
