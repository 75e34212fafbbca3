"""What `source=` may be."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from skelmap.monitor.camera import Camera
from skelmap.monitor.sources import ClipSource, FollowedFolder, Source, VideoSource
from skelmap.pose_estimation.registry import open_estimator
from skelmap.pose_estimation.video import Video
from skelmap.skeletons.manifest import check_spans, read_manifest
from skelmap.skeletons.readers import PoseFormat, read_clip
from skelmap.utils.errors import UserError
from skelmap.utils.redaction import ACCOUNT, redacted


@contextmanager
def open_sources(
    source: str, fmt: PoseFormat, estimator: str, weights: Path | None, follow: bool
) -> Iterator[list[Source]]:
    """Open what is to be watched, and close what it needs.

    Args:
        source: a clip archive or tracked JSON file, a folder of OpenPose's JSON, a manifest (its test recordings), a
            video file, the number of a camera, or its address.
        fmt: what JSON does not say.
        estimator: finds people in pictures.
        weights: of the estimator, where it has none of its own.
        follow: wait for more in a folder of JSON files.

    Yields:
        The sources, in order.

    Raises:
        UserError: there is no such source, or it cannot be read.
    """
    path = Path(source)
    camera = source.isdecimal() or "://" in source
    if follow and (camera or not path.is_dir()):
        raise UserError("follow=true waits for more files in a folder; this source is not one")
    if not camera and not path.exists():
        raise UserError(f"source={source}: no such file or folder, nor a camera's number or address (rtsp://...)")
    if not camera and (path.is_dir() or path.suffix in (".csv", ".npz", ".json")):
        yield [FollowedFolder(path, fmt)] if follow else _recordings(path, fmt)
        return
    video = None if camera else Video(path)
    finder = open_estimator(estimator, weights)
    try:
        yield [VideoSource(video, finder) if video else Camera(source, _public_name(source), finder, fmt.fps)]
    finally:
        finder.close()


def _recordings(path: Path, fmt: PoseFormat) -> list[Source]:
    if path.suffix != ".csv":
        return [ClipSource(read_clip(path, path.stem, fmt))]
    test = read_manifest(path).split("test")
    if not test:
        raise UserError(f"source={path}: has no recordings of split test, which are what is watched")
    clips = [read_clip(r.path, r.clip, fmt) for r in test]
    check_spans(path, test, [clip.span for clip in clips])
    return [ClipSource(clip, recording) for clip, recording in zip(clips, test, strict=True)]


def _public_name(address: str) -> str:
    """Name a camera without what is secret in its address."""
    if address.isdecimal():
        return f"camera {address}"
    place = ACCOUNT.sub("", address).partition("://")[2].partition("?")[0]
    return redacted(place).rstrip("/") or "camera"
