"""Evaluate a model and score recordings from Python; training is Lightning's.

data = SkeletonDataModule("manifest.csv")
model = LSTMVAE()
pl.Trainer(max_epochs=30).fit(model, data)
print(evaluate(model, data).primary.auroc.value)
scores = predict(model, "clip.npz", data)
"""

from pathlib import Path

import pytorch_lightning as pl

from skelmap.data.datamodule import SkeletonDataModule
from skelmap.evaluation.alarms import AlarmRule
from skelmap.evaluation.evaluate import EvaluationResult
from skelmap.models.base import Model
from skelmap.monitor.scorers import Scorer, TorchScorer, open_scorer
from skelmap.monitor.source_factory import open_sources
from skelmap.monitor.sources import ClipSource, PoseFrame, Source
from skelmap.monitor.stream import StreamDetector, TrackScore
from skelmap.skeletons.clip import Clip
from skelmap.skeletons.readers import PoseFormat
from skelmap.training.calibration import input_spec
from skelmap.utils.errors import UserError


def evaluate(model: Model, data: SkeletonDataModule) -> EvaluationResult:
    """Evaluate a trained model on the test split.

    Args:
        model: trained on these data.
        data: with a test split.

    Returns:
        Frame scores, AUROC with intervals, actions: the numbers of a run's report.

    Raises:
        UserError: there is no test split, or the scores are NaN.
    """
    quiet = {"enable_progress_bar": False, "enable_model_summary": False, "enable_checkpointing": False}
    pl.Trainer(logger=False, **quiet).test(model, data, verbose=False)
    assert model.evaluation is not None
    return model.evaluation


def predict(
    model: Model | Path | str,
    recording: Clip | Path | str,
    data: SkeletonDataModule | None = None,
    estimator: str = "mediapipe",
    pose_format: PoseFormat | None = None,
) -> list[TrackScore]:
    """Score a recording as a camera would be scored: each score depends on past frames only.

    Args:
        model: trained on `data`; or a run folder, or the folder of an exported model.
        recording: a clip, or the path of a clip archive, a video or a folder of OpenPose's JSON files.
        data: that the model was trained on; not needed for folders.
        estimator: pose estimator of videos.
        pose_format: what JSON files do not state.

    Returns:
        A score for each person and tick of the model's clock, from the first full window on.

    Raises:
        UserError: the recording or the folder cannot be read, or a model comes without its data.
    """
    if isinstance(model, Model):
        if data is None:
            raise UserError("predict: a model needs data=, the data module it was trained on")
        scorer: Scorer = TorchScorer(input_spec(model, data), model)
    else:
        scorer = open_scorer(Path(model))
    if isinstance(recording, Clip):
        return _scores(scorer, ClipSource(recording))
    with open_sources(str(recording), pose_format or PoseFormat(), estimator, None, follow=False) as sources:
        return [score for source in sources for score in _scores(scorer, source)]


def _scores(scorer: Scorer, source: Source) -> list[TrackScore]:
    detector = StreamDetector(scorer, AlarmRule(float("inf"), float("inf")), source.layout, source.fps)
    return [score for frame in source if isinstance(frame, PoseFrame) for score in detector.update(frame).scores]
