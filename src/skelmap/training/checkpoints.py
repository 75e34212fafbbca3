"""Write checkpoints atomically; load and check those of anyone.

torch loads them with weights_only, which runs no code. Further checks refuse files that unpack to more than they are,
tensors that claim more than the file holds, and weights of another network.
"""

import io
import pickle
import re
import shutil
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.plugins import TorchCheckpointIO
from torch import Tensor

from skelmap.data.datamodule import SkeletonDataModule
from skelmap.models.base import Model
from skelmap.utils.errors import UserError
from skelmap.utils.io import atomic_write, check_file
from skelmap.utils.names import flatten

MAX_BYTES = 16 * 2**30
"""A checkpoint takes as much memory as its file is large; the largest network that is allowed has 13 GB."""
PARTS = {"state_dict": Mapping, "hyper_parameters": Mapping, "datamodule_hyper_parameters": Mapping}
FREE = (
    *("learning_rate", "score", "samples", "max_windows"),
    *("manifest", "cache_dir", "pose_format", "batch_size", "window_stride", "seed"),
)
"""Parameters of models and data that may differ from those of a checkpoint."""


class AtomicCheckpointIO(TorchCheckpointIO):
    """Replace a checkpoint in one step, when all of it is on the disk; load each checkpoint once, checked.

    Lightning writes to the system's temporary folder and moves the file. Where that is another file system, as /tmp
    often is, moving is copying: a kill or a full disk in its middle leaves half a checkpoint in place of a good one.

    Args:
        loaded: content of checkpoints that were loaded before, by path.
    """

    def __init__(self, loaded: Mapping[Path, dict[str, Any]] | None = None) -> None:
        super().__init__()
        self._loaded = dict(loaded or {})
        self._tried = False

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any | None = None) -> None:
        """Write a checkpoint; try once whether it could be loaded.

        Raises:
            UserError: no space, no folder, no permission; the previous file is intact. Or a value is not plain.
        """
        content = io.BytesIO()  # writing to the file itself, torch would hide why the disk refuses
        torch.save(checkpoint, content)
        if not self._tried:
            _check_plain(checkpoint)
            self._tried = True
        with atomic_write(Path(path), "wb") as file:
            file.write(content.getbuffer())

    def load_checkpoint(self, path: str | Path, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Give the content that was loaded before, or load it.

        Raises:
            UserError: see `load_checkpoint`.
        """
        return self._loaded.pop(Path(path), None) or load_checkpoint(Path(path))


def _check_plain(checkpoint: Mapping[str, Any]) -> None:
    """Refuse to save what would not load: hyperparameters, or states of callbacks, that hold more than plain values.

    Raises:
        UserError: naming the part.
    """
    for name, part in {**{key: checkpoint.get(key) for key in PARTS}, **checkpoint.get("callbacks", {})}.items():
        if name == "state_dict":
            continue
        content = io.BytesIO()
        torch.save(part, content)
        content.seek(0)
        try:
            torch.load(content, weights_only=True)
        except pickle.UnpicklingError as error:
            raise UserError(
                f"{name}: holds {_code(error) or 'an object'}; checkpoints hold plain values and tensors only, see "
                "save_hyperparameters(ignore=[...]) of models and state_dict of callbacks"
            ) from error


def copy_checkpoint(source: Path, target: Path) -> None:
    """Copy a checkpoint of another run into a run directory, so that it does not depend on the other.

    Args:
        source: the other run's.
        target: where the copy goes; may already be the same file.

    Raises:
        UserError: no space, no folder, no permission; the previous file is intact.
    """
    if target.exists() and target.samefile(source):
        return
    with atomic_write(target, "wb") as file, source.open("rb") as content:
        shutil.copyfileobj(content, file)


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Load a Lightning checkpoint.

    Args:
        path: of the file; may be anything.

    Returns:
        Its content: plain values and dense tensors on the CPU.

    Raises:
        UserError: no checkpoint, damaged, one that would run code, or one whose tensors claim more than it holds.
    """
    check_file(path, MAX_BYTES)
    try:
        with zipfile.ZipFile(path) as packed:
            if any(entry.compress_type != zipfile.ZIP_STORED for entry in packed.infolist()):
                raise ValueError("compressed")  # torch never compresses; a zip bomb does
        with warnings.catch_warnings(action="ignore"):
            content: Any = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch, zipfile and pickles of strangers raise anything
        raise UserError(f"ckpt_path={path}: not a checkpoint of this program ({_reason(error)})") from error
    for name, kind in PARTS.items():
        if not isinstance(content, dict) or not isinstance(content.get(name), kind):
            raise UserError(f"ckpt_path={path}: not a checkpoint of this program (without {name})")
        if name != "state_dict" and any(True for _ in _tensors(content[name])):
            raise UserError(f"ckpt_path={path}: not a checkpoint of this program ({name} holds more than plain values)")
    for tensor in _tensors(content):
        if not _is_dense(tensor):
            raise UserError(
                f"ckpt_path={path}: damaged (a tensor of {tuple(tensor.shape)} that the file does not hold)"
            )
    loaded: dict[str, Any] = content
    return loaded


def load_weights(model: Model, content: Mapping[str, Any]) -> None:
    """Load the weights of a checkpoint into a model, whatever has been fitted before."""
    model.on_load_checkpoint(dict(content))
    model.load_state_dict(content["state_dict"])


def check_compatible(path: Path, content: dict[str, Any], model: Model, data: SkeletonDataModule) -> None:
    """Refuse a checkpoint of another model, other sizes or other windows.

    Args:
        path: of the checkpoint, for messages.
        content: of the checkpoint.
        model: that shall take the weights.
        data: that it shall see.

    Raises:
        UserError: naming the first parameter or weight that differs.
    """
    trained = {"model": content["hyper_parameters"], "data": content["datamodule_hyper_parameters"]}
    if trained["model"].keys() != model.hparams.keys():
        raise UserError(
            f"ckpt_path={path}: not a checkpoint of {type(model).__name__}; repeat model=... of the run that made it"
        )
    for group, now in (("data", data.hparams), ("model", model.hparams)):  # sizes of the model follow those of the data
        before = flatten(trained[group])
        for key, value in flatten(now).items():
            if key.partition(".")[0] not in FREE and (was := before.get(key)) != value:
                raise UserError(f"ckpt_path={path}: trained with {group}.{key}={was}; allowed is that, not {value}")
    _check_weights(path, content, model, (data.window, *data.settings.shape))


def _check_weights(path: Path, content: dict[str, Any], model: Model, window: tuple[int, ...]) -> None:
    """Refuse weights that are missing, unknown, of another shape or of another type.

    Buffers that are not fitted yet are empty and may get any size; such a model is tried with the weights.
    """
    saved, expected = content["state_dict"], model.state_dict()
    for name in sorted(expected.keys() ^ saved.keys(), key=str):
        how = "lacks" if name in expected else "has the unknown"
        raise UserError(f"ckpt_path={path}: {how} weights {name}; not a checkpoint of this {type(model).__name__}")
    for name, tensor in expected.items():
        found = saved[name]
        fits = isinstance(found, Tensor) and found.dtype == tensor.dtype
        if not fits or (tensor.numel() and found.shape != tensor.shape):
            raise UserError(f"ckpt_path={path}: weights {name} are {_kind(found)}; allowed: {_kind(tensor)}")
    if any(not tensor.numel() for tensor in expected.values()):
        _try_weights(path, content, model, window)


def _try_weights(path: Path, content: dict[str, Any], model: Model, window: tuple[int, ...]) -> None:
    """Score a zero window with weights whose sizes only a computation can check against each other."""
    zeros = torch.zeros(1, *window, device=model.device)
    training = model.training
    try:
        load_weights(model, content)
        model.eval()
        with torch.inference_mode():
            model.score_windows(zeros)
    except (RuntimeError, IndexError) as error:
        raise UserError(f"ckpt_path={path}: its weights do not fit each other ({_reason(error)})") from error
    finally:
        model.train(training)


def check_progress(path: Path, content: dict[str, Any], trainer: pl.Trainer) -> None:
    """Refuse training progress that Lightning cannot continue from; it would fail anywhere in the next epoch.

    Raises:
        UserError: a count is not a whole number.
    """
    loops = content.get("loops")
    if not isinstance(loops, dict) or not _are_counts(loops.get("fit_loop"), trainer.fit_loop.state_dict()):
        raise UserError(f"ckpt_path={path}: damaged (its progress cannot be read)")


def _are_counts(saved: Any, fresh: Any) -> bool:
    """Whether all counts of a fresh trainer are whole numbers in a saved state, where they are present."""
    if isinstance(fresh, dict):
        return isinstance(saved, dict) and all(
            _are_counts(saved[key], fresh[key]) for key in fresh.keys() & saved.keys()
        )
    return isinstance(saved, int) and 0 <= saved < 2**31


def _code(error: Exception) -> str | None:
    """Name of the class or function that torch refused to call."""
    found = re.search(r"(?:GLOBAL|global) ([\w.]+)", str(error))
    return found[1] if found else None


def _reason(error: Exception) -> str:
    """Say why torch refused; its own text advises to load the file without protection."""
    text = str(error)
    if code := _code(error):
        return f"it would call {code}; no checkpoint of this program holds code, so do not load this one in any way"
    return text.splitlines()[0] if text and "weights_only" not in text else type(error).__name__


def _kind(value: Any) -> str:
    return f"{value.dtype} {tuple(value.shape)}" if isinstance(value, Tensor) else type(value).__name__


def _tensors(content: Any) -> Iterator[Tensor]:
    """Yield the tensors of nested plain values, without recursion: they may be nested deeply or in a circle."""
    waiting, seen = [content], set[int]()
    while waiting:
        value = waiting.pop()
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, Mapping | list | tuple | set) and id(value) not in seen:
            seen.add(id(value))
            waiting.extend(value.values() if isinstance(value, Mapping) else value)


def _is_dense(tensor: Tensor) -> bool:
    if tensor.layout != torch.strided or tensor.is_quantized or tensor.is_meta:
        return False
    return tensor.numel() * tensor.element_size() <= tensor.untyped_storage().nbytes()
