"""`skelmap monitor`: from the configuration to a watched camera."""

import json
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from filelock import FileLock, Timeout
from omegaconf import DictConfig, OmegaConf
from rich.table import Table

from skelmap.data.input_spec import InputSpec
from skelmap.data.keypoints import KeypointSettings
from skelmap.evaluation.alarms import AlarmRule, EventMetrics, event_metrics
from skelmap.evaluation.thresholds import SCORES_FILE, Threshold, ValidationScores, choose_threshold
from skelmap.monitor.alarm_hook import AlarmHook
from skelmap.monitor.camera import Camera
from skelmap.monitor.event_log import EVENTS, SCORES, EventLog
from skelmap.monitor.open_sources import open_sources
from skelmap.monitor.runner import Monitor
from skelmap.monitor.scorers import Scorer
from skelmap.monitor.sinks import AlarmCollector, Console, Heartbeat, Sink
from skelmap.monitor.sources import Source, VideoSource
from skelmap.monitor.video_writer import VideoSink
from skelmap.monitor.web import WebPage
from skelmap.skeletons.layouts import LAYOUTS
from skelmap.skeletons.readers import PoseFormat
from skelmap.training.schema import MONITOR_RULES, check_values, resolved
from skelmap.utils.errors import UserError
from skelmap.utils.io import atomic_write, stdout_console

LOCK = ".monitor.lock"


