"""The run directory: resolved configuration, versions, data digests, checkpoints, failures.

Importing it needs no torch: Hydra loads `OutputCheck` at every start.
"""

import json
import platform
import subprocess
import sys
import traceback
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from skelmap.utils.errors import UserError
from skelmap.utils.io import atomic_write, read_bytes, read_json_object, read_yaml, remove_partial_files
from skelmap.utils.names import KEYS_WITHOUT_EFFECT, flatten
from skelmap.utils.redaction import hide_secrets, redact

if TYPE_CHECKING:
    from skelmap.data.datamodule import SkeletonDataModule

PACKAGES = (
    *("skelmap", "torch", "pytorch-lightning", "torchmetrics", "hydra-core", "numpy", "scikit-learn"),
    "opencv-python-headless",
)
CONFIG, METRICS, FAILED, DIGESTS = "config.yaml", "metrics.json", "failed.txt", "data_digests.json"
PROBE_BYTES = 64 * 1024
"""Space that the configuration and the log of a run need at first."""


class OutputCheck(Callback):
    """Hydra callback: check that the output directory is writable before Hydra writes into it."""

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Check the directory of a run."""
        _check_writable(Path(config.hydra.run.dir))

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Check the directory of a sweep."""
        _check_writable(Path(config.hydra.sweep.dir))


def _check_writable(folder: Path) -> None:
    probe = folder / ".probe"
    try:
        with atomic_write(probe, "wb") as file:
            file.write(bytes(PROBE_BYTES))
        probe.unlink()
    except UserError as error:
        sys.exit(f"{folder} cannot be written ({error.__cause__})")  # Hydra ignores every other exception


def last_checkpoint(folder: Path) -> Path:
    """Path of the checkpoint from which a run resumes, whether or not it exists."""
    return folder / "checkpoints" / "last.ckpt"


def best_checkpoint(folder: Path) -> Path:
    """Path of the checkpoint that is evaluated and monitored with, whether or not it exists."""
    return folder / "checkpoints" / "best.ckpt"


def prepare_folder(folder: Path, config: dict[str, Any]) -> None:
    """Write config.yaml and versions.json into a run directory; remove what an interrupted run left half written.

    Args:
        folder: of the run, created if missing.
        config: resolved; secrets are hidden.

    Raises:
        UserError: the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        remove_partial_files(folder)
        (folder / FAILED).unlink(missing_ok=True)
    except OSError as error:
        raise UserError(f"{folder}: the run directory cannot be written ({error.strerror})") from error
    with atomic_write(folder / CONFIG) as file:
        file.write(config_yaml(config))
    with atomic_write(folder / "versions.json") as file:
        file.write(json.dumps(versions(), indent=2) + "\n")


def config_yaml(config: dict[str, Any]) -> str:
    """Resolved configuration as YAML, secrets hidden."""
    text: str = yaml.safe_dump(hide_secrets(config), sort_keys=False, allow_unicode=True)
    return text


def versions() -> dict[str, str]:
    """Versions of packages and Python, the machine, the git revision ("-dirty" with local changes)."""
    import torch

    found = {name: version(name) for name in PACKAGES}
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else platform.machine()
    return {**found, "python": platform.python_version(), "machine": device, "git": git_revision()}


def git_revision() -> str:
    """`git describe --always --dirty` of the source tree: tag or commit; "not a git checkout" without one."""
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=10, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return "not a git checkout"


def finished_metrics(folder: Path, config: dict[str, Any]) -> dict[str, Any] | None:
    """Metrics of a folder in which this very configuration has finished, else None.

    Args:
        folder: of the run.
        config: resolved.

    Raises:
        UserError: the folder holds the results, or the interrupted training, of another configuration.
    """
    asked = effective_config(hide_secrets(config))
    try:
        found = effective_config(read_yaml(folder / CONFIG))
    except UserError:
        return None
    try:
        metrics = read_json_object(folder / METRICS)
    except UserError:
        metrics = None
    other = [key for key in found | asked if found.get(key) != asked.get(key)]
    if other and (metrics is not None or last_checkpoint(folder).exists()):
        held, key = "an interrupted training" if metrics is None else "the results", other[0]
        raise UserError(
            f"{folder}: holds {held} of another configuration, {key}={found.get(key)} and not {asked.get(key)}; "
            "choose another folder"
        )
    return metrics


def effective_config(config: dict[str, Any]) -> dict[str, Any]:
    """Flat configuration keys that the numbers of a run depend on; the folder itself may be moved."""
    paths = config.get("paths")
    folder = paths.get("output_dir") if isinstance(paths, dict) else None
    own = {key: value for key, value in flatten(config).items() if not key.startswith(KEYS_WITHOUT_EFFECT)}
    return {key: value for key, value in own.items() if not f"{value}/".startswith(f"{folder}/")}


def check_data(folder: Path, data: "SkeletonDataModule") -> None:
    """Refuse to continue in a folder that was begun or finished with other data; write the digests of a new one.

    Raises:
        UserError: the manifest or a recording has changed, or the folder cannot be written.
    """
    now, path = data.digests(), folder / DIGESTS
    if not (folder / METRICS).exists() and not last_checkpoint(folder).exists():
        with atomic_write(path) as file:
            file.write(json.dumps(now, indent=2) + "\n")
        return
    before = read_json_object(path)
    changed = [key for key, digest in now.items() if before.get(key) != digest]
    if changed:
        what = {"manifest": "it", "examples": "data.examples"}.get(changed[0], "one of its recordings")
        raise UserError(
            f"data.manifest={data.manifest.path}: {what} has changed since the run in {folder}; choose another folder, "
            "or delete this one to run anew"
        )


def read_failure(folder: Path) -> str | None:
    """Cause of the failure of a run's last start, from failed.txt; None if there is none.

    A failed start counts, whatever results an earlier one has left.

    Raises:
        UserError: failed.txt cannot be read.
    """
    path = folder / FAILED
    if not path.exists():
        return None
    return read_bytes(path).decode(errors="replace").strip() or f"{FAILED} is empty"


def record_failure(folder: Path, error: Exception) -> None:
    """Write the cause of a failed run to failed.txt in its folder."""
    text = str(error) if isinstance(error, UserError) else "".join(traceback.format_exception(error))
    with suppress(UserError), atomic_write(folder / FAILED, "wb") as file:  # the disk may be what failed
        file.write(redact(text).encode(errors="backslashreplace"))
