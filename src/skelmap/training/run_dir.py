"""The run directory: configuration, versions, data digests, checkpoints."""

import json
import platform
import subprocess
import traceback
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from omegaconf import DictConfig, OmegaConf

from skelmap.data.datamodule import SkeletonDataModule
from skelmap.training.checkpoints import check_weights, load_checkpoint
from skelmap.training.schema import known, resolved
from skelmap.utils.errors import UserError
from skelmap.utils.io import atomic_write, read_json_object, read_yaml, remove_partial_files
from skelmap.utils.names import KEYS_WITHOUT_EFFECT, flatten
from skelmap.utils.redaction import redacted, without_secrets

PACKAGES = ("skelmap", "torch", "pytorch-lightning", "torchmetrics", "hydra-core", "numpy", "scikit-learn")
DRAWING = "opencv-python-headless"
FREE = (
    *("learning_rate", "score", "samples", "max_windows"),
    *("manifest", "cache_dir", "json", "batch_size", "stride", "seed"),
)
"""Parameters of models and data that may change without new weights."""
UNSAID = {"maps.channels": ["body"], "frame_step": 1}
"""What checkpoints of earlier versions do not say of their data."""


def plain(cfg: DictConfig) -> dict[str, Any]:
    """Resolve a configuration to plain Python, for files, logs and reports: secrets are hidden.

    Raises:
        UserError: a value refers to something that is not there.
    """
    tree: dict[str, Any] = without_secrets(resolved(cfg))
    return tree


def versions() -> dict[str, str]:
    """Name what the numbers depend on: packages, Python, machine, git revision ("-dirty" with local changes)."""
    found = {name: version(name) for name in (*PACKAGES, DRAWING)}
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else platform.machine()
    return {**found, "python": platform.python_version(), "machine": device, "git": git_revision()}


def git_revision() -> str:
    """Describe the source tree's commit, or say that there is none."""
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=10, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return "not a git checkout"


def write(folder: Path, cfg: DictConfig) -> None:
    """Write config.yaml (resolved) and versions.json into a run's folder.

    Raises:
        UserError: the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        remove_partial_files(folder)
        (folder / "failed.txt").unlink(missing_ok=True)
    except OSError as error:
        raise UserError(f"{folder}: the run's folder cannot be written ({error.strerror})") from error
    with atomic_write(folder / "config.yaml") as file:
        file.write(OmegaConf.to_yaml(OmegaConf.create(plain(cfg))))
    with atomic_write(folder / "versions.json") as file:
        file.write(json.dumps(versions(), indent=2) + "\n")


def finished(folder: Path, cfg: DictConfig) -> dict[str, Any] | None:
    """Give the metrics of a folder in which this very configuration has been run to its end, else None.

    Raises:
        UserError: the folder holds the results, or the interrupted training, of another configuration.
    """
    asked = _telling(plain(cfg))
    try:
        found = _telling(read_yaml(folder / "config.yaml"))
    except UserError:
        return None
    try:
        numbers = read_json_object(folder / "metrics.json")
    except UserError:
        numbers = None
    other = [key for key in found | asked if found.get(key) != asked.get(key)]
    if other and (numbers is not None or last_checkpoint(folder).exists()):
        held, key = "an interrupted training" if numbers is None else "the results", other[0]
        raise UserError(
            f"{folder}: holds {held} of another configuration, {key}={found.get(key)} and not {asked.get(key)}; "
            "choose another folder"
        )
    return numbers


def _telling(config: dict[str, Any]) -> dict[str, Any]:
    """What a run's numbers depend on, flat: a folder may be moved, and results told elsewhere."""
    paths = config.get("paths")
    folder = paths.get("output_dir") if isinstance(paths, dict) else None
    own = {key: value for key, value in flatten(config).items() if not key.startswith(KEYS_WITHOUT_EFFECT)}
    return {key: value for key, value in own.items() if not f"{value}/".startswith(f"{folder}/")}


def check_data(folder: Path, data: SkeletonDataModule) -> None:
    """Refuse to go on in a folder that was begun, or finished, on other data; note those of a new one in data.json.

    Raises:
        UserError: the manifest or a recording has changed since, or the folder cannot be written.
    """
    now, note = data.digests(), folder / "data.json"
    if not (folder / "metrics.json").exists() and not last_checkpoint(folder).exists():
        with atomic_write(note) as file:
            file.write(json.dumps(now, indent=2) + "\n")
    elif note.exists():  # folders of earlier versions have none
        was = read_json_object(note)
        changed = [key for key, digest in now.items() if was.get(key) != digest]
        if changed:
            what = "it" if changed[0] == "manifest" else "a recording that it names"
            raise UserError(
                f"data.manifest={data.manifest.path}: {what} has changed since the run in {folder}; choose "
                "another folder, or delete this one to run anew"
            )


def last_checkpoint(folder: Path) -> Path:
    """Name the checkpoint from which the run of a folder goes on, whether or not it is there."""
    return folder / "checkpoints" / "last.ckpt"


def best_checkpoint(folder: Path) -> Path:
    """Name the checkpoint that the run of a folder judges and the monitor watches with, whether or not it is there."""
    return folder / "checkpoints" / "best.ckpt"


def record_failure(folder: Path, error: Exception) -> None:
    """Leave the cause of a failed run in its folder, failed.txt."""
    text = str(error) if isinstance(error, UserError) else "".join(traceback.format_exception(error))
    with suppress(UserError), atomic_write(folder / "failed.txt", "wb") as file:  # the disk may be what failed
        file.write(redacted(text).encode(errors="backslashreplace"))


def check_checkpoint(path: Path, model: pl.LightningModule, data: pl.LightningDataModule) -> dict[str, Any]:
    """Refuse a checkpoint that was not made by this model with these sizes on such windows.

    Returns:
        What it holds.

    Raises:
        UserError: not a checkpoint, or naming the first parameter that differs.
    """
    saved = load_checkpoint(path)
    trained = {"model": saved["hyper_parameters"], "data": saved["datamodule_hyper_parameters"]}
    if trained["model"].keys() != model.hparams.keys():
        raise UserError(
            f"ckpt_path={path}: not a checkpoint of {type(model).__name__}; repeat model=... of the run that made it"
        )
    for group, now in (("model", model.hparams), ("data", data.hparams)):
        asked = {key: value for key, value in flatten(now).items() if key.partition(".")[0] not in FREE}
        said = dict(known(trained[group], asked))
        for key, value in asked.items():
            unsaid = value if key == "layout" else UNSAID.get(key)
            if (was := said.get(key, unsaid)) != value:
                raise UserError(f"ckpt_path={path}: trained with {group}.{key}={was}; allowed is that, not {value}")
    check_weights(path, saved, model, (data.window, *data.settings.shape))
    return saved
