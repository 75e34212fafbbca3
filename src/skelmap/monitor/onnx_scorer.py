"""An exported model as a scorer, with onnxruntime alone."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skelmap.errors import UserError
from skelmap.monitor.eye import Eye

FILE = "model.onnx"


class OnnxScorer:
    """A model that scripts/export.py wrote; torch is not needed.

    Args:
        folder: with model.onnx and eye.json.

    Raises:
        UserError: onnxruntime is not installed, or the model is damaged.
    """

    def __init__(self, folder: Path) -> None:
        try:
            import onnxruntime
        except ModuleNotFoundError as error:
            raise UserError("an exported model needs the package onnxruntime: pip install -e '.[onnx]'") from error
        self.eye = Eye.read(folder)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        try:
            self._session = onnxruntime.InferenceSession(
                str(folder / FILE), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime's own errors have no common base
            raise UserError(f"{folder / FILE}: not a model that onnxruntime can run ({error})") from error

    def encode(self, frames: NDArray[np.float32]) -> Sequence[Any]:
        """See `Scorer`; an exported model takes windows of frames as they are."""
        return list(frames)

    def score(self, codes: Sequence[Sequence[Any]], frames: NDArray[np.float32]) -> NDArray[np.float64]:
        """See `Scorer`."""
        (scores,) = self._session.run(["score"], {"frames": frames})
        return np.asarray(scores, np.float64)

    def errors(self, frames: NDArray[np.float32]) -> NDArray[np.float32] | None:
        """See `Scorer`."""
        if "error" not in [output.name for output in self._session.get_outputs()]:
            return None
        (errors,) = self._session.run(["error"], {"frames": frames[None]})
        return np.asarray(errors[0], np.float32)
