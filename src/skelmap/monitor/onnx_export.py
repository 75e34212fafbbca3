"""Exports a trained run as ONNX, with a README that describes its input for other programs."""

import logging
import warnings
from collections.abc import Sequence
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
from skelmap.monitor.scorers import (
    ONNX_ATTRIBUTION,
    ONNX_FILE,
    ONNX_INPUT,
    ONNX_SCORE,
    OnnxScorer,
    Scorer,
    TorchScorer,
)
from skelmap.skeletons.clip import Clip
from skelmap.skeletons.layouts import Layout
from skelmap.skeletons.resampling import longest_gap
from skelmap.utils.errors import UserError
from skelmap.utils.io import atomic_write

README = "README.txt"
PACKAGES = ("onnxscript", "onnxruntime")
TOLERANCE = 1e-4
"""Largest difference of scores and attributions from PyTorch's, relative to the largest value."""
RESAMPLING = {
    "bilinear": "INTER_LINEAR (each pixel depends on four source pixels, at any size)",
    "area": "INTER_AREA (each pixel is the mean of all its source pixels)",
}


def export(run: Path, folder: Path, trust: Sequence[str] = (), tolerance: float = TOLERANCE) -> float:
    """Export the model of a run and compare it with PyTorch.

    Args:
        run: folder of a finished run.
        folder: receives model.onnx, input_spec.json, README.txt and, if the run has them, validation_scores.npz.
        trust: packages whose classes the configuration of the run may name.
        tolerance: largest allowed difference from PyTorch.

    Returns:
        The largest difference of scores and attributions from PyTorch's, relative to the largest value.

    Raises:
        UserError: not a finished run, a package is missing, the model cannot be exported or differs too much from
            PyTorch, or the folder cannot be written. In these cases there is no model.onnx.
    """
    missing = [package for package in PACKAGES if find_spec(package) is None]
    if missing:
        raise UserError(f"the export needs the package {missing[0]}: pip install 'skelmap[onnx]'")
    scorer = TorchScorer.open(run, trust)
    spec = scorer.spec
    readme = readme_text(spec)
    windows = random_windows(spec, 8)
    model = _to_onnx(scorer, windows[:2], readme)
    found = difference(scorer, OnnxScorer(spec, model), windows)
    if not found <= tolerance:
        raise UserError(f"{run}: the exported scores differ from PyTorch's by {found:.1g}; allowed: {tolerance:g}")
    spec.write(folder)
    if (run / thresholds.SCORES_FILE).exists():
        ValidationScores.read(run).write(folder)
    with atomic_write(folder / README) as file:
        file.write(readme)
    with atomic_write(folder / ONNX_FILE, "wb") as file:  # last: a folder with this file is complete
        file.write(model)
    return found


class ExportedModule(nn.Module):
    """Maps windows of frames (B, T, C, H, W) to the outputs of the ONNX file."""

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.model = model

    def forward(self, frames: Tensor) -> dict[str, Tensor]:
        """Return scores and attributions by output name."""
        score, attribution = self.model.score_and_attribution(frames)
        return {ONNX_SCORE: score, ONNX_ATTRIBUTION: attribution}


def _to_onnx(scorer: TorchScorer, example: NDArray[np.float32], readme: str) -> bytes:
    """Content of the ONNX file, with the README as its description."""
    module = ExportedModule(scorer.model).eval()
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # it warns that torchvision is not installed
    try:
        # without gradients decoders take their fast path, which is not exported as transposed convolutions
        with torch.enable_grad(), warnings.catch_warnings(action="ignore"):  # torch's own deprecation warnings
            program = torch.onnx.export(
                module,
                (torch.from_numpy(example),),
                input_names=[ONNX_INPUT],
                output_names=[ONNX_SCORE, ONNX_ATTRIBUTION],
                dynamic_shapes={ONNX_INPUT: {0: "B"}},
                dynamo=True,
                verbose=False,
            )
    except torch.onnx.OnnxExporterError as error:
        cause: BaseException = error
        while cause.__cause__:
            cause = cause.__cause__
        raise UserError(f"{scorer.spec.title}: cannot be exported to ONNX ({str(cause).splitlines()[0]})") from error
    assert program is not None
    model = program.model_proto
    model.doc_string = readme
    content: bytes = model.SerializeToString()
    return content


def random_windows(spec: InputSpec, count: int) -> NDArray[np.float32]:
    """Draw windows of a person whose joints move in a random walk, (count, T, C, H, W)."""
    rng = np.random.default_rng(0)
    frames = count + spec.window - 1
    start = rng.normal((320, 240), 80, (len(spec.layout.joints), 2))
    positions = start + rng.normal(0, 8, (frames, *start.shape)).cumsum(axis=0)
    keypoints = np.concatenate([positions, np.ones((*positions.shape[:2], 1))], axis=2)
    packed = spec.settings.pack(Clip.build("random", keypoints, spec.layout, (640, 480), spec.fps))
    unpacked = spec.settings.unpack(torch.from_numpy(packed)).numpy()
    return sliding_window_view(unpacked, spec.window, axis=0).transpose(0, 4, 1, 2, 3).copy()


def difference(reference: Scorer, other: Scorer, windows: NDArray[np.float32]) -> float:
    """Compare two scorers: scores of a single window, scores of a batch, and attributions.

    Args:
        reference: its largest score and its largest attribution are the scales.
        other: the scorer to compare.
        windows: (B, T, C, H, W).

    Returns:
        The largest relative difference.
    """
    pairs = zip(_outputs(reference, windows), _outputs(other, windows), strict=True)
    return float(np.max([np.abs(a - b).max() / np.abs(a).max() for a, b in pairs]))


