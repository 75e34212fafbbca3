"""Export a trained run as ONNX, with a README for programs that run it."""

import logging
import warnings
from importlib.util import find_spec
from pathlib import Path
from textwrap import fill

import numpy as np
import torch
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from torch import Tensor, nn

from skelmap.data.input_spec import InputSpec
from skelmap.data.keypoints import KeypointSettings
from skelmap.data.rendering import JOINT_RATIO, MIN_CONFIDENCE, MapSettings
from skelmap.evaluation import thresholds
from skelmap.evaluation.thresholds import ValidationScores
from skelmap.models.base import Model
from skelmap.monitor.scorers import CONTRIBUTIONS, FILE, INPUT, SCORE, OnnxScorer, Scorer, TorchScorer
from skelmap.skeletons.clip import Clip
from skelmap.skeletons.layouts import Layout
from skelmap.skeletons.resampling import BRIDGE
from skelmap.utils.errors import UserError
from skelmap.utils.io import atomic_write

RESAMPLING = {
    "bilinear": "INTER_LINEAR: a pixel is made of four source pixels, whatever the size",
    "area": "INTER_AREA: a pixel is the mean of all its source pixels",
}


def describe(eye: InputSpec) -> str:
    """Say what a model takes and gives, how its frames are made, and what else lies in its folder.

    Args:
        eye: what the model sees.
    """
    shape = ", ".join(map(str, (eye.window, *eye.settings.shape)))
    how = _map(eye.settings, eye.layout) if isinstance(eye.settings, MapSettings) else _places(eye.settings)
    steps = [_rate(eye.fps), _joints(eye.layout), _centre(eye.layout), *how]
    parts = [
        f"{eye.title}, exported by skelmap." + (" It was trained on simulated recordings." if eye.simulated else ""),
        f"{FILE} judges windows of {eye.window} successive frames of one person.",
        f"Input {INPUT}, float32 (B, {shape}): B windows, their oldest frames first. B may be any number.",
        f"Output {SCORE}, float32 (B,): higher is more abnormal. It belongs to the last frame of its window.",
        f"Output {CONTRIBUTIONS}, float32 (B, {shape}): what each element contributes to its window's\n"
        "being unusual; of models that reconstruct, its squared error.",
        f'session = onnxruntime.InferenceSession("{FILE}")\n'
        f'(scores,) = session.run(["{SCORE}"], {{"{INPUT}": windows}})',
        "From keypoints to a frame:",
        *(
            fill(step, 100, initial_indent=f"{i}. ", subsequent_indent="   ", break_on_hyphens=False)
            for i, step in enumerate(steps, 1)
        ),
        "eye.json says the same for programs. skelmap makes the frames without PyTorch:\n"
        "skelmap.data.input_spec.InputSpec.read(FOLDER).settings.frames(keypoints, layout, size, before)\n"
        "before: what it gave of the same people's frames before; None for the first.",
        "validation_scores.npz, where it is there, holds the scores of normal validation recordings, among which a\n"
        "threshold can be chosen.",
    ]
    return "\n\n".join(parts) + "\n"


def _rate(fps: float) -> str:
    return (
        f"{fps:g} frames a second. From another rate: at each 1/{fps:g} s take the point on the straight line between "
        "the two sightings of a joint around it, or the nearer sighting if the joint was missing in the other. A "
        f"person unseen for more than {BRIDGE:g} s begins a new window."
    )


def _joints(layout: Layout) -> str:
    neck = "" if layout.has_neck else "; and the neck, which is the midpoint of the shoulders if both were found"
    return (
        f"Joints in the order of {layout.name}, as x px, y px, confidence 0 to 1: {', '.join(layout.joints)}{neck}. "
        f"A joint is found above a confidence of {MIN_CONFIDENCE:g}; for the centre, above 0."
    )


def _centre(layout: Layout) -> str:
    neck = "the neck; where it was not found, " if layout.has_neck else ""
    return f"The centre: {neck}the midpoint of the shoulders; where one of them was not found, the mean of all joints."


def _map(settings: MapSettings, layout: Layout) -> list[str]:
    limb, joint = (max(round(settings.source_width * ratio), 1) for ratio in (1, JOINT_RATIO))
    return [
        f"For each channel a black picture of {settings.crop_size}x{settings.crop_size} px with the centre in its "
        "middle. On it, in white (255), at whole pixels and without anti-aliasing (cv2.polylines): lines of "
        f"{limb} px between joints that were both found, and a dot of {joint} px at each joint.",
        *(_channel(number, name, layout) for number, name in enumerate(settings.channels) if name != "motion"),
        "What lies outside the camera's picture is black.",
        f"Resized to {settings.img_size}x{settings.img_size} px with cv2.resize, {RESAMPLING[settings.resample]}.",
        "Grey levels divided by 255."
        if settings.threshold is None
        else f"1 where the grey level is above {settings.threshold:g} x 255, else 0.",
        *(_motion(number) for number, name in enumerate(settings.channels) if name == "motion"),
    ]


def _channel(number: int, name: str, layout: Layout) -> str:
    names = (*layout.joints, "neck")
    joints = [joint for joint, part in zip(names, layout.joint_parts, strict=False) if part == name]
    limbs = [
        f"{names[a]}-{names[b]}"
        for (a, b), part in zip(layout.limbs, layout.limb_parts, strict=True)
        if name in ("body", part)
    ]
    return f"Channel {number}, {name}, shows {', '.join(joints) or 'all joints'}. The lines: {', '.join(limbs)}."


def _motion(number: int) -> str:
    return (
        f"Channel {number}, motion, is the absolute difference of the channel body from what it was in the same "
        "person's frame before; in their first frame it is the channel body."
    )


def _places(settings: KeypointSettings) -> list[str]:
    return [
        "A row (x, y) for each joint, in the order above: from the centre to the joint, divided by "
        f"{settings.crop_size / 2:g} px.",
        "A joint that was not found keeps its row of the frame before; (0, 0) until it is found first.",
    ]


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
        score, contributions = self.model.score_and_attribution(frames)
        return {SCORE: score, CONTRIBUTIONS: contributions}


def export(run: Path, folder: Path) -> float:
    """Export the model of a run, checked against PyTorch.

    Args:
        run: folder of a finished run.
        folder: where model.onnx, eye.json, README.txt and, if the run has them, validation_scores.npz are written.

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
    if (run / thresholds.SCORES_FILE).exists():
        ValidationScores.read(run).write(folder)
    with atomic_write(folder / README) as file:
        file.write(text)
    with atomic_write(folder / FILE, "wb") as file:  # the last: a folder that has it is complete
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


def made_up_windows(eye: InputSpec, count: int) -> NDArray[np.float32]:
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
    scores = [scorer.score(windows[:1]), scorer.score(windows)]
    return [np.concatenate(scores), np.stack([scorer.contributions(window) for window in windows])]
