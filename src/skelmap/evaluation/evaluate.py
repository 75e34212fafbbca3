"""Evaluation of a model's scores on the test split: AUROC with intervals, per action, and alarms at one threshold."""

from dataclasses import dataclass

import torch
from torch import Tensor

from skelmap.data.windows import EvalIndex
from skelmap.evaluation.alarms import AlarmRule, EventMetrics, RecordingAlarms, event_metrics, find_alarms
from skelmap.evaluation.bootstrap import Interval, SamplingUnits, auroc_interval
from skelmap.evaluation.detection import Detection, EventRecall, detect_events, event_recalls
from skelmap.evaluation.frame_scores import SMOOTH_SECONDS, FrameScores, Predictions, frame_scores
from skelmap.evaluation.metrics import Curve, Floats, Labels, MacroAUROC, auroc, single_class_reason, to_numpy
from skelmap.evaluation.thresholds import ValidationScores
from skelmap.utils.names import list_names

DETECTION_RATE = 0.8
EQUAL_SHARE = 0.5
"""Share of frames with one and the same score from which on a warning is given."""
DIGITS = 2.0**20
"""Scores that agree in six decimal digits are the same: batches of another size round differently."""


@dataclass(frozen=True)
class AUROCResult:
    """An AUROC, or the reason why there is none.

    Attributes:
        value: AUROC in [0, 1], or None.
        interval: 95 % interval from resampling groups or clips.
        reason: why there is no value; empty if there is one.
    """

    value: float | None
    interval: Interval
    reason: str


@dataclass(frozen=True)
class ActionAUROC:
    """AUROC of the abnormal frames of one action.

    Attributes:
        action: name of the action.
        auroc: of its abnormal frames against the normal frames named in `against`.
        abnormal: number of abnormal frames.
        normal: number of normal frames.
        against: "same action", or "all normal frames" if the action has no normal ones.
    """

    action: str
    auroc: AUROCResult
    abnormal: int
    normal: int
    against: str


@dataclass(frozen=True)
class OperatingPoint:
    """Alarms at the threshold that detects 80 % of the abnormal frames.

    The threshold is read off the labels of the test split: it describes the ROC curve and is not available in use. A
    threshold for use comes from normal validation recordings.

    Attributes:
        detection_rate: smallest share of the abnormal frames to detect.
        threshold: the highest threshold that reaches it.
        metrics: of the alarms that an `AlarmRule` with on = off = threshold raises from the frame scores.
    """

    detection_rate: float
    threshold: float
    metrics: EventMetrics


@dataclass(frozen=True, eq=False)
class ScoreResult:
    """Metrics of one kind of frame score.

    Attributes:
        name: "frame", "averaged", "online", "window" or "smoothed".
        title: the name in reports.
        frames: number of frames; online scores start at the first full window.
        auroc: AUROC of all frames.
        average_precision: area under the precision-recall curve; None without both classes.
        base_rate: share of abnormal frames, the average precision of random scores.
        actions: AUROC of each action with abnormal frames, in the order of the manifest.
        curve: positives at each threshold, thinned for drawing; None without both classes.
        operating_point: alarms at 80 % detection; None without both classes.
    """

    name: str
    title: str
    frames: int
    auroc: AUROCResult
    average_precision: float | None
    base_rate: float
    actions: tuple[ActionAUROC, ...]
    curve: Curve | None
    operating_point: OperatingPoint | None


@dataclass(frozen=True)
class SmoothedResult:
    """Metrics of the smoothed score; None without both classes.

    Attributes:
        title: the name in reports.
        auroc: AUROC of all frames with a primary score.
        average_precision: of the same frames.
    """

    title: str
    auroc: float | None
    average_precision: float | None

    @classmethod
    def of(cls, frames: FrameScores) -> "SmoothedResult":
        """Compute them of frames that all have a primary score."""
        title = f"smoothed ({SMOOTH_SECONDS:g} s)"
        if len(frames.label.unique()) < 2:
            return cls(title, None, None)
        curve = Curve.build(to_numpy(frames.smoothed), frames.label.cpu().numpy())
        return cls(title, auroc(frames.smoothed, frames.label), curve.average_precision)


