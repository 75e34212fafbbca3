"""Scorers: the model of a training run with PyTorch, or an exported model with ONNX Runtime."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from skelmap.data.input_spec import InputSpec
from skelmap.data.rendering import MapSettings
from skelmap.skeletons.layouts import BODY_25
from skelmap.utils.errors import UserError
from skelmap.utils.io import read_bytes, read_yaml

if TYPE_CHECKING:
    from skelmap.models.base import Model

ONNX_FILE = "model.onnx"
ONNX_INPUT = "frames"
"""Name of the input: windows, (B, T, C, H, W) float32."""
ONNX_SCORE = "score"
"""Name of the first output: score of each window, (B,) float32, higher = more abnormal."""
ONNX_ATTRIBUTION = "attribution"
"""Name of the second output: part of each input element in its window's score, (B, T, C, H, W) float32."""
MAX_ONNX_BYTES = 2**31
"""Limit of the ONNX format."""


class Scorer(Protocol):
    """Model that scores windows of input frames."""

    spec: InputSpec

    def score(self, windows: NDArray[np.float32]) -> NDArray[np.float64]:
        """Score windows.

        Args:
            windows: (P, T, C, H, W).

        Returns:
            (P,) higher = more abnormal.
        """
        ...

    def attribution(self, window: NDArray[np.float32]) -> NDArray[np.float32]:
        """Give the part of each element of a window (T, C, H, W) in its score, in the same shape."""
        ...


def open_scorer(folder: Path, trust: Sequence[str] = ()) -> Scorer:
    """Open a run folder, or the folder of an exported model; the latter needs no PyTorch.

    The scorer uses one thread, since several monitors may share a machine.

    Args:
        folder: of the run or the exported model.
        trust: packages whose classes the configuration of a run may name.

    Raises:
        UserError: neither of them, damaged, or a package is missing.
    """
    if (folder / ONNX_FILE).exists():
        return OnnxScorer.open(folder)
    try:
        import torch
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise UserError(
            f"checkpoint={folder}: without PyTorch only an exported model can be used (skelmap export RUN)"
        ) from error
    torch.set_num_threads(1)
    return TorchScorer.open(folder, trust)


class NoModel:
    """Stands for a model where zones alone raise alarms: every score is 0."""

    spec = InputSpec("no model: zones only", 1, 30.0, BODY_25, MapSettings(), simulated=False)

    def score(self, windows: NDArray[np.float32]) -> NDArray[np.float64]:
        """Give (P,) zeros."""
        return np.zeros(len(windows))

    def attribution(self, window: NDArray[np.float32]) -> NDArray[np.float32]:
        """Give zeros in the shape of the window."""
        return np.zeros_like(window)


class OnnxScorer:
    """Exported model, run by ONNX Runtime.

    Args:
        spec: input of the model.
        model: content of its file.

    Raises:
        UserError: onnxruntime is not installed, or the model is damaged or does not fit the input specification.
    """

    def __init__(self, spec: InputSpec, model: bytes) -> None:
        try:
            import onnxruntime
        except ModuleNotFoundError as error:
            raise UserError("an exported model needs the package onnxruntime: pip install onnxruntime") from error
        self.spec = spec
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1  # several monitors may share a machine
        try:
            self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
            inputs = {node.name: node.shape[1:] for node in self._session.get_inputs()}
            outputs = [node.name for node in self._session.get_outputs()]
        except Exception as error:  # the exceptions of onnxruntime have no common base class
            raise UserError(f"not a model that onnxruntime can run ({error})") from error
        expected = {ONNX_INPUT: [spec.window, *spec.settings.shape]}
        if inputs != expected:
            raise UserError(f"inputs {inputs} do not fit the input_spec.json of its folder: {expected}")
        if outputs != [ONNX_SCORE, ONNX_ATTRIBUTION]:
            raise UserError(f"outputs {outputs}; needed: {ONNX_SCORE}, {ONNX_ATTRIBUTION}; export the run again")

    @classmethod
    def open(cls, folder: Path) -> "OnnxScorer":
        """Open the folder of an exported model.

        Raises:
            UserError: naming the file that is damaged.
        """
        spec, path = InputSpec.read(folder), folder / ONNX_FILE
        model = read_bytes(path, MAX_ONNX_BYTES)
        try:
            return cls(spec, model)
        except UserError as error:
            raise UserError(f"{path}: {error}") from error

    def score(self, windows: NDArray[np.float32]) -> NDArray[np.float64]:
        """See `Scorer`."""
        (scores,) = self._session.run([ONNX_SCORE], {ONNX_INPUT: windows})
        return np.asarray(scores, np.float64)

    def attribution(self, window: NDArray[np.float32]) -> NDArray[np.float32]:
        """See `Scorer`."""
        (attribution,) = self._session.run([ONNX_ATTRIBUTION], {ONNX_INPUT: window[None]})
        return np.asarray(attribution[0], np.float32)


class TorchScorer:
    """Model of a training run, on the CPU: a single stream does not use a GPU to capacity.

    Args:
        spec: input of the model.
        model: trained; moved to the CPU and to evaluation mode.

    Raises:
        UserError: they do not fit each other.
    """

    def __init__(self, spec: InputSpec, model: "Model") -> None:
        self.spec = spec
        self.model: Model = model.cpu().eval()
        zeros = np.zeros((1, spec.window, *spec.settings.shape), np.float32)
        try:
            self.score(zeros)
        except (RuntimeError, IndexError) as error:
            raise UserError(f"the model does not fit its input_spec.json ({error})") from error

    @classmethod
    def open(cls, folder: Path, trust: Sequence[str] = ()) -> "TorchScorer":
        """Open a run folder.

        Args:
            folder: of the run.
            trust: packages whose classes its configuration may name.

        Raises:
            UserError: not a run folder, or its files are damaged or do not fit each other.
        """
        spec = InputSpec.read(folder)
        model = load_model(folder, spec, trust)
        try:
            return cls(spec, model)
        except UserError as error:
            raise UserError(f"{folder}: {error}") from error

    def score(self, windows: NDArray[np.float32]) -> NDArray[np.float64]:
        """See `Scorer`."""
        import torch

        with torch.inference_mode():
            scores, _ = self.model.score_windows(torch.from_numpy(windows))
            return scores.double().numpy()

    def attribution(self, window: NDArray[np.float32]) -> NDArray[np.float32]:
        """See `Scorer`."""
        import torch

        with torch.inference_mode():
            _, attribution = self.model.score_and_attribution(torch.from_numpy(window)[None])
            return attribution[0].numpy()


def load_model(folder: Path, spec: InputSpec, trust: Sequence[str] = ()) -> "Model":
    """Load the model of a run folder in evaluation mode.

    Args:
        folder: run folder.
        spec: its input.
        trust: packages whose classes its configuration may name.

    Raises:
        UserError: not a run folder, or its checkpoint is damaged or does not fit its config.yaml.
    """
    from skelmap.training.checkpoints import load_checkpoint, load_weights
    from skelmap.training.instantiate import input_sizes
    from skelmap.training.rebuild import rebuild_model
    from skelmap.training.run_dir import CONFIG, best_checkpoint

    config = read_yaml(folder / CONFIG)
    checkpoint = load_checkpoint(best_checkpoint(folder))
    try:
        model = rebuild_model(config["model"], input_sizes(spec), trust)
        load_weights(model, checkpoint)
    except UserError as error:
        raise UserError(f"{folder / CONFIG}: {error}") from None
    except (RuntimeError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{folder}: its checkpoint does not fit its config.yaml ({error})") from error
    model.eval()
    return model
