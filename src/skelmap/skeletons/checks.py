"""Hold what was declared about recordings against their keypoints.

`check_clip` looks at one recording, `check_data_set` at all of them together. Findings that make every result wrong
refuse the data; the others are warnings, in the terminal, the report and metrics.json.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from skelmap.skeletons.anatomy import anatomy_faults, upright_share
from skelmap.skeletons.clip import Clip
from skelmap.skeletons.manifest import EXAMPLE, SPLITS, Recording
from skelmap.utils.errors import UserError
from skelmap.utils.names import list_names

CHECKS_VERSION = 3
"""Raised whenever the same recordings give other findings, so that caches are built anew."""
CONFIDENT = 0.5
"""Pose estimators guess joints outside the image with less confidence than this."""
MARGIN = 0.05
"""A joint this far outside the image, in image sizes, may be a detector's error."""
REFUSED_OUTSIDE, WARNED_OUTSIDE = 0.1, 0.02
"""Shares of the joints outside the image from which on a recording is refused, or a warning given."""
NORMALIZED = 2.0
"""Coordinates all below this are not pixels."""
REPEATED, FROZEN = 0.3, 0.95
"""Share of frames equal to the one before from which on the frame rate, or the camera, is doubted; 0.15 of a
real data set is known."""
LEAK = 0.05
"""Share of a recording's frames that are also in one of another split from which on a warning is given."""
EXCHANGED = 0.05
"""Share of short recordings with left and right exchanged from which on a warning is given; of 1,047 short recordings
of Kinect, 2 have an exchange that is an error of the estimator."""
LONG = 300
"""Detections from which on one recording alone shows an exchange."""
MIN_FRAMES = 10
"""Frames with people from which on a recording is judged."""
SIZES = ((640, 480), (1280, 720), (1920, 1080), (2560, 1440), (3840, 2160))
"""Usual image sizes, to suggest one."""
COMMON, RARE = 0.5, 0.01
"""Shares of the detections that have a joint, from which on it is usual, and below which it is missing."""
NAMED_CLIPS = 3
"""Clips that a finding names."""


@dataclass(frozen=True)
class Finding:
    """A contradiction between what was declared and what was seen.

    Attributes:
        clip: the recording; in findings of a data set, the first of them.
        text: what was seen, and what to do.
        refused: whether results would be wrong; False for a warning.
    """

    clip: str
    text: str
    refused: bool = False

    def __str__(self) -> str:
        return f"{self.clip}: {self.text}"


@dataclass(frozen=True)
class ClipSummary:
    """What the comparison of recordings needs of one.

    Attributes:
        detections: number of rows with a joint.
        joint_rate: share of the detections that have each joint, 0..1.
        upright: share of the detections with an upright trunk; NaN without trunks.
        exchanges: left and right joints that seem exchanged in this short recording; estimators err for seconds, so a
            wrong declaration shows in several recordings.
    """

    detections: int
    joint_rate: dict[str, float]
    upright: float
    exchanges: Sequence[str] = ()

    @classmethod
    def of(cls, clip: Clip) -> "ClipSummary":
        """Summarise a recording."""
        seen = clip.keypoints[clip.present]
        rate = (seen[..., 2] > 0).mean(axis=0) if len(seen) else np.zeros(len(clip.layout.joints))
        faults = anatomy_faults(seen, clip.layout) if MIN_FRAMES <= len(seen) < LONG else []
        exchanges = [fault.text for fault in faults if fault.is_exchange]
        rates = dict(zip(clip.layout.joints, rate.round(4).tolist(), strict=True))
        return cls(len(seen), rates, upright_share(seen, clip.layout), exchanges)


class Overlap(NamedTuple):
    """Detections that are also in another recording.

    Attributes:
        clip: number of the recording.
        other: number of the other one.
        share: of the detections of `clip` that are in `other`.
    """

    clip: int
    other: int
    share: float


def check_clip(clip: Clip) -> list[Finding]:
    """Check the keypoints of a recording against its declared image size, joint order and frame rate.

    Args:
        clip: as it was read, not resampled.

    Returns:
        The findings, the refused ones first; none for a recording with fewer than 10 detections.
    """
    seen = clip.keypoints[clip.present]
    if len(seen) < MIN_FRAMES:
        return []
    refused = _normalized(seen) or _outside(clip, seen)
    if refused:
        return [Finding(clip.name, *refused)]
    faults = anatomy_faults(seen, clip.layout)
    texts = [fault.text for fault in faults if not fault.is_exchange or len(seen) >= LONG] + _repeated(clip)
    return [Finding(clip.name, text) for text in texts]


