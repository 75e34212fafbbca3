"""Scorers: a trained run with torch, an exported model with onnxruntime."""

from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from omegaconf import OmegaConf

from skelmap.data.input_spec import InputSpec
from skelmap.models.base import Model
from skelmap.training.checkpoints import load_checkpoint
from skelmap.training.instantiate import build_model
from skelmap.training.run_dir import best_checkpoint
from skelmap.utils.errors import UserError
from skelmap.utils.io import read_bytes, read_yaml


class Scorer(Protocol):
    """A model that scores windows of frames."""

    eye: InputSpec

    def score(self, windows: NDArray[np.float32]) -> NDArray[np.float64]:
        """Score windows (P, T, C, H, W): (P,)."""
        ...

    def contributions(self, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        """Give what each element of a window (T, C, H, W) contributes to its being unusual.

        Of models that reconstruct the squared error, of distances each joint's part.
        """
        ...


FILE = "model.onnx"
MAX_BYTES = 2**31
"""More does not go into an ONNX file."""
INPUT = "frames"
"""Windows of frames, (B, T, C, H, W) float32."""
SCORE = "score"
"""Of each window, (B,) float32, higher = more abnormal."""
CONTRIBUTIONS = "contributions"
"""What each element contributes to its window's being unusual, (B, T, C, H, W) float32."""


class OnnxScorer:
    """A model that scripts/export.py wrote; torch is not needed.

    Args:
        eye: what it sees.
        model: what its file holds.

    Raises:
        UserError: onnxruntime is not installed, or the model is damaged or sees something else.
    """

    def __init__(self, eye: InputSpec, model: bytes) -> None:
        try:
            import onnxruntime
        except ModuleNotFoundError as error:
            raise UserError("an exported model needs the package onnxruntime: pip install onnxruntime") from error
        self.eye = eye
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1  # one camera is a small thing, and another process may watch another
        try:
            self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
            takes = {found.name: found.shape[1:] for found in self._session.get_inputs()}
            gives = [found.name for found in self._session.get_outputs()]
        except Exception as error:  # onnxruntime's own errors have no common base
            raise UserError(f"not a model that onnxruntime can run ({error})") from error
        if takes != {INPUT: [eye.window, *eye.settings.shape]}:
            raise UserError(
                f"takes {takes}, which does not fit the eye.json beside it: a window is {eye.window} frames of "
                f"{eye.settings.shape}"
            )
        if gives != [SCORE, CONTRIBUTIONS]:
            raise UserError(f"gives {', '.join(gives)}, not {SCORE} and {CONTRIBUTIONS}: export it again")

    @classmethod
    def open(cls, folder: Path) -> "OnnxScorer":
        """Open the folder of an exported model.

        Raises:
            UserError: naming the file that is damaged.
        """
        eye, path = InputSpec.read(folder), folder / FILE
        model = read_bytes(path, MAX_BYTES)
        try:
            return cls(eye, model)
        except UserError as error:
            raise UserError(f"{path}: {error}") from error

    def score(self, windows: NDArray[np.float32]) -> NDArray[np.float64]:
        """See `Scorer`."""
        (scores,) = self._session.run([SCORE], {INPUT: windows})
        return np.asarray(scores, np.float64)

    def contributions(self, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        """See `Scorer`."""
        (found,) = self._session.run([CONTRIBUTIONS], {INPUT: frames[None]})
        return np.asarray(found[0], np.float32)


class TorchScorer:
    """A run's model, on the CPU: one camera is far from filling a GPU.

    Args:
        folder: of a run.

    Raises:
        UserError: no run, or its checkpoint is damaged.
    """

    def __init__(self, folder: Path) -> None:
        self.eye = InputSpec.read(folder)
        self.model = load_model(folder, self.eye)
        nothing = np.zeros((self.eye.window, *self.eye.settings.shape), np.float32)
        try:
            self.score(nothing[None])
        except (RuntimeError, IndexError) as error:
            raise UserError(f"{folder}: its model does not see what its eye.json says ({error})") from error

    @classmethod
    def open(cls, folder: Path) -> "TorchScorer":
        """Open a run's folder to watch with it; torch takes one thread from now on.

        Raises:
            UserError: no run, or its checkpoint is damaged.
        """
        torch.set_num_threads(1)  # one camera is a small thing, and another process may watch another
        return cls(folder)

    @torch.inference_mode()
    def score(self, windows: NDArray[np.float32]) -> NDArray[np.float64]:
        """See `Scorer`."""
        scores, _ = self.model.score_windows(torch.from_numpy(windows))
        return scores.double().numpy()

    @torch.inference_mode()
    def contributions(self, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        """See `Scorer`."""
        _, found = self.model.score_and_attribution(torch.from_numpy(frames)[None])
        return found[0].numpy()


def load_model(folder: Path, eye: InputSpec) -> Model:
    """Load the model of a run's folder, ready to score.

    Raises:
        UserError: no run, or its checkpoint is damaged.
    """
    cfg = read_yaml(folder / "config.yaml")
    saved = load_checkpoint(best_checkpoint(folder))
    try:
        model = build_model(OmegaConf.create(cfg["model"]), eye.settings)
        model.on_load_checkpoint(saved)
        model.load_state_dict(saved["state_dict"])
    except (RuntimeError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{folder}: its checkpoint does not fit its config.yaml ({error})") from error
    model.eval()
    return model
