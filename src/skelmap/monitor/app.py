"""`skelmap monitor`: opens the model and the sources of a configuration, runs the monitor, and writes monitor.json."""

import json
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout
from omegaconf import DictConfig
from rich.table import Table

from skelmap.data.input_spec import InputSpec
from skelmap.evaluation import thresholds
from skelmap.evaluation.alarms import AlarmRule, EventMetrics, event_metrics
from skelmap.evaluation.thresholds import Threshold, ValidationScores, choose_threshold
from skelmap.monitor.alarm_hook import AlarmHook
from skelmap.monitor.camera import Camera
from skelmap.monitor.config import MonitorConfig, read_config
from skelmap.monitor.event_log import EVENTS_FILE, SCORES_FILE, EventLog
from skelmap.monitor.evidence import Evidence, Retention
from skelmap.monitor.mqtt import MQTT
from skelmap.monitor.runner import Monitor
from skelmap.monitor.scorers import NoModel, Scorer, open_scorer
from skelmap.monitor.sinks import AlarmCollector, Console, Heartbeat, Sink
from skelmap.monitor.source_checks import check_declared, check_layouts, check_options
from skelmap.monitor.source_factory import open_sources
from skelmap.monitor.sources import Source, VideoSource
from skelmap.monitor.video_writer import VideoSink
from skelmap.monitor.webhook import Webhook
from skelmap.monitor.zones import ZONES_FILE, ZoneFile
from skelmap.utils.errors import UserError
from skelmap.utils.io import atomic_write, stdout_console

if TYPE_CHECKING:
    from skelmap.monitor.web.server import WebPage

LOCK_FILE = ".monitor.lock"
RESULT_FILE = "monitor.json"
log = logging.getLogger(__name__)


def run_monitor(cfg: DictConfig) -> None:
    """Monitor a source until it ends or the program is interrupted.

    Args:
        cfg: composed from conf/monitor.yaml.

    Raises:
        UserError: the configuration, the model or the source is invalid.
    """
    config = read_config(cfg)
    output = Path(config.output)
    zones = ZoneFile(Path(config.zones) if config.zones else output / ZONES_FILE)
    scorer, threshold = _open_model(config)
    weights = Path(config.weights) if config.weights else None
    json_format = config.json_format(scorer.spec.pose_format)
    with open_sources(str(config.source), json_format, config.estimator, weights, config.follow) as sources:
        check_layouts(sources, scorer.spec)
        check_declared(sources, config.declared, scorer.spec.pose_format)
        check_options(sources, config)
        if config.name is not None:
            if len(sources) != 1:
                raise UserError(f"name={config.name}: {len(sources)} sources; allowed with one")
            sources[0].name = config.name
        with lock_output_dir(output, live=any(source.count is None for source in sources)):
            _run(config, scorer, threshold, sources, zones)
    log.info("events, scores%s: %s", " and videos" if config.save_video else "", output)