@dataclass(frozen=True, eq=False)
class EvaluationResult:
    """Metrics of a model on the test split.

    Attributes:
        frames: scores and labels of the evaluated frames.
        primary: metrics of the score that a camera would give: of the window that ends with the frame (sequence models,
            online), or of the single frame (frame models, as in the paper).
        variant: metrics of the mean over the windows that contain the frame, which knows later frames (sequence
            models), or of the mean over T frames (frame models).
        smoothed: AUROC and average precision of the primary score averaged over the last second.
        macro: AUROC of the primary score within each group; None unless two groups have both classes.
        window: rows of the model's windows, 1 for a frame model.
        seq_len: T.
        seed: of the bootstrap.
        units: what the bootstrap resamples.
        groups: group of each evaluated clip.
        warning: that most frames have the same score; empty if they do not.
        detection: events found at thresholds that are chosen on validation recordings.
        smoothed_detection: likewise with the smoothed score.
        recalls: events found at false-alarm rates of the test recordings themselves.
    """

    frames: FrameScores
    primary: ScoreResult
    variant: ScoreResult
    smoothed: SmoothedResult
    macro: MacroAUROC | None
    window: int
    seq_len: int
    seed: int
    units: SamplingUnits
    groups: dict[str, str]
    warning: str
    detection: Detection
    smoothed_detection: Detection
    recalls: tuple[EventRecall, ...]


def evaluate(
    predictions: Predictions, rows: EvalIndex, seed: int = 0, validation: ValidationScores | None = None
) -> EvaluationResult:
    """Evaluate a model's scores on the test split.

    Args:
        predictions: one score for each test window, in any order.
        rows: the test split.
        seed: of the bootstrap.
        validation: scores of normal validation recordings, for thresholds; None without any.

    Returns:
        Metrics of the primary score and its variant. With one class only, AUROC and average precision are None.

    Raises:
        UserError: no window, or NaN or infinite scores (names the clips).
        ValueError: predictions for other windows than those of `rows`.
    """
    frames = frame_scores(predictions, rows)
    length = f"({rows.seq_len} frames)"
    if predictions.window == 1:
        names = (("frame", "single frames"), ("averaged", f"averaged {length}"))
    else:
        names = (("online", f"online {length}"), ("window", f"window mean {length}"))
    evaluated = [rows.recordings[index] for index in frames.clip.unique().tolist()]
    groups = {recording.clip: recording.group for recording in evaluated}
    units = SamplingUnits.choose(groups)
    scored, covered = frames.select(~frames.score.isnan()), frames.select(~frames.variant.isnan())
    return EvaluationResult(
        frames=frames,
        primary=_evaluate_score(*names[0], scored.score, scored, rows, units, seed),
        variant=_evaluate_score(*names[1], covered.variant, covered, rows, units, seed),
        smoothed=SmoothedResult.of(scored),
        macro=_macro(scored, groups),
        window=predictions.window,
        seq_len=rows.seq_len,
        seed=seed,
        units=units,
        groups=groups,
        warning=equal_scores_warning(scored),
        detection=detect_events(predictions, rows, validation),
        smoothed_detection=detect_events(predictions, rows, validation, SMOOTH_SECONDS),
        recalls=event_recalls(predictions, rows),
    )


def _macro(frames: FrameScores, groups: dict[str, str]) -> MacroAUROC | None:
    """AUROC of the primary score within each group with both classes."""
    names = sorted(set(groups.values()))
    number = torch.tensor([names.index(groups[clip]) if clip in groups else -1 for clip in frames.clips])
    of_frame = number.to(frames.clip.device)[frames.clip]
    found = {}
    for index, name in enumerate(names):
        own = of_frame == index
        if len(frames.label[own].unique()) == 2:
            found[name] = auroc(frames.score[own], frames.label[own])
    return MacroAUROC.of(found)


