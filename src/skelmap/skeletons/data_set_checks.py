"""Compare the recordings of a data set: the same frames in several of them, and what only some of them have."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from skelmap.skeletons.anatomy import anatomy_faults, upright_share
from skelmap.skeletons.checks import LONG, MIN_FRAMES, Finding, reach
from skelmap.skeletons.clip import Clip
from skelmap.skeletons.manifest import EXAMPLE, SPLITS, Recording

LEAK = 0.05
"""Share of a recording's frames that are also in one of another split from which on a warning is given."""
EXCHANGED = 0.05
"""Share of short recordings with left and right exchanged from which on a warning is given; of 1,047 short recordings
of Kinect, 2 have an exchange that is an error of the estimator."""
UNUSED_IMAGE = 0.5
"""The declared size is doubted if all joints lie within this share of the width and of the height; they reach 0.8 in
real data sets."""
COMMON, RARE = 0.5, 0.01
"""Shares of the detections that have a joint, from which on it is usual, and below which it is missing."""


@dataclass(frozen=True)
class ClipSummary:
    """What the comparison of recordings needs of one.

    Attributes:
        detections: number of rows with a joint.
        joint_rate: share of the detections that have each joint, 0..1.
        upright: share of the detections with an upright trunk; NaN without trunks.
        exchanges: left and right joints that seem exchanged in this short recording; estimators err for seconds, so a
            wrong declaration shows in several recordings.
        reach: largest x and y of confident joints, as shares of the image's width and height.
    """

    detections: int
    joint_rate: dict[str, float]
    upright: float
    exchanges: Sequence[str] = ()
    reach: Sequence[float] = (0.0, 0.0)

    @classmethod
    def of(cls, clip: Clip) -> "ClipSummary":
        """Summarise a recording."""
        seen = clip.keypoints[clip.present]
        rate = (seen[..., 2] > 0).mean(axis=0) if len(seen) else np.zeros(len(clip.layout.joints))
        faults = anatomy_faults(seen, clip.layout) if MIN_FRAMES <= len(seen) < LONG else []
        exchanges = [fault.text for fault in faults if fault.is_exchange]
        rates = dict(zip(clip.layout.joints, rate.round(4).tolist(), strict=True))
        extent = (reach(seen) / clip.size).tolist() if len(seen) else (0.0, 0.0)
        return cls(len(seen), rates, upright_share(seen, clip.layout), exchanges, extent)


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


def check_data_set(
    recordings: Sequence[Recording], summaries: Sequence[ClipSummary], overlaps: Sequence[Overlap]
) -> list[Finding]:
    """Compare the recordings of a data set.

    Looks for frames in two splits or groups, joints that a split lacks, exchanged joints, people who lie in training,
    and an image that is smaller than declared.

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
        *_unused_image(recordings, summaries),
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


def _exchanges(recordings: Sequence[Recording], summaries: Sequence[ClipSummary]) -> list[Finding]:
    """Find exchanges of left and right that occur in several short recordings."""
    by_text: dict[str, list[Finding]] = {}
    for recording, summary in zip(recordings, summaries, strict=True):
        for text in summary.exchanges:
            by_text.setdefault(text, []).append(Finding(recording.clip, text))
    enough = max(2, EXCHANGED * len(recordings))
    return [finding for found in by_text.values() if len(found) >= enough for finding in found]


def _leaks(recordings: Sequence[Recording], overlaps: Sequence[Overlap]) -> list[Finding]:
    """Find detections that are also in an earlier split, in labelled examples, or in another group of the split."""
    findings = []
    order = {EXAMPLE: 0, "train": 0, "val": 1, "test": 2}
    for overlap in overlaps:
        here, there = recordings[overlap.clip], recordings[overlap.other]
        if {here.split, there.split} <= order.keys() and order[here.split] > order[there.split]:
            source = f"split {there.split} (clip {there.clip})"
            text = f"{overlap.share:.0%} of its frames are also in {source}, so {here.split} is not new"
            findings.append(Finding(here.clip, text))
        elif here.split == there.split and here.group != there.group and overlap.clip > overlap.other:
            text = f"{overlap.share:.0%} of its frames are also in clip {there.clip}, of another group of {here.split}"
            findings.append(Finding(here.clip, f"{text}, and count twice"))
    return findings


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


def _unused_image(recordings: Sequence[Recording], summaries: Sequence[ClipSummary]) -> list[Finding]:
    """Find a declared image size far larger than what the joints use."""
    chosen = [(r.clip, s) for r, s in zip(recordings, summaries, strict=True) if s.detections >= MIN_FRAMES]
    x, y = (max((s.reach[axis] for _, s in chosen), default=1.0) for axis in (0, 1))
    if max(x, y) > UNUSED_IMAGE:
        return []
    text = (
        f"the joints of all recordings lie in the left {x:.0%} and the upper {y:.0%} of their images; if these are "
        "smaller than declared, set data.pose_format.size, or `size` of the archives"
    )
    return [Finding(chosen[0][0], text)]


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
