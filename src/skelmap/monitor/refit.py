"""`skelmap refit`: trains a run again with reviewed alarms, into a new run folder."""

import json
import logging
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from rich.table import Table

from skelmap.evaluation.thresholds import Threshold, ValidationScores, choose_threshold
from skelmap.monitor.scorers import Scorer, open_scorer
from skelmap.monitor.sources import ClipSource
from skelmap.monitor.stream import StreamDetector
from skelmap.monitor.web.cameras import CameraFolder, Cameras
from skelmap.skeletons.archives import read_archive, write_clip
from skelmap.skeletons.manifest import Recording, read_manifest, write_manifest
from skelmap.utils.config_files import config_dir
from skelmap.utils.errors import UserError
from skelmap.utils.io import atomic_write, read_json_object, read_yaml, stdout_console
from skelmap.utils.names import flatten, safe_filename

REVIEWS_FOLDER = "reviews"
"""Folder of the new run with the clips of the reviewed alarms and examples.csv."""
REPORT_FILE = "refit.json"
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ReviewedAlarm:
    """Alarm that was marked right or false.

    Attributes:
        name: of its camera and itself, unique.
        clip: archive of its person around the alarm.
        right: whether it shows an unusual action; otherwise normal work.
        start: seconds of the stream at which the first window with a high score ended.
        end: of the last one.
    """

    name: str
    clip: Path
    right: bool
    start: float
    end: float


@dataclass(frozen=True)
class RunFigures:
    """What a run would do with the reviewed alarms.

    Attributes:
        threshold: chosen on its validation recordings.
        validation_false_alarms: alarms that this threshold raises there.
        validation_hours: length of these recordings.
        right_raised: alarms marked right that are raised.
        false_raised: alarms marked false that are raised.
        test_per_hour: of the thresholds in the run's report the false-alarm rate nearest to the wanted one.
        test_events: abnormal events of the test split; None without any.
        test_detected: those found at the threshold of this rate.
        test_false_alarms: false alarms in the test split at this threshold.
    """

    threshold: float
    validation_false_alarms: int | None
    validation_hours: float
    right_raised: int
    false_raised: int
    test_per_hour: float | None
    test_events: int | None
    test_detected: int | None
    test_false_alarms: int | None


def refit(run: Path, reviews: Path, out: Path, per_hour: float, trust: Sequence[str] = ()) -> None:
    """Train a run again with reviewed alarms, and print what changes.

    Alarms marked false join the normal training windows; those marked right are abnormal examples. `run` stays as it
    is.

    Args:
        run: folder of a finished run.
        reviews: output folder of a monitor, or the shared one of several.
        out: folder of the new run.
        per_hour: false alarms per hour for which both thresholds are chosen.
        trust: packages whose classes the run's configuration may name.

    Raises:
        UserError: a folder cannot be used, there is no reviewed alarm, or its model does not learn from examples.
    """
    out = out.absolute()
    config = read_yaml(run / "config.yaml")
    is_unfinished = (out / REVIEWS_FOLDER).is_dir() and not (out / "metrics.json").exists()
    if out.exists() and any(out.iterdir()) and not is_unfinished:
        raise UserError(f"--out {out}: is not empty; refit writes a new run and overwrites nothing")
    choose_threshold(ValidationScores.read(run), per_hour)  # fails before the training
    scorer = open_scorer(run, trust)  # refuses classes that are not trusted, and folders that are no run
    window = scorer.spec.window / scorer.spec.fps
    alarms = list(read_reviews(Cameras(reviews)))
    if not alarms:
        raise UserError(f"--reviews {reviews}: no alarm there is marked right or false and still has its clip")
    examples = write_examples(out / REVIEWS_FOLDER, alarms, window, config["data"].get("examples"))
    config["data"]["examples"] = str(examples)
    _train({**config, "train": True, "ckpt_path": None}, run, out, trust)
    runs = {"before": (run, scorer), "after": (out, open_scorer(out, trust))}
    figures = {name: _figures(*one, per_hour, alarms) for name, one in runs.items()}
    with atomic_write(out / REPORT_FILE) as file:
        content = {name: asdict(figure) for name, figure in figures.items()}
        file.write(json.dumps({"run": str(run), "alarms": len(alarms), **content}, indent=2) + "\n")
    _print(figures["before"], figures["after"], alarms, per_hour)


def read_reviews(cameras: Cameras) -> Iterator[ReviewedAlarm]:
    """Yield the alarms that are marked right or false; log those whose clip is gone.

    Args:
        cameras: whose alarms are read.
    """
    gone = []
    for camera in cameras.all():
        for alarm in camera.alarms.alarms(limit=-1):
            if alarm["verdict"] not in ("right", "false") or alarm.get("zone"):
                continue
            clip = camera.evidence(alarm["id"]).get("clip")
            if clip is None:
                gone.append(alarm["id"])
                continue
            yield ReviewedAlarm(
                _name(camera, alarm["id"]), clip, alarm["verdict"] == "right", alarm["start"], alarm["end"]
            )
    if gone:
        log.warning(
            "%d reviewed alarms have no clip any more (evidence.days, evidence.gigabytes): %s", len(gone), gone[0]
        )


