"""Write checkpoints atomically; load them safely."""

import io
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

from skelmap.utils.errors import UserError
from skelmap.utils.io import atomic_write, check_file


class AtomicCheckpointIO(TorchCheckpointIO):
    """Replace a checkpoint at once, when all of it is on the disk.

    Lightning writes to the system's temporary folder and moves the file. Where that is another file system, as /tmp
    often is, moving is copying: a kill or a full disk in its middle leaves half a checkpoint in place of a good one.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any | None = None) -> None:
        """Write a checkpoint.

        Raises:
            UserError: no space, no folder, no permission; what stood there before is intact.
        """
        content = io.BytesIO()  # writing to the file itself, torch would hide why the disk refuses
        torch.save(checkpoint, content)
        with atomic_write(Path(path), "wb") as file:
            file.write(content.getbuffer())


def copy_checkpoint(checkpoint: Path, own: Path) -> None:
    """Give a run a copy of a checkpoint that is another run's, so that it does not matter what becomes of that.

    Args:
        checkpoint: the other run's.
        own: where it shall be; may be the same file already.

    Raises:
        UserError: no space, no folder, no permission; what stood there before is intact.
    """
    if own.exists() and own.samefile(checkpoint):
        return
    with atomic_write(own, "wb") as file, checkpoint.open("rb") as content:
        shutil.copyfileobj(content, file)


MAX_BYTES = 16 * 2**30
"""A checkpoint takes as much memory as its file is large; the largest network that `config.RULES` allows has 13 GB."""
PARTS = {"state_dict": Mapping, "hyper_parameters": Mapping, "datamodule_hyper_parameters": Mapping}


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Load a checkpoint of Lightning's.

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
                raise ValueError("compressed")  # torch never does that; a bomb would
        with warnings.catch_warnings(action="ignore"):
            content: Any = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch, zipfile and the pickle of a stranger raise whatever they like
        raise UserError(f"ckpt_path={path}: not a checkpoint of this program ({_reason(error)})") from error
    for name, kind in PARTS.items():
        if not isinstance(content, dict) or not isinstance(content.get(name), kind):
            raise UserError(f"ckpt_path={path}: not a checkpoint of this program (without {name})")
        if name != "state_dict" and any(True for _ in _tensors(content[name])):
            raise UserError(f"ckpt_path={path}: not a checkpoint of this program ({name} holds more than plain values)")
    for tensor in _tensors(content):
        if not _dense(tensor):
            raise UserError(
                f"ckpt_path={path}: damaged (a tensor of {tuple(tensor.shape)} that the file does not hold)"
            )
    loaded: dict[str, Any] = content
    return loaded


def check_weights(path: Path, content: dict[str, Any], model: pl.LightningModule, window: tuple[int, ...]) -> None:
    """Refuse weights of another network.

    Args:
        path: of the checkpoint, for messages.
        content: of the checkpoint.
        model: that shall take the weights. What has not been fitted yet is empty and may have any size; such a
            model takes them, to see whether they fit each other.
        window: (T, C, H, W) of what the model sees at once.

    Raises:
        UserError: naming the first of the weights that is missing, unknown, of another shape or of another type.
    """
    saved, expected = content["state_dict"], model.state_dict()
    for name in sorted(expected.keys() ^ saved.keys(), key=str):
        how = "lacks" if name in expected else "has the unknown"
        raise UserError(f"ckpt_path={path}: {how} weights {name}; not a checkpoint of this {type(model).__name__}")
    for name, tensor in expected.items():
        found = saved[name]
        fits = isinstance(found, Tensor) and found.dtype == tensor.dtype
        if not fits or (tensor.numel() and found.shape != tensor.shape):
            raise UserError(f"ckpt_path={path}: weights {name} are {_described(found)}; allowed: {_described(tensor)}")
    if any(not tensor.numel() for tensor in expected.values()):
        _try_on(path, content, model, window)


def check_progress(path: Path, content: dict[str, Any], trainer: pl.Trainer) -> None:
    """Refuse progress that Lightning could not count on with; it would fail anywhere in the next epoch.

    Args:
        path: of the checkpoint, for messages.
        content: of the checkpoint.
        trainer: that shall go on.

    Raises:
        UserError: a count is no whole number.
    """
    loops = content.get("loops")
    if not isinstance(loops, dict) or not _counts(loops.get("fit_loop"), trainer.fit_loop.state_dict()):
        raise UserError(f"ckpt_path={path}: damaged (its progress cannot be read)")


def _counts(saved: Any, fresh: Any) -> bool:
    """Whether all counts that a fresh trainer has are whole numbers, where they are there."""
    if isinstance(fresh, dict):
        return isinstance(saved, dict) and all(_counts(saved[key], fresh[key]) for key in fresh.keys() & saved.keys())
    return isinstance(saved, int) and 0 <= saved < 2**31


def _try_on(path: Path, content: dict[str, Any], model: pl.LightningModule, window: tuple[int, ...]) -> None:
    """Score a window of nothing with weights whose sizes only a computation can check against each other."""
    nothing = torch.zeros(1, *window, device=model.device)
    training = model.training
    try:
        model.on_load_checkpoint(content)
        model.load_state_dict(content["state_dict"])
        model.eval()
        with torch.inference_mode():
            model.score_windows(nothing)
    except (RuntimeError, IndexError) as error:
        raise UserError(f"ckpt_path={path}: its weights do not fit each other ({_reason(error)})") from error
    finally:
        model.train(training)


def _reason(error: Exception) -> str:
    """Say why torch refused; its own words advise to load the file without protection."""
    text = str(error)
    if code := re.search(r"(?:GLOBAL|global) ([\w.]+)", text):
        return f"it would call {code[1]}; no checkpoint of this program holds code, so do not load this one in any way"
    return text.splitlines()[0] if text and "weights_only" not in text else type(error).__name__


def _described(value: Any) -> str:
    return f"{value.dtype} {tuple(value.shape)}" if isinstance(value, Tensor) else type(value).__name__


def _tensors(content: Any) -> Iterator[Tensor]:
    """Find the tensors of nested plain values, without recursion: a stranger may nest them deeply, or in a circle."""
    waiting, seen = [content], set[int]()
    while waiting:
        value = waiting.pop()
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, Mapping | list | tuple | set) and id(value) not in seen:
            seen.add(id(value))
            waiting.extend(value.values() if isinstance(value, Mapping) else value)


def _dense(tensor: Tensor) -> bool:
    if tensor.layout != torch.strided or tensor.is_quantized or tensor.is_meta:
        return False
    return tensor.numel() * tensor.element_size() <= tensor.untyped_storage().nbytes()
