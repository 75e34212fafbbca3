"""Videos and OpenPose JSON of simulated clips."""

import json
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from skelmap.data.rendering import MapSettings
from skelmap.skeletons.clip import Clip
from skelmap.skeletons.layouts import with_neck
from skelmap.utils.errors import UserError

Picture = NDArray[np.uint8]
BACKGROUND = (24, 22, 20)
RIGHT, LEFT, MIDDLE = (90, 90, 245), (245, 190, 80), (235, 235, 235)
"""Colours (blue, green, red) of limbs of the right side, the left side and the trunk."""
ALARM = (60, 60, 235)
SUFFIXES = (".gif", ".mp4")


def frame_pictures(clip: Clip, labels: NDArray[np.int8], settings: MapSettings, rows: int) -> Iterator[Picture]:
    """Draw a clip's frames, the skeleton left and its map right.

    Args:
        clip: of one person; frames without a row are left out.
        labels: (N,) 1 = abnormal: gets a red frame.
        settings: of the skeleton map, whose first channel is shown.
        rows: height of the pictures, px.

    Yields:
        (rows, columns, 3) uint8 pictures, blue first as OpenCV has it.
    """
    maps = settings.frames(clip.keypoints, clip.layout, clip.size)[:, 0]
    scale = rows / clip.size[1]
    columns = round(clip.size[0] * scale)
    points = with_neck(clip.keypoints, clip.layout)
    for keypoints, small, label in zip(points, maps, labels, strict=True):
        left = np.full((rows, columns, 3), BACKGROUND, np.uint8)
        draw_skeleton(left, keypoints, clip.layout.limbs, (*clip.layout.joints, "neck"), scale)
        right = cv2.resize((small * 235).astype(np.uint8), (rows, rows), interpolation=cv2.INTER_NEAREST)
        whole = np.hstack([left, np.repeat(right[..., None], 3, axis=2)])
        if label:
            cv2.rectangle(whole, (1, 1), (columns - 2, rows - 2), ALARM, 3)
        yield whole


def draw_skeleton(
    canvas: Picture,
    keypoints: NDArray[np.floating],
    limbs: tuple[tuple[int, int], ...],
    joints: tuple[str, ...],
    scale: float,
) -> None:
    """Draw one person's limbs in place; keypoints (V, 3) in px are scaled, joints without confidence left out."""
    for a, b in limbs:
        if min(keypoints[a, 2], keypoints[b, 2]) <= 0:
            continue
        name = joints[b]
        colour = RIGHT if name.startswith("right") else LEFT if name.startswith("left") else MIDDLE
        ends = [(round(float(keypoints[j, 0]) * scale), round(float(keypoints[j, 1]) * scale)) for j in (a, b)]
        cv2.line(canvas, ends[0], ends[1], colour, max(round(8 * scale), 2), cv2.LINE_AA)


def write_film(path: Path, pictures: Iterator[Picture], fps: float) -> None:
    """Write a GIF or an MP4.

    Args:
        path: ends in .gif or .mp4.
        pictures: (rows, columns, 3) uint8, all of one size, blue first.
        fps: pictures a second.

    Raises:
        UserError: another ending, no picture, or a video that cannot be written.
    """
    frames = list(pictures)
    if path.suffix not in SUFFIXES:
        raise UserError(f"film {path}: {path.suffix or 'no ending'}; allowed are {', '.join(SUFFIXES)}")
    if not frames:
        raise UserError(f"film {path}: the clip has no frames to show")
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".gif":
        from PIL import Image  # comes with matplotlib

        images = [Image.fromarray(f[..., ::-1]).quantize(32) for f in frames]
        images[0].save(path, save_all=True, append_images=images[1:], duration=round(1000 / fps), loop=0, optimize=True)
        return
    rows, columns = frames[0].shape[:2]
    video = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), fps, (columns, rows))
    if not video.isOpened():
        raise UserError(f"film {path}: this OpenCV cannot write MP4; use .gif")
    for frame in frames:
        video.write(frame)
    video.release()


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
