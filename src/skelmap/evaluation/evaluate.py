"""Everything that is said about a model's scores of a test split."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from skelmap.evaluation.alarms import AlarmRule, EventMetrics, RecordingAlarms, event_metrics, find_alarms
from skelmap.evaluation.bootstrap import Interval, Units, auroc_interval
from skelmap.evaluation.frames import FrameScores, Predictions, frame_scores
from skelmap.evaluation.metrics import Curve, Floats, Labels, auroc, single_class, to_numpy

if TYPE_CHECKING:  # at run time this would load Lightning
    from skelmap.data.windows import EvalIndex


@dataclass(frozen=True)
class AUROCResult:
    """An AUROC, or the reason why there is none.

    Attributes:
        value: AUROC in [0, 1], or None.
        interval: 95 %, by resampling groups or clips.
        reason: why there is no value; empty where there is one.
    """

    value: float | None
    interval: Interval
    reason: str


@dataclass(frozen=True)
class ActionAUROC:
    """The AUROC of one work's abnormal frames.

    Attributes:
        work: its name.
        area: abnormal frames of the work against the normal frames in `against`.
        abnormal: frames.
        normal: frames.
        against: "same work", or "all normal frames" where the work has no normal ones.
    """

    work: str
    area: AUROCResult
    abnormal: int
    normal: int
    against: str


DETECTION_RATE = 0.8


@dataclass(frozen=True)
class OperatingPoint:
    """Alarms at the threshold that detects 80 % of the abnormal frames.

    The threshold is read off the labels of the test split itself: it describes the ROC curve and is not available in
    use. A threshold for use comes from normal validation recordings.

    Attributes:
        detection_rate: share of the abnormal frames with a score of at least the threshold: at least this.
        threshold: the highest threshold that reaches it.
        metrics: metrics of the alarms that an `AlarmRule` with on = off = threshold raises from the frame scores.
    """

    detection_rate: float
    threshold: float
    metrics: EventMetrics


def operating_point(curve: Curve, score: Floats, clip: Labels, frame: Labels, rows: "EvalIndex") -> OperatingPoint:
    """Describe the alarms at the threshold of the curve that detects 80 % of the abnormal frames.

    Args:
        curve: of `score` and its labels, with both classes.
        score: (F,) score of each frame, sorted by (clip, frame); the frames of a clip are one sequence of scores.
        clip: (F,) index of the clip.
        frame: (F,) frame number.
        rows: the test split; all of its footage counts, with and without scores.
    """
    threshold = curve.threshold_at(DETECTION_RATE)
    rule = AlarmRule(on=threshold, off=threshold)
    recordings = []
    for index, (recording, span, fps) in enumerate(zip(rows.recordings, rows.spans, rows.fps, strict=True)):
        here = clip == index
        recordings.append(RecordingAlarms(recording, span, fps, find_alarms(frame[here] / fps, score[here], rule)))
    return OperatingPoint(DETECTION_RATE, threshold, event_metrics(recordings))


@dataclass(frozen=True, eq=False)
class ScoreResult:
    """One way to score frames, judged.

    Attributes:
        name: frame, averaged, window or online.
        title: the same for readers.
        frames: how many were judged; online scores begin when the first window is full.
        area: AUROC over all of them.
        average_precision: area under the precision-recall curve, or None without both classes.
        base_rate: share of abnormal frames: the average precision of chance.
        works: per work, in the order of the manifest.
        curve: thinned for drawing, or None without both classes.
        operating_point: a description of the test split's curve, not a chosen threshold; None without both classes.
    """

    name: str
    title: str
    frames: int
    area: AUROCResult
    average_precision: float | None
    base_rate: float
    works: tuple[ActionAUROC, ...]
    curve: Curve | None
    operating_point: OperatingPoint | None


@dataclass(frozen=True, eq=False)
class EvaluationResult:
    """A model's scores of a test split, judged.

    Attributes:
        frames: the table of judged frames.
        primary: per frame (frame models, as in the paper), or the mean over the covering windows (window models).
        variant: averaged over T (frame models), or online (window models).
        window: rows of the model's windows, 1 for a frame model.
        seq_len: T.
        frame_step: rows from one row of a window to the next.
        seed: of the bootstrap.
        units: what is resampled.
        groups: group of each judged clip.
    """

    frames: FrameScores
    primary: ScoreResult
    variant: ScoreResult
    window: int
    seq_len: int
    frame_step: int
    seed: int
    units: Units
    groups: dict[str, str]

    @property
    def shortest(self) -> int:
        """Rows that a run must have to be judged."""
        return self.seq_len * self.frame_step


def evaluate(predictions: Predictions, rows: "EvalIndex", seed: int = 0) -> EvaluationResult:
    """Judge a model's scores of the test split.

    Args:
        predictions: a score for every test window, in any order.
        rows: the test split.
        seed: of the bootstrap.

    Returns:
        AUROC with interval, average precision, AUROC per work and a described operating point, for the primary score
        and its variant. With one class only, these are None with a reason.

    Raises:
        UserError: no window, or NaN or infinite scores, naming the clips.
        ValueError: windows missing from the predictions, or not asked for.
    """
    frames = frame_scores(predictions, rows)
    step = rows.frame_step
    t = f"{rows.seq_len} frames" + (f", {step} apart" if step > 1 else "")
    if predictions.window == 1:
        names = (("frame", "single frames"), ("averaged", f"averaged over {t}"))
    else:
        names = (("window", f"mean over windows of {t}"), ("online", f"online, after {t}"))
    known = ~frames.variant.isnan()
    judged = [rows.recordings[index] for index in frames.clip.unique().tolist()]
    groups = {recording.clip: recording.group for recording in judged}
    units = Units.choose(groups)
    primary = _score(*names[0], frames.score, frames, rows, units, seed)
    variant = _score(*names[1], frames.variant[known], frames.select(known), rows, units, seed)
    return EvaluationResult(frames, primary, variant, predictions.window, rows.seq_len, step, seed, units, groups)


def _score(
    name: str, title: str, score: Tensor, frames: FrameScores, rows: "EvalIndex", units: Units, seed: int
) -> ScoreResult:
    """Judge one (F,) score of the frames."""
    unit = torch.tensor([units.of.get(clip, -1) for clip in frames.clips], device=frames.clip.device)[frames.clip]
    area = _area(score, frames.label, unit, seed)
    base_rate = float(frames.label.double().mean())
    if area.value is None:
        return ScoreResult(name, title, len(score), area, None, base_rate, (), None, None)
    values, label, clip = to_numpy(score), frames.label.cpu().numpy(), frames.clip.cpu().numpy()
    curve = Curve.build(values, label)
    point = operating_point(curve, values, clip, frames.frame.cpu().numpy(), rows)
    works = _works(score, frames, unit, seed)
    return ScoreResult(name, title, len(score), area, curve.average_precision, base_rate, works, curve.thinned(), point)


def _area(score: Tensor, label: Tensor, unit: Tensor, seed: int) -> AUROCResult:
    if len(torch.unique(label)) < 2:
        reason = single_class(int(label.sum()), len(label))
        return AUROCResult(None, Interval(None, None, reason), reason)
    interval = auroc_interval(to_numpy(score), label.cpu().numpy(), unit.cpu().numpy(), seed)
    return AUROCResult(auroc(score, label), interval, "")


def _works(score: Tensor, frames: FrameScores, unit: Tensor, seed: int) -> tuple[ActionAUROC, ...]:
    """Judge the works that have abnormal frames."""
    normal = frames.label == 0
    found = []
    for index, name in enumerate(frames.works):
        of_work = frames.work == index
        abnormal = of_work & ~normal
        if not abnormal.any():
            continue
        own = of_work & normal
        against, others = ("same work", own) if own.any() else ("all normal frames", normal)
        both = abnormal | others
        area = _area(score[both], frames.label[both], unit[both], seed)
        found.append(ActionAUROC(name, area, int(abnormal.sum()), int(others.sum()), against))
    return tuple(found)
