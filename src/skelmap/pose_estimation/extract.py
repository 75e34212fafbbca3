"""Estimate poses in video files: one clip for each video, and a manifest of them (`skelmap extract`)."""

import csv
import shlex
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xxhash
from numpy.typing import NDArray
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from skelmap.pose_estimation.base import PoseEstimator
from skelmap.pose_estimation.registry import open_estimator
from skelmap.pose_estimation.video import Video
from skelmap.skeletons.archives import VideoOrigin, read_origin, write_clip
from skelmap.skeletons.clip import Clip, clean_keypoints
from skelmap.skeletons.manifest import COLUMNS, REQUIRED, read_manifest
from skelmap.skeletons.manifest_table import ManifestTable, read_table
from skelmap.skeletons.tracking import PeopleTracker
from skelmap.utils.errors import UserError
from skelmap.utils.io import atomic_write

MANIFEST = "manifest.csv"
DEFAULT_SPLITS = ("train", "val", "test", "train", "train")
"""Splits of five videos in turn."""
MIN_READ = 0.95
"""Smallest share of the stated frames that is read from an intact file; stated counts are a few frames off."""
CHUNK_BYTES = 2**20
MAX_STEP_RATIO = 2.0
"""Longest time between two frames, in median ones, without a warning about an uneven frame rate."""


@dataclass(frozen=True, eq=False)
class Extraction:
    """Poses of a video.

    Attributes:
        clip: one row for each person and frame; a frame without people is a row of zeros.
        warnings: for the user, such as an uneven frame rate.
    """

    clip: Clip
    warnings: tuple[str, ...]


def extract_videos(
    videos: Sequence[Path], out: Path, estimator: str, weights: Path | None = None, split: str | None = None
) -> list[str]:
    """Write a clip for each video that has none yet, add it to the manifest, and print a line about it.

    A clip remembers its video and pose estimator. One of the same name from another video or estimator is refused.

    Args:
        videos: video files.
        out: folder of the clips and the manifest.
        estimator: name of the pose estimator.
        weights: its network file; None for the default.
        split: of all videos; None for `DEFAULT_SPLITS` in turn.

    Returns:
        Names of the videos that failed.

    Raises:
        UserError: two videos have the same name, or a clip of that name is of another video or estimator; the manifest
            or the estimator cannot be used.
    """
    paths = _by_name(videos)
    _read_manifest(out / MANIFEST)
    missing = {name: path for name, path in paths.items() if not (out / f"{name}.npz").exists()}
    for name in paths.keys() - missing:
        _check_origin(out / f"{name}.npz", paths[name], estimator)
    if missing:
        open_estimator(estimator, weights).close()  # fails once, not for each video, if something is not installed
    failed = []
    with _progress_bar(disable=not missing) as progress:
        task = progress.add_task("", total=sum(map(_stated_frames, missing.values())))
        for name, path in paths.items():
            progress.update(task, description=name)
            message = "exists already; delete its clip to extract it again"
            try:
                if name in missing:
                    with closing(open_estimator(estimator, weights)) as opened:
                        extraction = extract_clip(Video(path), name, opened, lambda: progress.advance(task))
                    write_clip(out / f"{name}.npz", extraction.clip, _origin(path, estimator))
                    message = _summary(extraction)
                _add_to_manifest(out / MANIFEST, name, split)
            except UserError as error:
                failed.append(name)
                message = str(error)
            progress.console.print(Text(f"{name}: {message}", style="red" if name in failed else ""), soft_wrap=True)
    return failed


def extract_clip(video: Video, name: str, estimator: PoseEstimator, advance: Callable[[], None]) -> Extraction:
    """Estimate and track the people in every frame of a video.

    Args:
        video: the video; its frame numbers are the clip's.
        name: the clip's name.
        estimator: newly opened, as it may track people from frame to frame.
        advance: called after each frame.

    Raises:
        UserError: the estimator failed, or the image size is not allowed in a clip.
    """
    nobody = np.zeros((1, len(estimator.layout.joints), 3), np.float32)
    tracker = PeopleTracker()
    rows: list[NDArray[np.float32]] = []
    tracks: list[NDArray[np.int64]] = []
    seconds: list[float] = []
    for time, image in video.frames():
        people = clean_keypoints(estimator.detect(image), video.size)
        rows.append(people if len(people) else nobody)
        tracks.append(tracker.track(rows[-1]))
        seconds.append(time)
        advance()
    frame = np.repeat(np.arange(len(rows)), [len(people) for people in rows])
    keypoints, track = np.concatenate(rows), np.concatenate(tracks)
    clip = Clip.build(name, keypoints, estimator.layout, video.size, video.fps, frame, track)
    return Extraction(clip, tuple(_warnings(video, np.array(seconds))))


