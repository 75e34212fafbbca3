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
from skelmap.pose_estimation.labelled_videos import LabelledVideo, split_groups
from skelmap.pose_estimation.registry import open_estimator
from skelmap.pose_estimation.video import Video
from skelmap.skeletons.amounts import amount_lines, read_seconds
from skelmap.skeletons.archives import VideoOrigin, read_origin, write_clip
from skelmap.skeletons.clip import Clip, clean_keypoints
from skelmap.skeletons.manifest import COLUMNS, REQUIRED, read_manifest
from skelmap.skeletons.manifest_table import ManifestTable, read_table
from skelmap.skeletons.tracking import PeopleTracker
from skelmap.utils.errors import UserError
from skelmap.utils.io import atomic_write

MANIFEST = "manifest.csv"
EXAMPLES = "examples.csv"
"""Manifest of abnormal videos of people who are not in the test (`data.examples`)."""
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
    videos: Sequence[LabelledVideo], out: Path, estimator: str, weights: Path | None = None, split: str | None = None
) -> list[str]:
    """Write a clip for each video that has none yet, add it to a manifest, and print a line about it.

    Normal videos, and abnormal ones of groups in the test, go to manifest.csv; other abnormal videos to examples.csv.
    A clip remembers its video and pose estimator. One of the same name from another video or estimator is refused.

    Args:
        videos: with labels and groups (`find_videos`).
        out: folder of the clips and the manifests.
        estimator: name of the pose estimator.
        weights: its network file; None for the default.
        split: of all videos; None for `split_groups`.

    Returns:
        Names of the videos that failed.

    Raises:
        UserError: a clip of a video's name is of another video or estimator, or was normal before; a manifest or the
            estimator cannot be used.
    """
    lines = _manifest_lines(videos, out, split)
    missing = [video for video in videos if not (out / f"{video.name}.npz").exists()]
    for video in videos:
        if video not in missing:
            _check_origin(out / f"{video.name}.npz", video.path, estimator)
    if missing:
        open_estimator(estimator, weights).close()  # fails once, not for each video, if something is not installed
    failed = []
    with _progress_bar(disable=not missing) as progress:
        task = progress.add_task("", total=sum(_stated_frames(video.path) for video in missing))
        for name, path in ((video.name, video.path) for video in videos):
            progress.update(task, description=name)
            message = "exists already; delete its clip to extract it again"
            try:
                if not (out / f"{name}.npz").exists():
                    with closing(open_estimator(estimator, weights)) as opened:
                        extraction = extract_clip(Video(path), name, opened, lambda: progress.advance(task))
                    write_clip(out / f"{name}.npz", extraction.clip, _origin(path, estimator))
                    message = _summary(extraction)
                if name in lines:
                    _append(*lines[name])
            except UserError as error:
                failed.append(name)
                message = str(error)
            progress.console.print(Text(f"{name}: {message}", style="red" if name in failed else ""), soft_wrap=True)
    return failed


def _manifest_lines(
    videos: Sequence[LabelledVideo], out: Path, split: str | None
) -> dict[str, tuple[Path, dict[str, str]]]:
    """Make the line of each video that is in neither manifest; give the manifest and the line's cells."""
    known: dict[str, dict[str, str]] = {}
    for path in (out / EXAMPLES, out / MANIFEST):
        table = _read_manifest(path)
        lines = [dict(zip(table.columns, cells, strict=False)) for _, cells in table.lines]
        known |= {line.get("path", ""): line for line in lines}
    for video in videos:
        line = known.get(f"{video.name}.npz")
        if video.is_abnormal and line is not None and line.get("split") != "test" and not line.get("abnormal"):
            raise UserError(
                f"{video.path}: --abnormal, and {out / MANIFEST} has it as normal work of split {line.get('split')}; "
                "delete that line"
            )
    in_manifest = {cells["group"]: cells["split"] for cells in known.values() if cells.get("group")}
    fresh = [video for video in videos if f"{video.name}.npz" not in known]
    splits = {video.group: split for video in fresh} if split else split_groups(fresh, in_manifest)
    new = {}
    for video in fresh:
        cells = {"clip": video.name, "path": f"{video.name}.npz", "split": splits[video.group], "group": video.group}
        cells["abnormal"] = "all" if video.is_abnormal else ""
        new[video.name] = (out / (EXAMPLES if video.is_abnormal and cells["split"] != "test" else MANIFEST), cells)
    return new


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


def next_steps(out: Path) -> list[str]:
    """Describe what the data set in a folder has and lacks, what to complete by hand, and the command that trains.

    Raises:
        UserError: a manifest or a clip cannot be read.
    """
    manifest, examples = out / MANIFEST, out / EXAMPLES
    if not manifest.exists():
        return []
    recordings = read_manifest(manifest).recordings
    lines = amount_lines(recordings, read_seconds(recordings))
    groups = {recording.group for recording in recordings}
    if len(groups) == len(recordings) > 1:
        lines.append(
            "Each video is its own group. Put the videos of one person into one group (--group-by folder or name, or "
            "in the manifest), or the model is tested on people that it was trained on."
        )
    if any(recording.abnormal is None for recording in recordings):
        lines.append(f"In {manifest}, replace 'all' by the abnormal spans, such as 4s-8.5s, where it is not all.")
    arguments = [f"data.manifest={manifest}"]
    if examples.exists():
        lines.append(f"{examples}: abnormal videos of people who are not tested; spans as above.")
        arguments.append(f"data.examples={examples}")
    return [*lines, "Then", f"skelmap train model=feature_knn data=manifest {shlex.join(arguments)}"]


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


def _append(manifest: Path, cells: dict[str, str]) -> None:
    """Append a line to a manifest; the other lines keep their exact text."""
    table = _read_manifest(manifest)
    with atomic_write(manifest, newline="") as file:
        file.write(table.text if table.text.endswith("\n") else f"{table.text}\n")
        writer = csv.DictWriter(file, table.columns, delimiter=table.separator, lineterminator="\n")
        writer.writerow(cells)


def _read_manifest(manifest: Path) -> ManifestTable:
    """Read the table of a manifest that may be incomplete; a missing one has columns only."""
    if not manifest.exists():
        return ManifestTable(",".join(COLUMNS), ",", COLUMNS, ())
    table = read_table(manifest, COLUMNS)
    if missing := [column for column in REQUIRED if column not in table.columns]:
        raise UserError(f"{manifest}: has no column {missing[0]!r} in {','.join(table.columns)[:80]!r}")
    return table
