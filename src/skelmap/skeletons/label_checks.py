"""Hold the labels and groups of a manifest against its recordings."""

from collections.abc import Sequence
from unicodedata import normalize

from skelmap.skeletons.checks import Finding
from skelmap.skeletons.manifest import Recording, Span

BEYOND = 0.1
"""Share of a recording by which, and by more than a second, labels reach beyond its end before a warning is given:
nobody may be detected in the last frames."""
MIN_RATE = 5.0
"""Frames per second from which on seconds can be told from frames."""


def check_labels(recordings: Sequence[Recording], clip_spans: Sequence[Span], fps: Sequence[float]) -> list[Finding]:
    """Find labels in seconds or of another frame rate, and groups that differ in spelling alone.

    Args:
        recordings: of the manifest.
        clip_spans: first frame and one past the last of each recording (`Clip.span`).
        fps: frame numbers per second of each recording.
    """
    clips = list(zip(recordings, clip_spans, fps, strict=True))
    return [*_in_seconds(clips), *_beyond(clips), *_similar_groups(recordings)]


def _labels(recording: Recording) -> list[Span]:
    return [*(recording.abnormal or ()), *(span for _, span in recording.actions)]


def _in_seconds(clips: Sequence[tuple[Recording, Span, float]]) -> list[Finding]:
    """Find data sets of which all labels lie where they would if they were seconds."""
    labelled = [
        (recording, (end - begin) / fps)
        for recording, (begin, end), fps in clips
        if _labels(recording) and begin < end and fps >= MIN_RATE
    ]
    if any(stop > seconds + 1 for recording, seconds in labelled for _, stop in _labels(recording)):
        return []
    text = "all labelled spans end so early that they may be seconds; those are written 4s-8.5s, frames 120-255"
    return [Finding(recording.clip, text) for recording, seconds in labelled if seconds > 2]


def _beyond(clips: Sequence[tuple[Recording, Span, float]]) -> list[Finding]:
    """Find labels that reach far beyond the end of their recording."""
    findings = []
    for recording, (begin, end), fps in clips:
        stop = max((stop for _, stop in _labels(recording)), default=0)
        if begin < end and stop - end > max(fps, BEYOND * (end - begin)):
            text = f"labels reach to frame {stop}, the recording ends at {end}: are they of another frame rate?"
            findings.append(Finding(recording.clip, text))
    return findings


def _similar_groups(recordings: Sequence[Recording]) -> list[Finding]:
    """Find groups of different splits whose names differ in case, width or spaces alone."""
    known: dict[str, Recording] = {}
    findings = []
    for recording in recordings:
        name = "".join(normalize("NFKC", recording.group).casefold().split())
        other = known.setdefault(name, recording)
        if other.group != recording.group and other.split != recording.split:
            where = f"{other.group!r} of {other.split} and {recording.group!r} of {recording.split}"
            findings.append(Finding(recording.clip, f"groups {where} differ in spelling alone: are they one?"))
    return findings
