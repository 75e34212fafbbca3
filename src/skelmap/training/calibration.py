"""What the monitor needs of a run beside its checkpoint: the input spec and the scores of validation recordings."""

from pathlib import Path

from skelmap.data.datamodule import SkeletonDataModule
from skelmap.data.input_spec import InputSpec
from skelmap.evaluation.frame_scores import Predictions, online_scores
from skelmap.evaluation.thresholds import ValidationScores
from skelmap.models.base import Model
from skelmap.utils.schema import parameters


def write_calibration(folder: Path, model: Model, data: SkeletonDataModule, val: Predictions | None) -> None:
    """Write input_spec.json and, with validation windows, validation_scores.npz.

    Args:
        folder: of the run.
        model: trained.
        data: that it was trained on.
        val: scores of the validation windows; None without any.

    Raises:
        UserError: the folder cannot be written.
    """
    input_spec(model, data).write(folder)
    if val is not None:
        validation_scores(data, val).write(folder)


def input_spec(model: Model, data: SkeletonDataModule) -> InputSpec:
    """Describe the input of a model that is trained on these data."""
    return InputSpec(
        title=model_title(model, data),
        window=data.window,
        fps=data.fps,
        bridge_seconds=data.clock.bridge_seconds,
        person_filter=data.person_filter,
        layout=data.layout,
        settings=data.settings,
        simulated=data.simulated,
        people_px=None if model.scale_invariant else data.sizes("train"),
        pose_format=data.recording_format,
    )


def validation_scores(data: SkeletonDataModule, val: Predictions) -> ValidationScores:
    """Assign the scores of validation windows to their last frames, as a live camera does.

    Args:
        data: of the run.
        val: a score for every validation window.
    """
    index = data.splits.eval_index("val")
    return ValidationScores(*online_scores(val, index), index.hours)


def model_title(model: Model, data: SkeletonDataModule) -> str:
    """Name of the method: the model, its representation unless that is maps or the only one possible, its examples."""
    usual = data.hparams["representation"] == "maps" or "representation" not in parameters(type(model))
    title, number = model.title if usual else f"{model.title}, keypoints", data.example_windows.number
    return f"{title}; {number} abnormal example{'s' * (number > 1)}" if number else title
