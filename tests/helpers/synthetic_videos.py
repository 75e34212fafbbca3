"""Write small videos, and rotate or slow them down in their MP4 headers as phones do."""

import struct
from pathlib import Path

import cv2
import numpy as np

SIZE = (64, 48)


def write_video(path: Path, frames: int = 12, fps: float = 10.0, codec: str = "mp4v", step: int = 20) -> Path:
    """Write a video: frame i is grey, value step * (i % 12), with a white upper left quarter."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*codec), fps, SIZE)
    for i in range(frames):
        image = np.full((SIZE[1], SIZE[0], 3), step * (i % 12), np.uint8)
        image[: SIZE[1] // 2, : SIZE[0] // 2] = 255
        writer.write(image)
    writer.release()
    return path


def set_rotation(path: Path) -> None:
    """Set the track header's rotation to 90 degrees clockwise (ISO 14496-12, tkhd)."""
    content = bytearray(path.read_bytes())
    matrix = content.index(b"tkhd") + 4 + 40
    one = 1 << 16
    content[matrix : matrix + 36] = struct.pack(">9i", 0, one, 0, -one, 0, 0, 0, 0, 1 << 30)
    path.write_bytes(content)


def make_variable_rate(path: Path, after: int, times: int = 2) -> None:
    """Multiply the duration of all frames after the first `after` ones by `times` (ISO 14496-12, stts)."""
    content = bytearray(path.read_bytes())
    table = content.index(b"stts") + 4
    _, entries, count, duration = struct.unpack(">4I", content[table : table + 16])
    assert entries == 1
    content[table : table + 16] = struct.pack(">6I", 0, 2, after, duration, count - after, times * duration)
    for box in (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stts"):
        at = content.index(box) - 4
        content[at : at + 4] = struct.pack(">I", struct.unpack(">I", content[at : at + 4])[0] + 8)
    content = content.replace(b"edts", b"free")  # an edit list would cut the video at its old length
    path.write_bytes(content)