def _outputs(scorer: Scorer, windows: NDArray[np.float32]) -> list[NDArray[np.floating]]:
    scores = np.concatenate([scorer.score(windows[:1]), scorer.score(windows)])
    return [scores, np.stack([scorer.attribution(window) for window in windows])]


def readme_text(spec: InputSpec) -> str:
    """Text of README.txt: inputs and outputs of the exported model, how its input is made, the other exported files.

    Args:
        spec: specification of the model's input.
    """
    shape = ", ".join(map(str, (spec.window, *spec.settings.shape)))
    settings = spec.settings
    rendering = _map_steps(settings, spec.layout) if isinstance(settings, MapSettings) else _keypoint_steps(settings)
    steps = [_frame_rate_step(spec), _joints_step(spec.layout), _centre_step(spec.layout), *rendering]
    parts = [
        f"{spec.title}, exported by skelmap." + (" Trained on simulated recordings." if spec.simulated else ""),
        f"{ONNX_FILE} scores windows of {spec.window} consecutive frames of one person.",
        f"Input {ONNX_INPUT}, float32 (B, {shape}): B windows, oldest frame first, for any B.",
        f"Output {ONNX_SCORE}, float32 (B,): higher is more abnormal. It belongs to the last frame of the window.",
        f"Output {ONNX_ATTRIBUTION}, float32 (B, {shape}): part of each input element in the score;\n"
        "for models that reconstruct, the squared error.",
        f'session = onnxruntime.InferenceSession("{ONNX_FILE}")\n'
        f'(scores,) = session.run(["{ONNX_SCORE}"], {{"{ONNX_INPUT}": windows}})',
        "From keypoints to a frame:",
        *(
            fill(step, 100, initial_indent=f"{i}. ", subsequent_indent="   ", break_on_hyphens=False)
            for i, step in enumerate(steps, 1)
        ),
        "input_spec.json describes the same for programs. With skelmap, frames need no PyTorch:\n"
        "skelmap.data.input_spec.InputSpec.read(FOLDER).settings.frames(keypoints, layout, size, previous)\n"
        "previous: the result for the previous frame of the same people; None for the first frame.",
        "validation_scores.npz, if present, has the scores of normal validation recordings, from which a\n"
        "threshold can be chosen.",
    ]
    return "\n\n".join(parts) + "\n"


def _frame_rate_step(spec: InputSpec) -> str:
    fps, longest = spec.fps, longest_gap(spec.bridge_seconds, 1 / spec.fps, spec.fps)
    return (
        f"{fps:g} frames per second. From other frame rates: every 1/{fps:g} s, interpolate each joint linearly "
        "between its detections before and after, or take the nearer one if the joint is missing in the other. A "
        f"person who was not detected for more than {longest:.3g} s starts a new window."
    )


def _joints_step(layout: Layout) -> str:
    neck = "" if layout.has_neck else "; and the neck, the midpoint of the shoulders if both are detected"
    return (
        f"Joints in the order of {layout.name}, as x px, y px, confidence 0 to 1: {', '.join(layout.joints)}{neck}. "
        f"A joint is detected if its confidence is above {MIN_CONFIDENCE:g}; for the centre, above 0."
    )


def _centre_step(layout: Layout) -> str:
    neck = "the neck; if it is missing, " if layout.has_neck else ""
    return f"Centre: {neck}the midpoint of the shoulders; if one of them is missing, the mean of all joints."


def _map_steps(settings: MapSettings, layout: Layout) -> list[str]:
    limb, joint = (max(round(settings.source_width * ratio), 1) for ratio in (1, JOINT_RATIO))
    motion = [number for number, name in enumerate(settings.channels) if name == "motion"]
    return [
        f"For each channel a black image of {settings.crop_size}x{settings.crop_size} px with the centre in its "
        "middle. On it, in white (255), at whole pixels and without anti-aliasing (cv2.polylines): lines of "
        f"{limb} px between joints that are both detected, and a dot of {joint} px at each detected joint.",
        *(_channel_step(number, name, layout) for number, name in enumerate(settings.channels) if name != "motion"),
        "Outside the camera's image the map is black.",
        f"Resize to {settings.img_size}x{settings.img_size} px with cv2.resize, {RESAMPLING[settings.resample]}.",
        "Divide grey levels by 255."
        if settings.threshold is None
        else f"Set 1 where the grey level is above {settings.threshold:g} x 255, else 0.",
        *(
            f"Channel {number}, motion: absolute difference of the channel body between this frame and the person's "
            "previous frame; in the person's first frame the channel body."
            for number in motion
        ),
    ]


def _channel_step(number: int, name: str, layout: Layout) -> str:
    names = (*layout.joints, "neck")
    joints = [joint for joint, part in zip(names, layout.joint_parts, strict=False) if part == name]
    limbs = [
        f"{names[a]}-{names[b]}"
        for (a, b), part in zip(layout.limbs, layout.limb_parts, strict=True)
        if name in ("body", part)
    ]
    return f"Channel {number}, {name}: {', '.join(joints) or 'all joints'}. Lines: {', '.join(limbs)}."


def _keypoint_steps(settings: KeypointSettings) -> list[str]:
    return [
        "A row (x, y) for each joint, in the order above: from the centre to the joint, divided by "
        f"{settings.crop_size / 2:g} px.",
        "A missing joint keeps its row of the previous frame; (0, 0) before its first detection.",
    ]
