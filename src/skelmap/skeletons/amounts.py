"""How much normal work and how many people a data set has, and what it lacks for a threshold of the monitor."""

from collections.abc import Sequence
from math import ceil

from skelmap.skeletons.manifest import SPLITS, Recording
from skelmap.skeletons.readers import PoseFormat, read_clip

FALSE_ALARMS_PER_HOUR = 1.0
"""False alarms per hour that the monitor allows by default; they are estimated from 1 / rate hours of normal work."""
TRAINING_PEOPLE = 5
"""Groups of split train below which more are asked for."""


def read_seconds(recordings: Sequence[Recording], pose_format: PoseFormat | None = None) -> list[float]:
    """Read the length of each recording, seconds.

    Args:
        recordings: of a manifest.
        pose_format: of JSON recordings; None for the defaults.

    Raises:
        UserError: a recording cannot be read.
    """
    clips = (read_clip(recording.path, recording.clip, pose_format) for recording in recordings)
    return [(clip.span[1] - clip.span[0]) / clip.fps for clip in clips]


def amount_lines(
    recordings: Sequence[Recording], seconds: Sequence[float], false_alarms_per_hour: float = FALSE_ALARMS_PER_HOUR
) -> list[str]:
    """Describe what a data set has, a line for each split, and what it lacks.

    Args:
        recordings: of the data set; those of other splits than train, val and test do not count.
        seconds: length of each recording.
        false_alarms_per_hour: of the monitor, for which the validation recordings must be long enough.

    Returns:
        Lines such as "validation: 3 of 60 minutes of normal work, 1 group".
    """
    minutes, groups = {}, {}
    pairs = list(zip(recordings, seconds, strict=True))
    for split in SPLITS:
        minutes[split] = sum(length for recording, length in pairs if recording.split == split) / 60
        groups[split] = {recording.group for recording in recordings if recording.split == split}
    wanted = 60 / false_alarms_per_hour
    abnormal = [recording.split == "test" and recording.abnormal != () for recording in recordings]
    return [
        f"training: {minutes['train']:.3g} minutes of normal work, {_count(groups['train'])}",
        f"validation: {minutes['val']:.3g} of {wanted:.3g} minutes of normal work, {_count(groups['val'])}",
        f"test: {minutes['test']:.3g} minutes, {_count(groups['test'])}, {sum(abnormal)} abnormal recordings",
        *_missing(minutes, groups, wanted, any(abnormal)),
    ]


def _missing(minutes: dict[str, float], groups: dict[str, set[str]], wanted: float, has_abnormal: bool) -> list[str]:
    """Say what to record, and what it is for."""
    lines = []
    if not groups["train"]:
        lines.append("missing: normal work to train on, split train")
    elif len(groups["train"]) < TRAINING_PEOPLE:
        more = TRAINING_PEOPLE - len(groups["train"])
        lines.append(f"missing: {more} more people in training; with fewer than {TRAINING_PEOPLE} others look unusual")
    if minutes["val"] < wanted:
        lines.append(
            f"missing: {ceil(wanted - minutes['val'])} minutes of normal work in split val, for a threshold of "
            f"{60 / wanted:g} false alarm an hour"
            + (f"; these allow false_alarms_per_hour={ceil(60 / minutes['val'])}" if minutes["val"] else "")
        )
    if not has_abnormal:
        lines.append("missing: recordings of the unusual in split test; without them nothing tells what is found")
    return lines


def _count(groups: set[str]) -> str:
    return f"{len(groups)} group{'s' * (len(groups) != 1)}"