def equal_scores_warning(frames: FrameScores) -> str:
    """Warn that half of the frames with people, or more, have the same score; empty if they do not."""
    score, clip = frames.score[~frames.empty], frames.clip[~frames.empty]
    mantissa, exponent = torch.frexp(score)
    _, number, counts = torch.unique(
        torch.ldexp(torch.round(mantissa * DIGITS), exponent), return_inverse=True, return_counts=True
    )
    equal = number == counts.argmax()
    share = float(equal.double().mean())
    if share < EQUAL_SHARE:
        return ""
    of_clip = torch.bincount(clip[equal], minlength=len(frames.clips))
    names = [frames.clips[index] for index in of_clip.argsort(descending=True, stable=True) if of_clip[index]]
    return (
        f"{share:.0%} of the test frames with people have the same score, in clip {list_names(names)}: the model's "
        "input may be empty or always the same there (skelmap check MANIFEST)"
    )


def _evaluate_score(
    name: str, title: str, score: Tensor, frames: FrameScores, rows: EvalIndex, units: SamplingUnits, seed: int
) -> ScoreResult:
    """Compute the metrics of one (F,) score of the frames."""
    unit = torch.tensor([units.index.get(clip, -1) for clip in frames.clips], device=frames.clip.device)[frames.clip]
    overall = _auroc(score, frames.label, unit, seed)
    base_rate = float(frames.label.double().mean())
    if overall.value is None:
        return ScoreResult(name, title, len(score), overall, None, base_rate, (), None, None)
    curve = Curve.build(to_numpy(score), frames.label.cpu().numpy())
    return ScoreResult(
        name=name,
        title=title,
        frames=len(score),
        auroc=overall,
        average_precision=curve.average_precision,
        base_rate=base_rate,
        actions=_evaluate_actions(score, frames, unit, seed),
        curve=curve.thinned(),
        operating_point=operating_point(
            curve, to_numpy(score), frames.clip.cpu().numpy(), frames.frame.cpu().numpy(), rows
        ),
    )


def _auroc(score: Tensor, label: Tensor, unit: Tensor, seed: int) -> AUROCResult:
    if len(torch.unique(label)) < 2:
        reason = single_class_reason(int(label.sum()), len(label))
        return AUROCResult(None, Interval(None, None, reason), reason)
    interval = auroc_interval(to_numpy(score), label.cpu().numpy(), unit.cpu().numpy(), seed)
    return AUROCResult(auroc(score, label), interval, "")


def _evaluate_actions(score: Tensor, frames: FrameScores, unit: Tensor, seed: int) -> tuple[ActionAUROC, ...]:
    """Compute the AUROC of each action with abnormal frames."""
    normal = frames.label == 0
    results = []
    for index, name in enumerate(frames.actions):
        of_action = frames.action == index
        abnormal, own_normal = of_action & ~normal, of_action & normal
        if not abnormal.any():
            continue
        against, reference = ("same action", own_normal) if own_normal.any() else ("all normal frames", normal)
        both = abnormal | reference
        result = _auroc(score[both], frames.label[both], unit[both], seed)
        results.append(ActionAUROC(name, result, int(abnormal.sum()), int(reference.sum()), against))
    return tuple(results)


def operating_point(curve: Curve, score: Floats, clip: Labels, frame: Labels, rows: EvalIndex) -> OperatingPoint:
    """Compute the alarms at the threshold that detects 80 % of the abnormal frames.

    Args:
        curve: of `score` and its labels, with both classes.
        score: (F,) scores sorted by (clip, frame); those of a clip are one sequence for the alarm rule.
        clip: (F,) index of the clip.
        frame: (F,) frame number.
        rows: the test split. All footage of its clips counts, also frames without a score.
    """
    threshold = curve.threshold_at(DETECTION_RATE)
    rule = AlarmRule(on=threshold, off=threshold)
    recordings = []
    for index, (recording, span) in enumerate(zip(rows.recordings, rows.spans, strict=True)):
        here = clip == index
        alarms = find_alarms(frame[here] / rows.fps, score[here], rule)
        recordings.append(RecordingAlarms(recording, span, rows.fps, alarms))
    return OperatingPoint(DETECTION_RATE, threshold, event_metrics(recordings))
