"""Refuse a source that does not go with the model, and options that do not go with the source."""

import logging
import math
from collections.abc import Sequence
from typing import Any

from skelmap.data.input_spec import InputSpec
from skelmap.data.keypoints import KeypointSettings
from skelmap.monitor.camera import Camera
from skelmap.monitor.config import MonitorConfig
from skelmap.monitor.sources import Source, VideoSource
from skelmap.monitor.web.access import LOOPBACK
from skelmap.pose_estimation.registry import ESTIMATORS
from skelmap.skeletons.readers import PoseFormat
from skelmap.utils.errors import UserError

RATE_TOLERANCE = 1e-3
"""Relative difference of frame rates that are taken for equal: 29.97 and 30000/1001."""
log = logging.getLogger(__name__)


def check_layouts(sources: Sequence[Source], spec: InputSpec) -> None:
    """Refuse keypoints of another layout than the model's.

    Raises:
        UserError: naming the source, its layout and the model's.
    """
    for source in sources:
        if isinstance(spec.settings, KeypointSettings) and source.layout != spec.layout:
            raise UserError(
                f"{source.name}: its keypoints are {source.layout.name}; allowed: {spec.layout.name}, as in training "
                "(models of maps allow any layout; for JSON files set pose_format.layout)"
            )


def check_declared(sources: Sequence[Source], declared: dict[str, Any], trained: PoseFormat) -> None:
    """Log the pose format of JSON sources; without any, refuse declared values that a source contradicts.

    Args:
        sources: opened.
        declared: keys of `pose_format` on the command line.
        trained: pose format of the run, which holds for what is not declared.

    Raises:
        UserError: naming the key, its value, the source and what that has.
    """
    if any(not source.stated for source in sources):
        values = []
        for key, value in trained.plain().items():
            given = declared.get(key, value)
            values.append(f"{key} {given} ({'as in training' if given == value else f'given; {value} in training'})")
        log.info("pose format of the JSON files: %s", ", ".join(values))
        return
    for source in sources:
        for key, value in declared.items():
            stated = source.stated.get(key, value)
            same = math.isclose(stated, value, rel_tol=RATE_TOLERANCE) if key == "fps" else stated == value
            if not same:
                raise UserError(
                    f"pose_format.{key}={value}: {source.name} has {stated}; leave the key out, it is for JSON files, "
                    "which do not state theirs"
                )


def check_options(sources: Sequence[Source], config: MonitorConfig) -> None:
    """Refuse options that would have no effect; warn if no recording is as long as an alarm must last.

    Raises:
        UserError: naming the option, and what it needs.
    """
    name, has_images = sources[0].name, any(isinstance(source, Camera | VideoSource) for source in sources)
    is_live = any(source.count is None for source in sources)
    shows_nothing = config.save_camera_image and not config.save_video and config.evidence.seconds is None
    images = f"needs a camera or a video; {name} has keypoints only"
    reasons = [
        (f"estimator={config.estimator}", config.estimator not in ESTIMATORS, f"allowed: {', '.join(ESTIMATORS)}"),
        (f"weights={config.weights}", config.weights is not None and not has_images, images),
        ("save_camera_image=true", config.save_camera_image and not has_images, images),
        ("save_camera_image=true", shows_nothing, "needs save_video=true or evidence.seconds"),
        (f"threshold={config.threshold}", config.threshold is not None and config.checkpoint is None, "needs a model"),
        ("realtime=true", config.realtime and is_live, f"is for recordings; {name} is live"),
        (f"web.host={config.web.host}", config.web.host not in LOOPBACK and config.web.port is None, "needs web.port"),
    ]
    for option, ignored, reason in reasons:
        if ignored:
            raise UserError(f"{option}: {reason}")
    lengths = [source.count / source.fps for source in sources if source.count is not None]
    if not is_live and max(lengths) < config.min_seconds:
        text = "min_seconds=%g: no alarm can be raised, the longest recording lasts %.3g s"
        log.warning(text, config.min_seconds, max(lengths))
