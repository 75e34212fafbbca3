"""Films of clips: the detected skeleton in the camera's picture with its skeleton map beside it."""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from skelmap.errors import UserError
from skelmap.maps import MapSettings
from skelmap.poses import Clip, with_neck

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
