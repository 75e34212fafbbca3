"""JSON files with the people of all frames of a recording, as several programs write them.

- AlphaPose, COCO results: a list of people with `image_id` and `keypoints`, and `idx` or `track_id` if tracked.
- Data sets of GEPC and STG-NF: person number -> frame number -> `keypoints`.
- MMPose: a list of frames with `frame_id` and `instances`, alone or as `instance_info`.
- ultralytics: a list of frames in order, each the list that `Results.summary()` returns.
"""

import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from skelmap.skeletons.json_joints import read_joints
from skelmap.skeletons.layouts import Layout
from skelmap.utils.errors import UserError
from skelmap.utils.io import read_json

MAX_BYTES = 128 * 2**20
"""Largest tracked JSON file: 100,000 rows of 25 joints. Parsing takes up to 24 times as much memory."""
DIGITS = re.compile(r"[0-9]+")
SUFFIX = re.compile(r"\.[A-Za-z][A-Za-z0-9]{0,4}$")
MAX_DIGITS = 18
"""Digits of a frame number within 64 bits."""
CONVERSION = "docs/data.md, 'Keypoints of other programs', lists what is read and how to convert anything else"
log = logging.getLogger(__name__)


class TrackedPeople(NamedTuple):
    """The people of a recording.

    Attributes:
        keypoints: (N, V, 3) float32 x px, y px, confidence, not cleaned.
        frame: (N,) int64 frame number.
        track: (N,) int64 person number; None if the file does not say who is who.
    """

    keypoints: NDArray[np.float32]
    frame: NDArray[np.int64]
    track: NDArray[np.int64] | None


class _Detection(NamedTuple):
    """A person in one frame: the mapping that has `keypoints`, the frame's and the person's number or name."""

    person: Any
    frame: Any
    identity: Any


def read_tracked(path: Path, layout: Layout) -> TrackedPeople:
    """Read a file with all people of a recording.

    Args:
        path: of one of the kinds above.
        layout: of the joints.

    Raises:
        UserError: damaged, of another kind or layout, or of several recordings.
    """
    detections = list(_detections(path, read_json(path, MAX_BYTES)))
    rows = [read_joints(path, detection.person, "keypoints", layout) for detection in detections]
    keypoints = np.stack(rows) if rows else np.zeros((0, len(layout.joints), 3), np.float32)
    frame = _frames(path, [detection.frame for detection in detections])
    return TrackedPeople(keypoints, frame, _tracks(path, frame, [detection.identity for detection in detections]))


def read_frames(path: Path) -> NDArray[np.int64]:
    """Read the frame number of each person alone, (N,).

    Raises:
        UserError: damaged, of another kind, or of several recordings.
    """
    return _frames(path, [detection.frame for detection in _detections(path, read_json(path, MAX_BYTES))])


def _detections(path: Path, content: Any) -> Iterator[_Detection]:
    """Find the people in any of the structures."""
    if isinstance(content, dict) and isinstance(content.get("instance_info"), list):
        content = content["instance_info"]
    if isinstance(content, dict) and content and all(_is_people_by_frame(key, value) for key, value in content.items()):
        for identity, frames in content.items():
            yield from (_Detection(person, frame, int(identity)) for frame, person in frames.items())
    elif not isinstance(content, list):
        raise UserError(f"{path}: not a tracked JSON file: a list of people is expected; {CONVERSION}")
    elif content and all(isinstance(item, list) for item in content):
        for number, people in enumerate(content):
            yield from (_Detection(person, number, _identity_of(person)) for person in people)
    else:
        for item in content:
            yield from _listed(path, item)


def _listed(path: Path, item: Any) -> Iterator[_Detection]:
    """The people of an item of a list: one person, or a frame with `instances`."""
    if not isinstance(item, dict):
        raise UserError(f"{path}: {str(item)[:40]} where a person is expected; {CONVERSION}")
    if isinstance(item.get("instances"), list):
        yield from (_Detection(person, item.get("frame_id"), _identity_of(person)) for person in item["instances"])
    else:
        yield _Detection(item, item.get("image_id"), _identity_of(item))


def _is_people_by_frame(key: str, value: Any) -> bool:
    """Whether an entry is a person's number with its frames."""
    return bool(re.fullmatch(r"[0-9]{1,18}", key)) and isinstance(value, dict)


def _identity_of(person: Any) -> Any:
    return person.get("idx", person.get("track_id")) if isinstance(person, dict) else None


def _frames(path: Path, images: list[Any]) -> NDArray[np.int64]:
    """Parse frame numbers.

    Raises:
        UserError: no number, or images of different names, so that their last numbers are of different recordings.
    """
    frames = np.zeros(len(images), np.int64)
    first: tuple[str, str] | None = None
    for i, image in enumerate(images):
        before, number, after = _split_name(image)
        if not number:
            shown = f"{str(image)[:80]!r} as image_id or frame_id"
            raise UserError(f"{path}: {shown} holds no frame number; {CONVERSION}")
        if len(number) > MAX_DIGITS:
            raise UserError(f"{path}: image_id {str(image)[:80]!r} has a frame number beyond 64 bits")
        first = first or (before, after)
        if first != (before, after):
            names = " and ".join(f"{left[-60:]}NUMBER{right[-20:]}" for left, right in (first, (before, after)))
            raise UserError(f"{path}: images of several recordings, {names}; give each a file of its own")
        frames[i] = int(number)
    return frames


def _split_name(image: Any) -> tuple[str, str, str]:
    """Split an image's name around its last number, file type aside; a number is its own name."""
    number = _whole_number(image)
    if number is not None:
        return "", str(number) if number >= 0 else "", ""
    text = image if isinstance(image, str) else ""
    suffix = SUFFIX.search(text)
    stem = text[: suffix.start()] if suffix else text
    runs = list(DIGITS.finditer(stem))
    if not runs:
        return text, "", ""
    return text[: runs[-1].start()], runs[-1][0], text[runs[-1].end() :]


def _tracks(path: Path, frame: NDArray[np.int64], identities: list[Any]) -> NDArray[np.int64] | None:
    """Person numbers; None if they are missing, or the same for several people in a frame (AlphaPose, untracked).

    A negative number is none: trackers write -1 for people whom they do not follow.
    """
    numbers = [None if number is not None and number < 0 else number for number in map(_whole_number, identities)]
    missing = numbers.count(None)
    if missing:
        if missing < len(numbers):
            log.warning("%s: %d of %d people have no number; all are tracked anew", path, missing, len(numbers))
        return None
    if len(set(numbers)) == 1 and len(np.unique(frame)) < len(frame):
        return None
    try:
        return np.array(numbers, np.int64)
    except OverflowError:
        raise UserError(f"{path}: a person number beyond 64 bits") from None


def _whole_number(value: Any) -> int | None:
    """Read a person number, also as a float or in a list of its own (AlphaPose with re-identification)."""
    while isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if type(value) is int else None
