"""Data check before training: findings of every recording, with a picture of its typical frame."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.progress import track as progress

from skelmap.data.quality import left_out_warnings
from skelmap.evaluation.html_page import write_html
from skelmap.skeletons.checks import Finding, check_clip, merge
from skelmap.skeletons.clip import Clip
from skelmap.skeletons.data_set_checks import ClipSummary, check_data_set, detection_hashes, find_overlaps
from skelmap.skeletons.label_checks import check_labels
from skelmap.skeletons.layouts import Layout, neck_positions, with_neck
from skelmap.skeletons.manifest import SPLITS, Manifest, Recording, check_spans
from skelmap.skeletons.person_filter import PersonFilter
from skelmap.skeletons.readers import PoseFormat, read_clip
from skelmap.utils.errors import UserError

MAX_PICTURES = 300
"""Recordings that are drawn, those with findings first."""
COLOURS = {"right": "#c4560a", "left": "#0a62b5", "trunk": "#57606a"}


@dataclass(frozen=True)
class Joint:
    """A joint of a picture.

    Attributes:
        name: of the joint.
        x: position, px.
        y: position, px.
        colour: of its side.
        is_labelled: whether the name is written beside it; those of face and feet would overlap.
    """

    name: str
    x: float
    y: float
    colour: str
    is_labelled: bool


@dataclass(frozen=True)
class Picture:
    """The typical frame of a recording.

    Attributes:
        frame: its number.
        box: x, y, width and height of the drawn part of the image, px.
        joints: detected joints.
        limbs: pairs of detected joints.
    """

    frame: int
    box: tuple[float, float, float, float]
    joints: tuple[Joint, ...]
    limbs: tuple[tuple[Joint, Joint], ...]


@dataclass(frozen=True)
class ClipCheck:
    """What was seen in a recording.

    Attributes:
        recording: its line of the manifest.
        problems: why it cannot be used.
        warnings: findings that do not prevent its use.
        clip: its keypoints; None if it cannot be read.
        people: largest number in a frame.
        left_out: detections that are too incomplete or too small.
        missing: joints that were never detected.
        picture: None without people.
    """

    recording: Recording
    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    clip: Clip | None = None
    people: int = 0
    left_out: int = 0
    missing: tuple[str, ...] = ()
    picture: Picture | None = None


@dataclass(frozen=True)
class DataCheck:
    """What was seen in a data set.

    Attributes:
        manifest: the data set.
        clips: of every recording.
        warnings: sentences about the data set, each with the clips that it holds for.
    """

    manifest: Manifest
    clips: tuple[ClipCheck, ...]
    warnings: tuple[str, ...]

    @property
    def problems(self) -> list[str]:
        """Sentences on what prevents training."""
        return merge(Finding(check.recording.clip, text) for check in self.clips for text in check.problems)

    @property
    def drawn(self) -> list[ClipCheck]:
        """Recordings for the page, those with findings first."""
        return sorted(self.clips, key=lambda check: (not check.problems, not check.warnings))[:MAX_PICTURES]

    def minutes(self, split: str) -> float:
        """Length of all recordings of a split."""
        chosen = (check.clip for check in self.clips if check.recording.split == split)
        return sum((clip.span[1] - clip.span[0]) / clip.fps for clip in chosen if clip) / 60


def check_data(manifest: Manifest, pose_format: PoseFormat, person_filter: PersonFilter) -> DataCheck:
    """Read and check every recording of a manifest.

    Args:
        manifest: the data set.
        pose_format: of JSON recordings.
        person_filter: which detections count as people.
    """
    clips = [
        _check_recording(manifest.path, recording, pose_format, person_filter)
        for recording in progress(manifest.recordings, "checking", transient=True)
    ]
    read = [(check.recording, check.clip) for check in clips if check.clip]
    overlaps = find_overlaps([detection_hashes(clip) for _, clip in read])
    summaries = [ClipSummary.of(clip) for _, clip in read]
    recordings = [recording for recording, _ in read]
    findings = [
        *(Finding(check.recording.clip, text) for check in clips for text in check.warnings),
        *check_data_set(recordings, summaries, overlaps),
        *check_labels(recordings, [clip.span for _, clip in read], [clip.fps for _, clip in read]),
    ]
    left_out = left_out_warnings([check.left_out for check in clips], manifest.recordings)
    return DataCheck(manifest, tuple(clips), (*merge(findings), *left_out))


def _check_recording(
    manifest: Path, recording: Recording, pose_format: PoseFormat, person_filter: PersonFilter
) -> ClipCheck:
    try:
        clip = read_clip(recording.path, recording.clip, pose_format)
    except UserError as error:
        return ClipCheck(recording, (str(error),))
    findings = check_clip(clip)
    problems = [finding.text for finding in findings if finding.refused]
    try:
        check_spans(manifest, [recording], [clip.span])
    except UserError as error:
        problems.append(str(error))
    rate = ClipSummary.of(clip).joint_rate
    kept = person_filter.keep(clip.keypoints, clip.layout, clip.size)
    return ClipCheck(
        recording,
        problems=tuple(problems),
        warnings=tuple(finding.text for finding in findings if not finding.refused),
        clip=clip,
        people=int(np.unique(clip.frame[clip.present], return_counts=True)[1].max(initial=0)),
        left_out=int(np.count_nonzero(clip.present & ~kept)),
        missing=tuple(joint for joint, share in rate.items() if not share),
        picture=_picture(clip),
    )


def _picture(clip: Clip) -> Picture | None:
    """Draw the frame whose posture is nearest to the median of those with the most joints."""
    rows = np.flatnonzero(clip.present)
    if not len(rows):
        return None
    keypoints = clip.keypoints[rows]
    row = _typical(keypoints, clip.layout)
    points = with_neck(keypoints[row : row + 1], clip.layout)[0]
    names = (*clip.layout.joints, "neck")[: clip.layout.joints_with_neck]
    joints = {
        i: Joint(name, float(x), float(y), COLOURS[part], i in clip.layout.body)
        for i, (name, part, (x, y, seen)) in enumerate(zip(names, clip.layout.joint_parts, points, strict=True))
        if seen > 0
    }
    limbs = tuple((joints[a], joints[b]) for a, b in clip.layout.limbs if a in joints and b in joints)
    places = points[points[:, 2] > 0, :2]
    low, high = places.min(axis=0), places.max(axis=0)
    margin = 0.25 * max(float((high - low).max()), 1.0)
    width, height = (high - low + 2 * margin).tolist()
    x, y = (low - margin).tolist()
    return Picture(int(clip.frame[rows[row]]), (x, y, width, height), tuple(joints.values()), limbs)


def _typical(keypoints: NDArray[np.float32], layout: Layout) -> int:
    """Row of the most usual posture among those with the most joints."""
    count = (keypoints[..., 2] > 0).sum(axis=1)
    full = np.flatnonzero(count >= np.quantile(count, 0.75))
    places = keypoints[full, :, :2] - neck_positions(keypoints[full], layout)[:, None]
    places[keypoints[full, :, 2] <= 0] = np.nan
    known = ~np.isnan(places).all(axis=(0, 2))
    distance = np.abs(places[:, known] - np.nanmedian(places[:, known], axis=0))
    return int(full[np.argmin(np.nanmean(distance, axis=(1, 2)))])


def write_page(path: Path, check: DataCheck) -> None:
    """Write the check as one HTML page.

    Raises:
        UserError: the page cannot be written.
    """
    write_html(path, "evaluation/data_check.html.j2", check=check, splits=SPLITS, more=len(check.clips) - MAX_PICTURES)


def summary_lines(check: DataCheck) -> Sequence[str]:
    """Lines for the terminal: minutes and groups of each split, then warnings and problems."""
    lines = []
    for split in SPLITS:
        recordings = check.manifest.split(split)
        groups = len({recording.group for recording in recordings})
        lines.append(f"{split:5}  {len(recordings)} clips of {groups} groups, {check.minutes(split):.1f} minutes")
    lines += [f"warning: {text}" for text in check.warnings]
    lines += [f"problem: {text}" for text in check.problems]
    if not check.warnings and not check.problems:
        lines.append("no findings")
    return lines
