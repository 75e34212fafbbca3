"""A trained run leaves PyTorch: a folder with its model as ONNX, from which the monitor runs with onnxruntime alone."""

import logging
import warnings
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from torch import Tensor, nn

from skelmap.errors import UserError
from skelmap.files import replacing
from skelmap.models import Model
from skelmap.monitor import normal
from skelmap.monitor.embedding import describe
from skelmap.monitor.eye import Eye
from skelmap.monitor.normal import NormalScores
from skelmap.monitor.onnx_scorer import CONTRIBUTIONS, FILE, INPUT, SCORE, OnnxScorer
from skelmap.monitor.scorer import Scorer
from skelmap.monitor.torch_scorer import TorchScorer
from skelmap.poses import Clip

README = "README.txt"
PACKAGES = ("onnxscript", "onnxruntime")
TOLERANCE = 1e-4
"""An exported model's scores and contributions differ from PyTorch's by this share of the largest at most."""


class Graph(nn.Module):
    """What is exported: from windows of frames (B, T, C, H, W) to their scores and contributions."""

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.model = model

    def forward(self, frames: Tensor) -> dict[str, Tensor]:
        """Give the outputs by name."""
        score, contributions = self.model.score_and_contributions(frames)
        return {SCORE: score, CONTRIBUTIONS: contributions}


def export(run: Path, folder: Path) -> float:
    """Export the model of a run, checked against PyTorch.

    Args:
        run: folder of a finished run.
        folder: where model.onnx, eye.json, README.txt and, if the run has them, normal_scores.npz are written.

    Returns:
        The largest difference from PyTorch, as a share of the largest score or contribution.

    Raises:
        UserError: no finished run, a package is missing, the model cannot be exported or differs too much from
            PyTorch, or the folder cannot be written. No model.onnx is written then.
    """
    missing = [package for package in PACKAGES if find_spec(package) is None]
    if missing:
        raise UserError(f"exporting needs the package {missing[0]}: pip install -e '.[onnx]'")
    scorer = TorchScorer(run)
    eye = scorer.eye
    windows = made_up_windows(eye, 8)
    text, model = _to_onnx(scorer, windows[:2])
    found = difference(scorer, OnnxScorer(eye, model), windows)
    if not found <= TOLERANCE:
        raise UserError(
            f"{run}: as ONNX its scores differ from PyTorch's by {found:.1g} of the largest; allowed is {TOLERANCE:g}"
        )
    eye.write(folder)
    if (run / normal.FILE).exists():
        NormalScores.read(run).write(folder)
    with replacing(folder / README) as file:
        file.write(text)
    with replacing(folder / FILE, "wb") as file:  # the last: a folder that has it is complete
        file.write(model)
    return found


def _to_onnx(scorer: TorchScorer, windows: NDArray[np.float32]) -> tuple[str, bytes]:
    """Give the texts of README.txt and model.onnx; the first stands in the second, too."""
    graph, example = Graph(scorer.model).eval(), torch.from_numpy(windows)
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # torchvision is not installed
    try:
        # with gradients a decoder is written as transposed convolutions, not as what replaces them in PyTorch's scoring
        with torch.enable_grad(), warnings.catch_warnings(action="ignore"):  # torch's own old ways
            program = torch.onnx.export(
                graph,
                (example,),
                input_names=[INPUT],
                output_names=[SCORE, CONTRIBUTIONS],
                dynamic_shapes={INPUT: {0: "B"}},
                dynamo=True,
                verbose=False,
            )
    except torch.onnx.OnnxExporterError as error:
        cause: BaseException = error
        while cause.__cause__:
            cause = cause.__cause__
        raise UserError(f"{scorer.eye.title}: cannot be exported to ONNX ({str(cause).splitlines()[0]})") from error
    assert program is not None
    text = describe(scorer.eye)
    model = program.model_proto
    model.doc_string = text
    return text, model.SerializeToString()


def made_up_windows(eye: Eye, count: int) -> NDArray[np.float32]:
    """Make windows of somebody whose joints wander at random, (count, T, C, H, W): as the model sees people."""
    random = np.random.default_rng(0)
    frames = count + eye.window - 1
    start = random.normal((320, 240), 80, (len(eye.layout.joints), 2))
    places = start + random.normal(0, 8, (frames, *start.shape)).cumsum(axis=0)
    keypoints = np.concatenate([places, np.ones((*places.shape[:2], 1))], axis=2)
    packed = eye.settings.pack(Clip.build("made up", keypoints, eye.layout, (640, 480), eye.fps))
    seen = eye.settings.unpack(torch.from_numpy(packed)).numpy()
    return sliding_window_view(seen, eye.window, axis=0).transpose(0, 4, 1, 2, 3).copy()


def difference(one: Scorer, other: Scorer, windows: NDArray[np.float32]) -> float:
    """Compare two scorers: scores of one window and of several at once, and contributions.

    Args:
        one: gives the scale.
        other: is compared with it.
        windows: (B, T, C, H, W).

    Returns:
        The largest difference, as a share of the largest score or contribution.
    """
    pairs = zip(_verdicts(one, windows), _verdicts(other, windows), strict=True)
    return float(np.max([np.abs(a - b).max() / np.abs(a).max() for a, b in pairs]))


def _verdicts(scorer: Scorer, windows: NDArray[np.float32]) -> list[NDArray[np.floating]]:
    """What a scorer says of windows: scores and contributions."""
    codes = [scorer.encode(window) for window in windows]
    scores = [scorer.score(codes[:1], windows[:1]), scorer.score(codes, windows)]
    return [np.concatenate(scores), np.stack([scorer.contributions(window) for window in windows])]
