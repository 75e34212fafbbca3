"""Find the runs of a sweep and read their results."""

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from skelmap.comparison.datasets import Dataset, dataset_names
from skelmap.comparison.scores import RunScores, ScoresReader
from skelmap.training.run_dir import CONFIG, FAILED, METRICS, read_failure
from skelmap.utils.errors import UserError
from skelmap.utils.io import read_json_object, read_yaml
from skelmap.utils.names import flatten
from skelmap.utils.schema import validate

OUTPUT_FOLDER = "comparison"
"""Subfolder of a sweep's folder that the comparison is written to."""
UNFINISHED = f"neither {METRICS} nor {FAILED}: interrupted, or still running"

Value = str | int | float | bool | None
"""Value of a configuration key; a list is converted to text."""


def sort_key(value: Value) -> tuple[int, float, str]:
    """Order values: None first, then numbers, then text."""
    if value is None:
        return 0, 0, ""
    return (1, value, "") if isinstance(value, int | float) else (2, 0, str(value))


def format_value(value: Value) -> str:
    """Format a value for tables and figures."""
    if value is None:
        return "–"
    return f"{value:g}" if isinstance(value, float) else str(value)


@dataclass(frozen=True, eq=False)
class RunResult:
    """The results of a finished run.

    Attributes:
        name: path of the run's folder relative to the sweep's.
        config: resolved configuration by dotted key.
        metrics: content of metrics.json.
        versions: content of versions.json; empty if that is missing or damaged.
        scores: scores of the evaluated frames.
        data: name of the data set, without folders that differ between machines; ends in "(simulated)" for simulated
            data. Runs on different data have different names here.
    """

    name: str
    config: dict[str, Value]
    metrics: dict[str, Any]
    versions: dict[str, str]
    scores: RunScores
    data: str

    @property
    def model(self) -> str:
        """Name of the model."""
        return str(self.metrics.get("model", self.config.get("model._target_", "model")))

    @property
    def simulated(self) -> bool:
        """Whether the recordings are simulated."""
        return bool(self.metrics.get("simulated", False))

    @property
    def clip_groups(self) -> dict[str, str]:
        """Group (person, session, camera) of each test clip; empty if metrics.json has none."""
        groups: dict[str, str] = self.metrics.get("groups", {})
        return groups

    @property
    def alarms(self) -> dict[float, dict[str, Any]]:
        """Alarms on the test split by the false alarms per hour allowed in validation recordings (metrics.json)."""
        return {entry["nominal_per_hour"]: entry for entry in self.metrics.get("alarms", [])}

    @property
    def fps(self) -> float | None:
        """Frames per second of the scores; None if metrics.json has none."""
        fps: float | None = self.metrics.get("fps")
        return fps

    @property
    def seed(self) -> Value:
        """Seed of the training."""
        seed: Value = self.metrics.get("seed", self.config.get("seed"))
        return seed


@dataclass(frozen=True)
class FailedRun:
    """A run without usable results.

    Attributes:
        name: path of the run's folder relative to the sweep's.
        state: "failed", "unfinished", "damaged" or "not evaluated".
        cause: the cause in one line.
        details: the whole error message or traceback.
        config: resolved configuration by dotted key; empty if it cannot be read.
    """

    name: str
    state: str
    cause: str
    details: str
    config: dict[str, Value]


def read_runs(folder: Path) -> tuple[list[RunResult], list[FailedRun]]:
    """Read every run below a folder; a folder with a config.yaml is a run.

    Args:
        folder: the sweep's folder.

    Returns:
        The finished runs and the others, each sorted by name.

    Raises:
        UserError: there is no such folder.
    """
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder; give the folder of a sweep")
    reader = ScoresReader()
    finished: list[tuple[RunResult, Dataset]] = []
    failed: list[FailedRun] = []
    for path in _run_folders(folder):
        run = _read_run(path, path.name if path == folder else path.relative_to(folder).as_posix(), reader)
        if isinstance(run, FailedRun):
            failed.append(run)
        else:
            finished.append(run)
    names = dataset_names(dataset for _, dataset in finished)
    return [replace(run, data=names[dataset]) for run, dataset in finished], failed