def check_recording(clip: Clip, path: Path) -> list[Finding]:
    """Check a recording before it is used.

    Args:
        clip: as it was read.
        path: of its file or folder, for the message.

    Returns:
        The warnings.

    Raises:
        UserError: its image size or its coordinates contradict what was declared.
    """
    findings = check_clip(clip)
    for finding in findings:
        if finding.refused:
            raise UserError(f"{path}: clip {finding}")
    return findings


def check_data_set(
    recordings: Sequence[Recording], summaries: Sequence[ClipSummary], overlaps: Sequence[Overlap]
) -> list[Finding]:
    """Compare the recordings of a data set: frames in two splits, joints that a split lacks, exchanged joints.

    Args:
        recordings: of the manifest.
        summaries: of the same recordings.
        overlaps: of the same recordings (`find_overlaps`).
    """
    return [
        *_lying(recordings, summaries),
        *_exchanges(recordings, summaries),
        *_leaks(recordings, overlaps),
        *_missing_joints(recordings, summaries),
    ]


def find_overlaps(hashes: Sequence[NDArray[np.uint64]]) -> list[Overlap]:
    """Find pairs of recordings that share detections.

    Args:
        hashes: of each recording (`detection_hashes`).

    Returns:
        Both directions of each pair whose share is at least 5 %.
    """
    own = [np.unique(values, return_counts=True) for values in hashes]
    clip = np.repeat(np.arange(len(own)), [len(values) for values, _ in own])
    value = np.concatenate([values for values, _ in own]) if own else np.zeros(0, np.uint64)
    order = np.argsort(value, kind="stable")
    clip, value = clip[order], value[order]
    is_shared = np.zeros(len(value), bool)
    is_shared[1:] = value[1:] == value[:-1]
    starts = np.flatnonzero(is_shared & ~np.roll(is_shared, 1)) - 1
    counts: Counter[tuple[int, int]] = Counter()
    for start in starts.tolist():
        stop = start + 1
        while stop < len(value) and is_shared[stop]:
            stop += 1
        counts.update(permutations(clip[start:stop].tolist(), 2))
    shares = (Overlap(a, b, count / len(own[a][0])) for (a, b), count in counts.items())
    return [overlap for overlap in shares if overlap.share >= LEAK]


def detection_hashes(clip: Clip) -> NDArray[np.uint64]:
    """Hash the detections of a recording, (rows,) uint64: sums of the bits of their numbers, times random factors."""
    seen = np.ascontiguousarray(clip.keypoints[clip.present])
    bits = seen.reshape(len(seen), seen.shape[1] * seen.shape[2]).view(np.uint32).astype(np.uint64)
    factors = np.random.default_rng(0).integers(2**63, size=bits.shape[1], dtype=np.uint64) | np.uint64(1)
    hashes: NDArray[np.uint64] = (bits * factors).sum(axis=1, dtype=np.uint64)
    return hashes


def merge(findings: Iterable[Finding]) -> list[str]:
    """Sentences for a report: one for each text, with the clips that it holds for."""
    clips: dict[str, list[str]] = {}
    for finding in findings:
        clips.setdefault(finding.text, []).append(finding.clip)
    return [f"{list_names(names, NAMED_CLIPS)}: {text}" for text, names in clips.items()]


def _normalized(seen: NDArray[np.float32]) -> tuple[str, bool] | None:
    detected = seen[..., 2] > 0
    largest = np.abs(seen[detected][:, :2]).max()
    if largest > NORMALIZED:
        return None
    low = seen[detected][:, :2].min()
    scale = "-1..1" if low < 0 else "0..1"
    return (
        f"coordinates lie between {low:.3g} and {largest:.3g}, so they are not pixels but shares of the image; set "
        f"data.pose_format.coordinates={scale} (commands: --coordinates), or multiply x by the image's width and y by "
        "its height"
    ), True


