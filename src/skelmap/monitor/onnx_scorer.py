"""An exported model as a scorer, with onnxruntime alone."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skelmap.errors import UserError
from skelmap.monitor.eye import Eye
from skelmap.reading import read_bytes

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

    def __init__(self, eye: Eye, model: bytes) -> None:
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
        eye, path = Eye.read(folder), folder / FILE
        model = read_bytes(path, MAX_BYTES)
        try:
            return cls(eye, model)
        except UserError as error:
            raise UserError(f"{path}: {error}") from error

    def encode(self, frames: NDArray[np.float32]) -> Sequence[Any]:
        """See `Scorer`; an exported model takes windows of frames as they are."""
        return list(frames)

    def score(self, codes: Sequence[Sequence[Any]], frames: NDArray[np.float32]) -> NDArray[np.float64]:
        """See `Scorer`."""
        (scores,) = self._session.run([SCORE], {INPUT: frames})
        return np.asarray(scores, np.float64)

    def contributions(self, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        """See `Scorer`."""
        (found,) = self._session.run([CONTRIBUTIONS], {INPUT: frames[None]})
        return np.asarray(found[0], np.float32)