def next_step(manifest: Path) -> str:
    """Describe what to complete in a manifest, and the command that trains on it.

    Raises:
        UserError: the manifest is invalid.
    """
    recordings = read_manifest(manifest).recordings
    splits, groups = ({getattr(recording, key) for recording in recordings} for key in ("split", "group"))
    lines = [f"Now check {manifest}: split, group, abnormal, action."]
    lines += [f"It needs a recording of split {s}: it has none yet." for s in ("train", "test") if s not in splits]
    if len(groups) == len(recordings) > 1:
        lines.append(
            "Each video is still its own group: put the videos of one person into one group and one split, or the "
            "model is tested on people that it was trained on."
        )
    lines.append("Then")
    lines.append(f"skelmap train model=feature_knn data=manifest {shlex.quote(f'data.manifest={manifest}')}")
    return "\n".join(lines)


def _by_name(videos: Sequence[Path]) -> dict[str, Path]:
    """Name each video by its file without the suffix; refuse equal names."""
    paths: dict[str, Path] = {}
    for path in videos:
        if paths.setdefault(path.stem, path) != path:
            raise UserError(f"{paths[path.stem]} and {path} would both be clip {path.stem!r}; rename one")
    return paths


def _origin(video: Path, estimator: str) -> VideoOrigin:
    """Describe a video as the origin of a clip."""
    digest = xxhash.xxh3_128()
    try:
        with video.open("rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                digest.update(chunk)
            return VideoOrigin(str(video), file.tell(), digest.hexdigest(), estimator)
    except OSError as error:
        raise UserError(f"{video}: cannot be read ({error.strerror})") from error


def _check_origin(clip: Path, video: Path, estimator: str) -> None:
    """Refuse a clip of another video or estimator; a video may have moved, and clips made otherwise have no origin."""
    known = read_origin(clip)
    if known is None:
        return
    now = _origin(video, estimator)
    if known.digest != now.digest:
        found = f"is of {known.path} ({known.size:,} bytes), not of {now.path} ({now.size:,} bytes)"
    elif known.estimator != estimator:
        found = f"was extracted by {known.estimator}, not {estimator}"
    else:
        return
    raise UserError(f"{clip}: {found}; rename the video, choose another --out, or delete the clip")


def _progress_bar(disable: bool) -> Progress:
    name, frames = TextColumn("{task.description}", markup=False), TextColumn("frames,")
    return Progress(name, BarColumn(), MofNCompleteColumn(), frames, TimeRemainingColumn(), disable=disable)


def _stated_frames(path: Path) -> int:
    """Number of frames that a video file states; 0 for an unreadable file, which fails later with a message."""
    with suppress(UserError):
        return Video(path).count
    return 0


def _summary(extraction: Extraction) -> str:
    clip = extraction.clip
    with_people = len(set(clip.frame[clip.present].tolist()))
    return "; ".join((f"{clip.span[1]} frames, people in {with_people}", *extraction.warnings))


def _warnings(video: Video, seconds: NDArray[np.float64]) -> list[str]:
    warnings = []
    if len(seconds) < MIN_READ * video.count:
        warnings.append(f"only {len(seconds)} of the {video.count} frames that the file states could be read")
    steps = 1000 * np.diff(seconds)
    if len(steps) and steps.max() > MAX_STEP_RATIO * np.median(steps):
        warnings.append(
            f"its frames are {steps.min():.0f} to {steps.max():.0f} ms apart; the clip treats them as even, "
            f"{video.fps:.1f} per second"
        )
    return warnings


def _add_to_manifest(manifest: Path, name: str, split: str | None) -> None:
    """Append a clip to the manifest unless it has it; the other lines keep their exact text."""
    table, path = _read_manifest(manifest), f"{name}.npz"
    at = table.columns.index("path")
    if path not in [cells[at] for _, cells in table.lines if at < len(cells)]:
        default = DEFAULT_SPLITS[len(table.lines) % len(DEFAULT_SPLITS)]
        with atomic_write(manifest, newline="") as file:
            file.write(table.text if table.text.endswith("\n") else f"{table.text}\n")
            writer = csv.DictWriter(file, table.columns, delimiter=table.separator, lineterminator="\n")
            writer.writerow({"clip": name, "path": path, "split": split or default, "group": name})


def _read_manifest(manifest: Path) -> ManifestTable:
    """Read the table of a manifest that may be incomplete; a missing one has columns only."""
    if not manifest.exists():
        return ManifestTable(",".join(COLUMNS), ",", COLUMNS, ())
    table = read_table(manifest, COLUMNS)
    if missing := [column for column in REQUIRED if column not in table.columns]:
        raise UserError(f"{manifest}: has no column {missing[0]!r} in {','.join(table.columns)[:80]!r}")
    return table
