"""Hold what was declared about a recording against its keypoints.

Findings that make every result wrong refuse the data; the others are warnings, in the terminal, the report and
metrics.json.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from skelmap.skeletons.anatomy import anatomy_faults
from skelmap.skeletons.clip import Clip
from skelmap.utils.errors import UserError
from skelmap.utils.names import list_names

CHECKS_VERSION = 5
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
LONG = 300
"""Detections from which on one recording alone shows an exchange."""
MIN_FRAMES = 10
"""Frames with people from which on a recording is judged."""
SLOWEST = 1.0
"""Frames per second below which a rate is doubted: it may be seconds per frame, or the frame numbers milliseconds."""
SIZES = ((640, 480), (1280, 720), (1920, 1080), (2560, 1440), (3840, 2160))
"""Usual image sizes, to suggest one."""
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


def check_clip(clip: Clip) -> list[Finding]:
    """Check the keypoints of a recording against its declared image size, joint order and frame rate.

    Args:
        clip: as it was read, not resampled.

    Returns:
        The findings, the refused ones first; of a recording with fewer than 10 detections, only that it has none.
    """
    seen = clip.keypoints[clip.present]
    if not len(seen):
        return [Finding(clip.name, "nobody is in it: no joint has a place and a confidence above 0")]
    if len(seen) < MIN_FRAMES:
        return []
    refused = _normalized(seen) or _outside(clip, seen)
    if refused:
        return [Finding(clip.name, *refused)]
    faults = anatomy_faults(seen, clip.layout)
    texts = [fault.text for fault in faults if not fault.is_exchange or len(seen) >= LONG]
    return [Finding(clip.name, text) for text in (*texts, *_repeated(clip), *_slow(clip))]


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
    points = _confident(seen)
    beyond = (points < -MARGIN * size) | (points > (1 + MARGIN) * size)
    share = float(beyond.any(axis=1).mean())
    if share < WARNED_OUTSIDE:
        return None
    x, y = reach(seen)
    fitting = next((f"[{w},{h}]" for w, h in SIZES if x <= w * (1 + MARGIN) and y <= h * (1 + MARGIN)), "[W,H]")
    return (
        f"{share:.0%} of the joints lie outside the image of {clip.size[0]}x{clip.size[1]} px that was declared; they "
        f"reach x={x:.0f}, y={y:.0f}; set data.pose_format.size={fitting} (monitor: pose_format.size, commands: "
        "--size), or `size` of the archive"
    ), share >= REFUSED_OUTSIDE


def _confident(seen: NDArray[np.float32]) -> NDArray[np.float32]:
    """(M, 2) places of the joints that are not guessed, px."""
    return seen[seen[..., 2] >= min(CONFIDENT, float(seen[..., 2].max()))][:, :2]


def reach(seen: NDArray[np.float32]) -> NDArray[np.float64]:
    """(2,) largest x and y, px, but for single errors of a detector."""
    reach: NDArray[np.float64] = np.quantile(_confident(seen), 0.999, axis=0)
    return reach


def _slow(clip: Clip) -> list[str]:
    """Look for frame rates that are the inverse of a rate, and frame numbers that are times."""
    if clip.frame_rate >= SLOWEST:
        return []
    minutes = (clip.span[1] - clip.span[0]) / clip.fps / 60
    steps = f" (fps {clip.fps:.3g}, frame numbers in steps of {clip.step})" if clip.step > 1 else ""
    return [f"only {clip.frame_rate:.3g} frames per second{steps} in {minutes:.3g} minutes; is the rate right?"]


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
