"""Export clips as OpenPose writes them: a folder of JSON files, one a frame."""

import json
from pathlib import Path

import numpy as np

from skelmap.errors import UserError
from skelmap.poses import Clip

VERSION = 1.3
"""Of OpenPose's JSON format."""
OTHER_PARTS = ("face", "hand_left", "hand_right")


def export_json(clip: Clip, folder: Path) -> int:
    """Write one `<clip>_<frame>_keypoints.json` a frame; frames with nobody get an empty list of people.

    Args:
        clip: any clip; several people in a frame become several entries.
        folder: where to; must not hold other keypoint files.

    Returns:
        How many files were written.

    Raises:
        UserError: the folder already holds keypoint files.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if next(folder.glob("*_keypoints.json"), None) is not None:
        raise UserError(f"export to {folder}: it already holds *_keypoints.json; give an empty folder")
    first, stop = clip.span
    for frame in range(first, stop):
        rows = np.flatnonzero((clip.frame == frame) & clip.present)
        content = {"version": VERSION, "people": [_person(clip, row) for row in rows]}
        path = folder / f"{clip.name}_{frame:012d}_keypoints.json"
        path.write_text(json.dumps(content, separators=(",", ":")), encoding="utf-8")
    return stop - first


def _person(clip: Clip, row: np.intp) -> dict[str, list[float]]:
    values = [round(float(v), 3) for v in clip.keypoints[row].ravel()]
    empty: dict[str, list[float]] = {f"{part}_keypoints_2d": [] for part in OTHER_PARTS}
    return {"person_id": [-1], "pose_keypoints_2d": values, **empty}