def _run_folders(folder: Path) -> list[Path]:
    """Find the run folders; subfolders of a run (.hydra, wandb) are not searched."""
    found = []
    for path, folders, files in os.walk(folder):
        if CONFIG in files:
            found.append(Path(path))
            folders.clear()
        folders[:] = [name for name in folders if not name.startswith(".") and name != OUTPUT_FOLDER]
    return sorted(found)


def _read_run(path: Path, name: str, reader: ScoresReader) -> tuple[RunResult, Dataset] | FailedRun:
    config: dict[str, Value] = {}
    try:
        config = flatten_config(read_yaml(path / CONFIG))
        if failure := read_failure(path):
            return FailedRun(name, "failed", failure.splitlines()[-1].strip(), failure, config)
        if not (path / METRICS).exists():
            return FailedRun(name, "unfinished", UNFINISHED, UNFINISHED, config)
        metrics = _read_metrics(path / METRICS)
        if "score" not in metrics and (reason := metrics.get("auroc_reason")):
            return FailedRun(name, "not evaluated", reason, reason, config)
        scores = reader.read(path / "scores.csv", str(metrics.get("score", "score")))
        dataset = Dataset.of_run(path, config, metrics)
        return RunResult(name, config, metrics, _read_versions(path), scores, dataset.name()), dataset
    except UserError as error:
        cause = str(error).replace(f"{path}{os.sep}", "")
    return FailedRun(name, "damaged", " ".join(cause.split()), cause, config)


Number = Annotated[float, Field(ge=-1e300, le=1e300, allow_inf_nan=False)] | None


class ActionSchema(BaseModel):
    """An action in metrics.json."""

    model_config = ConfigDict(strict=True)
    action: str
    auroc: Number = None


class ScoreSchema(BaseModel):
    """A score type in metrics.json."""

    model_config = ConfigDict(strict=True)
    actions: list[ActionSchema]


class AlarmsSchema(BaseModel):
    """Alarms at one threshold in metrics.json."""

    model_config = ConfigDict(strict=True)
    nominal_per_hour: float
    events: int
    detected: int
    false_alarms: int
    normal_hours: float
    false_alarms_per_hour: Number = None


class MetricsSchema(BaseModel):
    """The entries of metrics.json that a comparison uses; all may be missing, others are kept unchecked."""

    model_config = ConfigDict(strict=True, protected_namespaces=())
    model: str = ""
    data: str = ""
    score: str = ""
    fps: Number = None
    seed: str | Number = None
    auroc: Number = None
    auroc_reason: str = ""
    train_seconds: Number = None
    peak_memory_mb: Number = None
    parameters: Number = None
    groups: dict[str, str] = Field({}, description="the name of a group by clip")
    alarms: list[AlarmsSchema] = []
    details: dict[str, ScoreSchema] = Field({}, description="by score type, a list of actions with their AUROC")


def _read_metrics(path: Path) -> dict[str, Any]:
    """Read metrics.json and check the entries that are used: the file may come from another program.

    Raises:
        UserError: the file cannot be read, or an entry has a wrong type.
    """
    metrics = read_json_object(path)
    try:
        validate(MetricsSchema, metrics)
    except UserError as error:
        raise UserError(f"{path}: {error}") from None
    return metrics


def _read_versions(path: Path) -> dict[str, str]:
    try:
        return {str(key): str(value) for key, value in read_json_object(path / "versions.json").items()}
    except UserError:  # no number depends on it
        return {}


def flatten_config(tree: dict[str, Any]) -> dict[str, Value]:
    """Flatten a nested configuration to dotted keys; a list becomes one text, "8, 16, 32"."""
    leaves = flatten(tree).items()
    return {key: ", ".join(map(str, leaf)) if isinstance(leaf, list) else leaf for key, leaf in leaves}
