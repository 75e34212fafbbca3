"""Videos and OpenPose JSON files of a clip."""

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

Image = NDArray[np.uint8]
BACKGROUND = (24, 22, 20)
RIGHT, LEFT, MIDDLE = (90, 90, 245), (245, 190, 80), (235, 235, 235)
"""Colours (blue, green, red) of limbs of the right side, the left side and the trunk."""
ABNORMAL = (60, 60, 235)
"""Colour of the border of an abnormal frame."""
SUFFIXES = (".gif", ".mp4")


def render_frames(
    clip: Clip, frames: NDArray[np.int64], labels: NDArray[np.int8], settings: MapSettings, height: int
) -> Iterator[Image]:
    """Draw frames of a clip, the skeletons of all people on the left and their maps, one over the other, on the right.

    Args:
        clip: any clip; a frame without people is empty.
        frames: (F,) frame numbers.
        labels: (F,) 1 = abnormal, drawn with a red border.
        settings: skeleton map settings; the first channel is shown.
        height: height of the images, px.

    Yields:
        (height, width, 3) uint8 images in OpenCV's channel order, blue first.
    """
    scale = height / clip.size[1]
    width = round(clip.size[0] * scale)
    for frame, label in zip(frames, labels, strict=True):
        people = clip.keypoints[clip.frame == frame]
        left = np.full((height, width, 3), BACKGROUND, np.uint8)
        for keypoints in with_neck(people, clip.layout):
            draw_skeleton(left, keypoints, clip.layout.limbs, (*clip.layout.joints, "neck"), scale)
        skeleton_map = settings.frames(people, clip.layout, clip.size)[:, 0].max(axis=0, initial=0)
        right = cv2.resize((skeleton_map * 235).astype(np.uint8), (height, height), interpolation=cv2.INTER_NEAREST)
        image = np.hstack([left, np.repeat(right[..., None], 3, axis=2)])
        if label:
            cv2.rectangle(image, (1, 1), (width - 2, height - 2), ABNORMAL, 3)
        yield image


def draw_skeleton(
    canvas: Image,
    keypoints: NDArray[np.floating],
    limbs: tuple[tuple[int, int], ...],
    joints: tuple[str, ...],
    scale: float,
) -> None:
    """Draw one person's limbs into an image in place.

    Args:
        canvas: (height, width, 3) uint8, blue first.
        keypoints: (V, 3) x px, y px, confidence; joints with confidence 0 are left out.
        limbs: pairs of joint indices.
        joints: names of the V joints; limbs are coloured by side.
        scale: image px per keypoint px.
    """
    for a, b in limbs:
        if min(keypoints[a, 2], keypoints[b, 2]) <= 0:
            continue
        name = joints[b]
        colour = RIGHT if name.startswith("right") else LEFT if name.startswith("left") else MIDDLE
        ends = [(round(float(keypoints[j, 0]) * scale), round(float(keypoints[j, 1]) * scale)) for j in (a, b)]
        cv2.line(canvas, ends[0], ends[1], colour, max(round(8 * scale), 2), cv2.LINE_AA)


def write_video(path: Path, images: Iterator[Image], fps: float) -> None:
    """Write a GIF or an MP4.

    Args:
        path: output file, .gif or .mp4.
        images: (height, width, 3) uint8, all of one size, blue first.
        fps: frames per second.

    Raises:
        UserError: another file type, no images, or a file that cannot be written.
    """
    frames = list(images)
    if path.suffix not in SUFFIXES:
        raise UserError(f"video {path}: {path.suffix or 'no file type'}; allowed are {', '.join(SUFFIXES)}")
    if not frames:
        raise UserError(f"video {path}: the clip has no frames to show")
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".gif":
        import PIL.Image  # comes with matplotlib

        pages = [PIL.Image.fromarray(f[..., ::-1]).quantize(32) for f in frames]
        pages[0].save(path, save_all=True, append_images=pages[1:], duration=round(1000 / fps), loop=0, optimize=True)
        return
    height, width = frames[0].shape[:2]
    video = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), fps, (width, height))
    if not video.isOpened():
        raise UserError(f"video {path}: this OpenCV cannot write MP4; use .gif")
    for frame in frames:
        video.write(frame)
    video.release()


OPENPOSE_VERSION = 1.3
"""Version number in OpenPose's JSON files."""
OTHER_PARTS = ("face", "hand_left", "hand_right")
"""Parts of OpenPose's output that stay empty."""


def export_openpose_json(clip: Clip, folder: Path) -> int:
    """Write one `<clip>_<frame>_keypoints.json` per frame, as OpenPose does.

    Args:
        clip: any clip; a frame lists its people, and may list none.
        folder: output folder without other keypoint files.

    Returns:
        Number of files written.

    Raises:
        UserError: the folder already holds keypoint files.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if next(folder.glob("*_keypoints.json"), None) is not None:
        raise UserError(f"export to {folder}: it already holds *_keypoints.json; give an empty folder")
    frames = range(*clip.span, clip.step)
    for frame in frames:
        rows = np.flatnonzero((clip.frame == frame) & clip.present)
        content = {"version": OPENPOSE_VERSION, "people": [_person(clip, row) for row in rows]}
        path = folder / f"{clip.name}_{frame:012d}_keypoints.json"
        path.write_text(json.dumps(content, separators=(",", ":")), encoding="utf-8")
    return len(frames)


def _person(clip: Clip, row: np.intp) -> dict[str, list[float]]:
    values = [round(float(v), 3) for v in clip.keypoints[row].ravel()]
    empty: dict[str, list[float]] = {f"{part}_keypoints_2d": [] for part in OTHER_PARTS}
    return {"person_id": [-1], "pose_keypoints_2d": values, **empty}