@contextmanager
def lock_output_dir(folder: Path, live: bool) -> Iterator[None]:
    """Make the output folder and lock it against other monitors.

    Args:
        folder: the output folder.
        live: whether the source is live: it continues the files of an earlier monitor, a recording does not.

    Raises:
        UserError: another monitor uses the folder, it has results of an earlier one, or it cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / LOCK_FILE)
        lock.acquire(timeout=0)
    except Timeout:
        raise UserError(f"output={folder}: another monitor writes to this folder; choose another one") from None
    except OSError as error:
        raise UserError(f"output={folder}: cannot be written ({error.strerror})") from error
    try:
        has_results = _has_lines(folder / EVENTS_FILE, 1) or _has_lines(folder / SCORES_FILE, 2)  # a header and a score
        if not live and has_results:
            raise UserError(f"output={folder}: has results of an earlier monitor; choose another folder")
        yield
    finally:
        lock.release()


def _has_lines(path: Path, count: int) -> bool:
    """Whether a file exists and has at least a number of lines."""
    if not path.exists():
        return False
    with path.open("rb") as file:
        return sum(1 for _ in zip(range(count), file, strict=False)) == count


def _threshold(config: MonitorConfig, folder: Path) -> Threshold:
    """Take the threshold of the configuration or choose one on the validation scores, and log its false alarms."""
    seconds = (config.min_seconds, config.release_seconds)
    if config.threshold is not None and not (folder / thresholds.SCORES_FILE).exists():
        log.warning("threshold %.4g: its false alarms are unknown without validation scores", config.threshold)
        return Threshold(AlarmRule(config.threshold, config.threshold, *seconds), None, 0.0)
    validation = ValidationScores.read(folder)
    if config.threshold is not None:
        rule = validation.rule(config.threshold, *seconds)
        threshold = Threshold(rule, validation.false_alarms(rule), validation.hours)
    else:
        threshold = choose_threshold(validation, config.false_alarms_per_hour, *seconds)
    low, high = threshold.interval
    log.info(
        "threshold %.4g; false alarms in %.2f h of normal validation recordings: %d (95 %%: %.2g to %.2g per hour)",
        *(threshold.rule.on, threshold.hours, threshold.false_alarms, low, high),
    )
    return threshold


def _open_model(config: MonitorConfig) -> tuple[Scorer, Threshold]:
    """Open the model and choose its threshold; without a checkpoint, a model that never raises an alarm."""
    if config.checkpoint is None:
        log.warning("checkpoint=null: only zones raise alarms")
        rule = AlarmRule(1.0, 1.0, config.min_seconds, config.release_seconds)
        return NoModel(), Threshold(rule, None, 0.0)
    folder = Path(config.checkpoint)
    scorer = open_scorer(folder, config.trust)
    return scorer, _threshold(config, folder)


def _run(
    config: MonitorConfig, scorer: Scorer, threshold: Threshold, sources: Sequence[Source], zones: ZoneFile
) -> None:
    """Run the monitor with the configured sinks, write monitor.json, and print the results."""
    output = Path(config.output)
    estimator = config.estimator if any(isinstance(source, Camera | VideoSource) for source in sources) else None
    if estimator:
        log.info("pose estimator: %s; the training recordings should use the same", estimator)
    alarms = AlarmCollector()
    sinks = [Console(), alarms, *_sinks(config, scorer.spec, threshold.rule, sources, zones)]
    monitor = Monitor(scorer, threshold.rule, sinks, config.realtime, zones)
    try:
        monitor.run(sources)
    finally:
        metrics = event_metrics(alarms.recordings) if alarms.recordings else None
        content = _summary(scorer.spec, threshold, estimator, monitor, metrics)
        if content["events"]:
            content["events"]["not_judged"] = alarms.unjudged
        with atomic_write(output / RESULT_FILE) as file:
            file.write(json.dumps(content, indent=2) + "\n")
    _print_results(monitor, metrics, alarms.unjudged)


def _sinks(
    config: MonitorConfig, spec: InputSpec, rule: AlarmRule, sources: Sequence[Source], zones: ZoneFile
) -> list[Sink]:
    """Open the sinks that write files, serve the web page and call the alarm hook."""
    output = Path(config.output)
    sinks: list[Sink] = []
    page = None
    if config.web.port is not None:
        about = [spec.title, *(["trained on simulated recordings"] if spec.simulated else [])]
        page = _open_page(output, config, rule.on, about)
        sinks.append(page)
        log.info("web page: %s", page.address)
    sinks += [EventLog(output, rule.on), Heartbeat(output, page=page.address if page else "", zones=zones.path)]
    if config.on_alarm:
        sinks.append(AlarmHook(config.on_alarm, rule.on))
    if config.evidence.seconds is not None:
        retention = Retention(config.evidence.days, config.evidence.gigabytes)
        sinks.append(Evidence(output, rule, config.evidence.seconds, retention, config.save_camera_image))
    if config.webhook:
        sinks.append(Webhook(output, config.webhook, rule.on))
    if config.mqtt.address:
        camera = sources[0].name if len(sources) == 1 else Path(str(config.source)).stem
        sinks.append(MQTT(output, config.mqtt.address, config.mqtt.topic, config.mqtt.discovery, camera, rule.on))
    if config.save_video:
        sinks.append(VideoSink(output, rule, config.save_camera_image))
    return sinks


def _open_page(output: Path, config: MonitorConfig, threshold: float, about: Sequence[str]) -> "WebPage":
    """Serve the web page.

    Raises:
        UserError: its packages are not installed, or it cannot be served there.
    """
    web = config.web
    try:
        from skelmap.monitor.web.server import WebAddress, WebPage
    except ModuleNotFoundError as error:
        raise UserError(f"web.port={web.port}: needs the packages fastapi and uvicorn ({error})") from error
    assert web.port is not None
    passwords, certificate, key = (Path(name) if name else None for name in (web.passwords, web.certificate, web.key))
    address = WebAddress(web.port, web.host, passwords, certificate, key)
    return WebPage(output, address, threshold, about, config.save_camera_image)


def _summary(
    spec: InputSpec, threshold: Threshold, estimator: str | None, monitor: Monitor, metrics: EventMetrics | None
) -> dict[str, Any]:
    """Content of monitor.json; unknown values are None."""
    median, p99 = monitor.latency()
    validation: dict[str, Any] | None = None
    if threshold.hours:
        false_alarms, interval = threshold.false_alarms, threshold.interval
        validation = {"false_alarms": false_alarms, "hours": threshold.hours, "per_hour_interval": interval}
    return {
        "input_spec": spec.plain(),
        "estimator": estimator,
        "rule": asdict(threshold.rule),
        "validation": validation,
        "latency_ms": {"median": median, "p99": p99} if median == median else None,
        "events": metrics and {**asdict(metrics), "false_alarms_per_hour": metrics.false_alarms_per_hour},
    }


def _print_results(monitor: Monitor, metrics: EventMetrics | None, unjudged: int) -> None:
    """Log the latency and print the event metrics."""
    median, p99 = monitor.latency()
    if median == median:
        log.info("latency from image to result: median %.1f ms, 99th percentile %.1f ms", median, p99)
    if metrics is None:
        return
    rate, delay = metrics.false_alarms_per_hour, metrics.median_delay
    table = Table(title="alarms against the manifest")
    cells = {
        "abnormal events": str(metrics.events),
        "detected": str(metrics.detected),
        "not judged": str(unjudged),
        "false alarms": str(metrics.false_alarms),
        "normal hours": f"{metrics.normal_hours:.3f}",
        "false alarms per hour": "–" if rate is None else f"{rate:.3g}",
        "median delay": "–" if delay is None else f"{delay:.1f} s",
    }
    for column in cells:
        table.add_column(column, justify="right")
    table.add_row(*cells.values())
    stdout_console().print(table)