def write_examples(folder: Path, alarms: Sequence[ReviewedAlarm], window: float, earlier: str | None) -> Path:
    """Copy the clips of reviewed alarms, and list them after the examples that the run had already.

    Args:
        folder: for the copies and examples.csv.
        alarms: reviewed.
        window: length of the model's window, seconds.
        earlier: the run's `data.examples`.

    Returns:
        Path of examples.csv.
    """
    recordings = list(read_manifest(Path(earlier), is_dealt=True).recordings) if earlier else []
    folder.mkdir(parents=True, exist_ok=True)
    for alarm in alarms:
        path, clip = folder / f"{alarm.name}.npz", read_archive(alarm.clip, alarm.name)
        if alarm.right:  # only the windows with high scores: what was around them, nobody has confirmed
            first, last = (alarm.start - window) * clip.fps, alarm.end * clip.fps
            rows = (clip.frame > first) & (clip.frame <= last + 0.5)
            clip = replace(clip, keypoints=clip.keypoints[rows], frame=clip.frame[rows], track=clip.track[rows])
        write_clip(path, clip)
        recordings.append(Recording(alarm.name, path, "train", alarm.name, None if alarm.right else ()))
    write_manifest(folder / "examples.csv", recordings)
    return folder / "examples.csv"


def _name(camera: CameraFolder, identity: str) -> str:
    return safe_filename(f"{camera.name}_{identity}")


def _train(config: dict[str, Any], old: Path, new: Path, trust: Sequence[str]) -> None:
    """Train with a configuration in another folder.

    Raises:
        UserError: the configuration names a class that neither conf/ names nor a trusted package has, or its data
            cannot be read.
    """
    known = set(re.findall(r"_target_: *([\w.]+)", "".join(p.read_text() for p in config_dir().rglob("*.yaml"))))
    for key, value in flatten(config).items():
        is_trusted = str(value).partition(".")[0] in trust
        if key.endswith("_target_") and value not in known and not is_trusted:
            raise UserError(f"{old / 'config.yaml'}: {key}={value}; allowed: classes of conf/ and of --trust PACKAGE")
        if "${" in str(value):
            raise UserError(f"{old / 'config.yaml'}: {key}={value}: interpolations are not allowed")
    from skelmap.training.run import run as train

    former = str(config["paths"]["output_dir"])
    train(OmegaConf.create(_moved(config, former, str(new.absolute()))))


def _moved(tree: Any, old: str, new: str) -> Any:
    """Replace a folder at the start of the strings in nested plain values."""
    if isinstance(tree, dict):
        return {key: _moved(value, old, new) for key, value in tree.items()}
    if isinstance(tree, list):
        return [_moved(value, old, new) for value in tree]
    is_inside = isinstance(tree, str) and (tree == old or tree.startswith(f"{old}/"))
    return new + tree[len(old) :] if is_inside else tree


def _figures(run: Path, scorer: Scorer, per_hour: float, alarms: Sequence[ReviewedAlarm]) -> RunFigures:
    threshold = choose_threshold(ValidationScores.read(run), per_hour)
    raised = {alarm.name: _is_raised(scorer, threshold, alarm) for alarm in alarms}
    found = read_json_object(run / "metrics.json").get("alarms") or [{}]
    metrics = min(found, key=lambda entry: abs(entry.get("nominal_per_hour", per_hour) - per_hour))
    return RunFigures(
        threshold.rule.on,
        threshold.false_alarms,
        threshold.hours,
        sum(raised[alarm.name] for alarm in alarms if alarm.right),
        sum(raised[alarm.name] for alarm in alarms if not alarm.right),
        *(metrics.get(key) for key in ("nominal_per_hour", "events", "detected", "false_alarms")),
    )


def _is_raised(scorer: Scorer, threshold: Threshold, alarm: ReviewedAlarm) -> bool:
    """Whether a model raises an alarm in the kept clip of an alarm."""
    clip = read_archive(alarm.clip, alarm.name)
    detector = StreamDetector(scorer, threshold.rule, clip.layout, clip.frame_rate)
    return any(detector.update(frame).events for frame in ClipSource(clip))


def _print(before: RunFigures, after: RunFigures, alarms: Sequence[ReviewedAlarm], per_hour: float) -> None:
    right = sum(alarm.right for alarm in alarms)
    table = Table(
        title=f"reviewed alarms: {right} right, {len(alarms) - right} false; {per_hour:g} false alarms per hour"
    )
    for column in ("", "before", "after"):
        table.add_column(column, justify="right" if column else "left")
    rows = {
        "threshold, chosen on validation people": "threshold",
        f"alarms in {before.validation_hours:.2g} h of their normal work": "validation_false_alarms",
        f"of {right} right alarms, raised again": "right_raised",
        f"of {len(alarms) - right} false alarms, raised again": "false_raised",
        f"test recordings, {before.test_per_hour} per hour: of {before.test_events} events, found": "test_detected",
        f"test recordings, {before.test_per_hour} per hour: false alarms": "test_false_alarms",
    }
    for title, name in rows.items():
        values = [getattr(figures, name) for figures in (before, after)]
        if None not in values:
            table.add_row(title, *(f"{value:.4g}" for value in values))
    stdout_console().print(table)
    print("The reviewed alarms are training data now: that they are raised or not shows little about new ones.")
