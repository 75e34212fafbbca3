"""Opens what `source=` names: recorded keypoints, a video, a camera or a folder into which OpenPose writes."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from skelmap.monitor.camera import Camera
from skelmap.monitor.followed_folder import FollowedFolder
from skelmap.monitor.sources import ClipSource, Source, VideoSource
from skelmap.pose_estimation.registry import open_estimator
from skelmap.pose_estimation.video import Video
from skelmap.skeletons.checks import check_recording, merge
from skelmap.skeletons.clip import report_steps
from skelmap.skeletons.label_checks import check_labels
from skelmap.skeletons.manifest import check_spans, read_manifest
from skelmap.skeletons.readers import PoseFormat, read_clip
from skelmap.utils.errors import UserError
from skelmap.utils.redaction import URL_ACCOUNT, redact

log = logging.getLogger(__name__)


@contextmanager
def open_sources(
    source: str, fmt: PoseFormat, estimator: str, weights: Path | None, follow: bool
) -> Iterator[list[Source]]:
    """Open the sources of a monitor; close the pose estimator at the end.

    Args:
        source: clip archive or tracked JSON file, folder of OpenPose's JSON files, manifest (its test recordings),
            video file, camera number, device (/dev/v4l/by-id/...), or camera address.
        fmt: layout, image size and frame rate, which JSON files lack.
        estimator: pose estimator of videos and cameras.
        weights: model file of the estimator; None for its default.
        follow: wait for new JSON files in a folder.

    Yields:
        The sources, in order.

    Raises:
        UserError: the source does not exist or cannot be read.
    """
    path, from_camera = Path(source), is_camera(source)
    if follow and (from_camera or not path.is_dir()):
        raise UserError(f"follow=true needs a folder of JSON files; source={redact(source)} is not a folder")
    if not from_camera and not path.exists():
        raise UserError(
            f"source={source}: no such file or folder, nor a camera's number, device or address (rtsp://...)"
        )
    if not from_camera and (path.is_dir() or path.suffix in (".csv", ".npz", ".json")):
        yield [FollowedFolder(path, fmt)] if follow else _recordings(path, fmt)
        return
    video = None if from_camera else Video(path)
    pose_estimator = open_estimator(estimator, weights)
    try:
        if video:
            yield [VideoSource(video, pose_estimator)]
        else:
            yield [Camera(source, _public_name(source), pose_estimator, fmt.fps)]
    finally:
        pose_estimator.close()


def _recordings(path: Path, fmt: PoseFormat) -> list[Source]:
    if path.suffix != ".csv":
        clip = read_clip(path, path.stem, fmt)
        check_recording(clip, path)
        report_steps([(clip.name, clip.fps, clip.step)])
        return [ClipSource(clip, is_archive=path.suffix == ".npz")]
    test = read_manifest(path, pose_format=fmt).split("test")
    if not test:
        raise UserError(f"source={path}: the manifest has no recordings of split test")
    clips = [read_clip(recording.path, recording.clip, fmt) for recording in test]
    for recording, clip in zip(test, clips, strict=True):
        check_recording(clip, recording.path)
    report_steps([(clip.name, clip.fps, clip.step) for clip in clips])
    spans = [clip.span for clip in clips]
    check_spans(path, test, spans)
    for warning in merge(check_labels(test, spans, [clip.fps for clip in clips])):
        log.warning(warning)
    return [
        ClipSource(clip, recording, is_archive=recording.path.suffix == ".npz")
        for clip, recording in zip(clips, test, strict=True)
    ]


def is_camera(source: str) -> bool:
    """Whether a source is a camera's number, address or device; the device of an unplugged camera does not exist."""
    if source.isdecimal() or "://" in source or source.startswith(("/dev/video", "/dev/v4l/")):
        return True
    try:
        return Path(source).is_char_device()
    except OSError:
        return False


def _public_name(address: str) -> str:
    """Name a camera without credentials and without the query of its address."""
    if address.isdecimal():
        return f"camera {address}"
    if "://" not in address:
        return Path(address).name
    location = URL_ACCOUNT.sub("", address).partition("://")[2].partition("?")[0]
    return redact(location).rstrip("/") or "camera"
