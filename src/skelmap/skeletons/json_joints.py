"""The joints of one person in JSON: the ways in which pose estimators write them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skelmap.skeletons.layouts import LAYOUTS, Layout
from skelmap.utils.errors import UserError

PARTS = ("x", "y", "visible")
"""Lists of ultralytics' `keypoints`."""


def read_joints(path: Path, person: Any, key: str, layout: Layout) -> NDArray[np.float32]:
    """Convert the joints of a person to (V, 3) x px, y px, confidence.

    Args:
        path: the file, for messages.
        person: a mapping whose `key` is a flat list x, y, confidence, x, ... (OpenPose, AlphaPose, COCO results), lists
            of x, y with the confidences in `keypoint_scores` (MMPose), or the lists x, y and visible (ultralytics).
        key: where the joints are.
        layout: of the joints.

    Raises:
        UserError: none of these, another number of joints, or no numbers.
    """
    values = person.get(key) if isinstance(person, dict) else None
    if isinstance(values, dict):
        rows = _columns(path, key, values)
    elif not isinstance(values, list):
        raise UserError(f"{path}: a person without a list called {key}")
    elif values and isinstance(values[0], list):
        rows = _pairs(path, key, values, person.get("keypoint_scores"))
    else:
        rows = values
    count = len(rows) if rows and isinstance(rows[0], tuple) else len(rows) / 3
    if count != len(layout.joints):
        raise UserError(f"{path}: {_wrong_count(count, layout)}")
    try:
        with np.errstate(over="ignore"):
            return np.array(rows, np.float64).astype(np.float32).reshape(-1, 3)
    except (TypeError, ValueError, OverflowError) as error:
        raise UserError(f"{path}: {key} holds something that is not a number ({error})") from error


def _columns(path: Path, key: str, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    columns = [values.get(part) for part in PARTS]
    if not all(isinstance(column, list) for column in columns):
        raise UserError(
            f"{path}: {key} with {', '.join(values)[:80] or 'nothing'}; the lists x, y, visible are expected"
        )
    try:
        return list(zip(*columns, strict=True))
    except ValueError:
        raise UserError(f"{path}: the lists x, y and visible of {key} have different lengths") from None


def _pairs(path: Path, key: str, values: list[Any], scores: Any) -> list[tuple[Any, ...]]:
    """Join lists of two coordinates with their scores; without scores the lists hold the confidence themselves."""
    expected = 2 if isinstance(scores, list) else 3
    for joint in values:
        if not isinstance(joint, list) or len(joint) != expected:
            what = "x, y (3-D poses are not read)" if expected == 2 else "x, y, confidence"
            raise UserError(f"{path}: a joint {str(joint)[:60]} in {key}; {what} is expected")
    if expected == 3:
        return [tuple(joint) for joint in values]
    if len(scores) != len(values):
        raise UserError(f"{path}: {len(values)} joints in {key}, but {len(scores)} keypoint_scores")
    return [(*joint, score) for joint, score in zip(values, scores, strict=True)]


def _wrong_count(count: float, layout: Layout) -> str:
    fitting = [other.name for other in LAYOUTS.values() if len(other.joints) == count]
    elsewhere = "monitor: pose_format.layout; commands: --layout"
    hint = f"; set data.pose_format.layout={fitting[0]} ({elsewhere})" if fitting else ""
    return f"{count:g} joints where the declared layout {layout.name} has {len(layout.joints)}{hint}"