@contextmanager
def lock_output_dir(folder: Path, live: bool) -> Iterator[None]:
    """Make a folder this monitor's own until the block is over.

    Args:
        folder: made if it is not there.
        live: a camera is watched, which goes on with the files of an earlier monitor.

    Raises:
        UserError: another monitor writes there now, an earlier one has written there what recordings must not be mixed
            with, or it cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / LOCK)
        lock.acquire(timeout=0)
    except Timeout:
        raise UserError(f"output={folder}: another monitor writes there now; choose another folder") from None
    except OSError as error:
        raise UserError(f"output={folder}: cannot be written ({error.strerror})") from error
    try:
        if not live and (_lines(folder / EVENTS) > 0 or _lines(folder / SCORES) > 1):
            raise UserError(f"output={folder}: holds what an earlier monitor wrote; choose another folder")
        yield
    finally:
        lock.release()


def _lines(path: Path) -> int:
    """Count the lines of a file up to two; none where it is not there."""
    if not path.exists():
        return 0
    with path.open("rb") as file:
        return sum(1 for _, _ in zip(range(2), file, strict=False))


log = logging.getLogger(__name__)


def watch(cfg: DictConfig) -> None:
    """Watch what `source` names until it ends or is interrupted.

    Args:
        cfg: the configuration composed from conf/monitor.yaml.

    Raises:
        UserError: the configuration, the model or the source are at fault.
    """
    for key in ("checkpoint", "source"):
        if OmegaConf.is_missing(cfg, key):
            raise UserError(f"{key} is missing; skelmap monitor --help describes it")
    check_values(resolved(cfg), MONITOR_RULES)
    folder, output = Path(cfg.checkpoint), Path(cfg.output)
    scorer = open_scorer(folder)
    threshold = _threshold(cfg, folder)
    fmt = PoseFormat(LAYOUTS[cfg.json.layout], (cfg.json.size[0], cfg.json.size[1]), cfg.json.fps)
    weights = Path(cfg.weights) if cfg.weights else None
    with open_sources(str(cfg.source), fmt, cfg.estimator, weights, cfg.follow) as sources:
        _refuse(sources, scorer.eye)
        with lock_output_dir(output, live=any(source.count is None for source in sources)):
            _watch(cfg, scorer, threshold, sources)
    log.info("events, scores%s: %s", " and films" if cfg.video else "", output)


def _watch(cfg: DictConfig, scorer: Scorer, threshold: Threshold, sources: Sequence[Source]) -> None:
    """Tell everybody whom the configuration names, write monitor.json, and print how it went."""
    output, rule, alarms = Path(cfg.output), threshold.rule, AlarmCollector()
    estimator = cfg.estimator if any(isinstance(source, Camera | VideoSource) for source in sources) else None
    if estimator:
        log.info("poses come from the estimator %s; the training recordings' should, too", estimator)
    listeners: list[Sink] = [Console(), alarms]
    if cfg.page is not None:
        page = WebPage(cfg.host, cfg.page, _about(scorer), rule.on)
        listeners.append(page)
        log.info("look at %s", page.address)
    listeners += [EventLog(output, rule.on), Heartbeat(output)]
    if cfg.command:
        listeners.append(AlarmHook(list(cfg.command), rule.on))
    if cfg.video:
        listeners.append(VideoSink(output, rule, cfg.picture))
    monitor = Monitor(scorer, rule, listeners, cfg.realtime)
    try:
        monitor.run(sources)
    finally:
        figures = event_metrics(alarms.recordings) if alarms.recordings else None
        _write(output, scorer, threshold, estimator, monitor, figures)
    _print(monitor, figures)


def open_scorer(folder: Path) -> Scorer:
    """Open a run's folder, or that of an exported model, which needs no torch; either takes one thread from now on.

    Raises:
        UserError: neither, damaged, or what runs it is not installed.
    """
    if (folder / "model.onnx").exists():
        from skelmap.monitor.scorers import OnnxScorer

        return OnnxScorer.open(folder)
    try:
        from skelmap.monitor.scorers import TorchScorer
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise UserError(
            f"checkpoint={folder}: without PyTorch only the folder of an exported model (skelmap export) can be run"
        ) from error
    return TorchScorer.open(folder)


def _threshold(cfg: DictConfig, folder: Path) -> Threshold:
    """Take the threshold that was asked for, or choose one on normal validation recordings, and say what it means."""
    if cfg.threshold is not None and not (folder / SCORES_FILE).exists():
        log.warning("threshold %.4g: without normal validation recordings nobody knows its false alarms", cfg.threshold)
        return Threshold(AlarmRule(cfg.threshold, cfg.threshold, cfg.min_seconds, cfg.release_seconds), None, 0.0)
    normal = ValidationScores.read(folder)
    if cfg.threshold is not None:
        rule = normal.rule(cfg.threshold, cfg.min_seconds, cfg.release_seconds)
        threshold = Threshold(rule, normal.false_alarms(rule), normal.hours)
    else:
        threshold = choose_threshold(normal, cfg.false_alarms_per_hour, cfg.min_seconds, cfg.release_seconds)
    low, high = threshold.interval
    log.info(
        "threshold %.4g; false alarms in %.2f h of normal validation recordings: %d (95 %%: %.2g to %.2g an hour)",
        *(threshold.rule.on, threshold.hours, threshold.false_alarms, low, high),
    )
    return threshold


def _about(scorer: Scorer) -> Sequence[str]:
    return [scorer.eye.title, *(["trained on simulated work"] if scorer.eye.simulated else [])]


def _refuse(sources: Sequence[Source], eye: InputSpec) -> None:
    """Refuse what cannot work, before anything is written."""
    for source in sources:
        if isinstance(eye.settings, KeypointSettings) and source.layout != eye.layout:
            raise UserError(
                f"{source.name}: its keypoints are {source.layout.name}; allowed is {eye.layout.name}, which the model "
                "was trained on (skeleton maps would allow any; of JSON files it is json.layout)"
            )


def _write(
    output: Path,
    scorer: Scorer,
    threshold: Threshold,
    estimator: str | None,
    monitor: Monitor,
    figures: EventMetrics | None,
) -> None:
    """Write monitor.json: what was watched with, and how it went."""
    median, p99 = monitor.latency()
    content = {
        "model": scorer.eye.plain(),
        "estimator": estimator,
        "rule": asdict(threshold.rule),
        "normal_validation": {
            "false_alarms": threshold.false_alarms,
            "hours": threshold.hours,
            "per_hour_interval": threshold.interval,
        }
        if threshold.hours
        else None,
        "latency_ms": {"median": median, "p99": p99} if median == median else None,
        "events": figures and {**asdict(figures), "false_alarms_per_hour": figures.false_alarms_per_hour},
    }
    with atomic_write(output / "monitor.json") as file:
        file.write(json.dumps(content, indent=2) + "\n")


def _print(monitor: Monitor, figures: EventMetrics | None) -> None:
    median, p99 = monitor.latency()
    if median == median:
        log.info("from picture to verdict %.1f ms, 99 of 100 within %.1f ms", median, p99)
    if figures is None:
        return
    table = Table(title="alarms against the manifest")
    for column in (
        "abnormal events",
        "detected",
        "false alarms",
        "normal hours",
        "false alarms an hour",
        "median delay",
    ):
        table.add_column(column, justify="right")
    rate, delay = figures.false_alarms_per_hour, figures.median_delay
    table.add_row(
        *(str(figures.events), str(figures.detected), str(figures.false_alarms), f"{figures.normal_hours:.3f}"),
        *("–" if rate is None else f"{rate:.3g}", "–" if delay is None else f"{delay:.1f} s"),
    )
    stdout_console().print(table)