def _outside(clip: Clip, seen: NDArray[np.float32]) -> tuple[str, bool] | None:
    """Compare the coordinates with the size of the image."""
    size = np.array(clip.size)
    points = seen[seen[..., 2] >= min(CONFIDENT, float(seen[..., 2].max()))][:, :2]
    beyond = (points < -MARGIN * size) | (points > (1 + MARGIN) * size)
    share = float(beyond.any(axis=1).mean())
    if share < WARNED_OUTSIDE:
        return None
    x, y = np.quantile(points, 0.999, axis=0)
    fitting = next((f"[{w},{h}]" for w, h in SIZES if x <= w * (1 + MARGIN) and y <= h * (1 + MARGIN)), "[W,H]")
    return (
        f"{share:.0%} of the joints lie outside the image of {clip.size[0]}x{clip.size[1]} px that was declared; they "
        f"reach x={x:.0f}, y={y:.0f}; set data.pose_format.size={fitting} (monitor: pose_format.size, commands: "
        "--size), or `size` of the archive"
    ), share >= REFUSED_OUTSIDE


def _repeated(clip: Clip) -> list[str]:
    """Look for frames that were copied to reach a frame rate."""
    same_track = (np.diff(clip.track) == 0) & clip.present[1:] & clip.present[:-1]
    equal = (clip.keypoints[1:] == clip.keypoints[:-1]).all(axis=(1, 2)) & same_track
    share = float(equal.sum() / max(same_track.sum(), 1))
    if share < REPEATED:
        return []
    if share > FROZEN:
        return [f"{share:.0%} of the frames repeat the one before: the recording or camera stands still"]
    stated, true = clip.frame_rate, clip.frame_rate * (1 - share)
    return [f"{share:.0%} of the frames repeat the one before: the frame rate is about {true:.3g}, not {stated:g}"]


def _lying(recordings: Sequence[Recording], summaries: Sequence[ClipSummary]) -> list[Finding]:
    """Find training people who lie most of the time; in test recordings they may have fallen."""
    known = [
        (r.clip, s) for r, s in zip(recordings, summaries, strict=True) if r.split == "train" and s.upright == s.upright
    ]
    detections = sum(s.detections for _, s in known)
    upright = sum(s.upright * s.detections for _, s in known)
    if upright >= detections / 2:
        return []
    share = 1 - upright / detections
    text = f"people lie in {share:.0%} of the training detections: are x and y exchanged, or is the camera turned?"
    return [Finding(known[0][0], text)]


def _exchanges(recordings: Sequence[Recording], summaries: Sequence[ClipSummary]) -> list[Finding]:
    """Find exchanges of left and right that occur in several short recordings."""
    by_text: dict[str, list[Finding]] = {}
    for recording, summary in zip(recordings, summaries, strict=True):
        for text in summary.exchanges:
            by_text.setdefault(text, []).append(Finding(recording.clip, text))
    enough = max(2, EXCHANGED * len(recordings))
    return [finding for found in by_text.values() if len(found) >= enough for finding in found]


def _leaks(recordings: Sequence[Recording], overlaps: Sequence[Overlap]) -> list[Finding]:
    """Find detections of validation and test recordings that are also in an earlier split or in labelled examples."""
    findings = []
    order = {EXAMPLE: 0, "train": 0, "val": 1, "test": 2}
    for overlap in overlaps:
        here, there = recordings[overlap.clip], recordings[overlap.other]
        if {here.split, there.split} <= order.keys() and order[here.split] > order[there.split]:
            source = f"split {there.split} (clip {there.clip})"
            text = f"{overlap.share:.0%} of its frames are also in {source}, so {here.split} is not new"
            findings.append(Finding(here.clip, text))
    return findings


def _missing_joints(recordings: Sequence[Recording], summaries: Sequence[ClipSummary]) -> list[Finding]:
    """Find joints that a split lacks and training has, which is another camera or detector."""
    rates: dict[str, dict[str, float]] = {}
    for split in SPLITS:
        chosen = [s for r, s in zip(recordings, summaries, strict=True) if r.split == split and s.detections]
        detections = sum(s.detections for s in chosen)
        names = sorted({joint for s in chosen for joint in s.joint_rate})
        rates[split] = {j: sum(s.joint_rate.get(j, 0) * s.detections for s in chosen) / detections for j in names}
    findings = []
    for split in SPLITS[1:]:
        here = rates[split]
        lost = [j for j, rate in rates["train"].items() if rate > COMMON and here.get(j, 1) < RARE]
        new = [j for j, rate in rates["train"].items() if rate < RARE and here.get(j, 0) > COMMON]
        first = next((r.clip for r in recordings if r.split == split), "")
        for joints, which in ((lost, "train"), (new, split)):
            if joints:
                text = f"of train and {split}, only {which} has {', '.join(joints)}: another pose estimator or camera?"
                findings.append(Finding(first, text))
    return findings
