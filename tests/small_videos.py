"""Small videos whose frames say their number, and what phones do to MP4 files."""

import struct
from pathlib import Path

import cv2
import numpy as np

SIZE = (64, 48)


def write_video(path: Path, frames: int = 12, fps: float = 10.0, codec: str = "mp4v", step: int = 20) -> Path:
    """Write a video: frame i is grey step * (i % 12), and its upper left quarter is white."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*codec), fps, SIZE)
    for i in range(frames):
        picture = np.full((SIZE[1], SIZE[0], 3), step * (i % 12), np.uint8)
        picture[: SIZE[1] // 2, : SIZE[0] // 2] = 255
        writer.write(picture)
    writer.release()
    return path


def turn(path: Path) -> None:
    """Say in the track's header that the picture is to be turned by 90 degrees clockwise (ISO 14496-12, tkhd)."""
    content = bytearray(path.read_bytes())
    matrix = content.index(b"tkhd") + 4 + 40
    one = 1 << 16
    content[matrix : matrix + 36] = struct.pack(">9i", 0, one, 0, -one, 0, 0, 0, 0, 1 << 30)
    path.write_bytes(content)


def slow_down(path: Path, after: int, times: int = 2) -> None:
    """Let the frames after so many last so many times as long (ISO 14496-12, stts)."""
    content = bytearray(path.read_bytes())
    table = content.index(b"stts") + 4
    _, entries, count, duration = struct.unpack(">4I", content[table : table + 16])
    assert entries == 1
    content[table : table + 16] = struct.pack(">6I", 0, 2, after, duration, count - after, times * duration)
    for box in (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stts"):
        at = content.index(box) - 4
        content[at : at + 4] = struct.pack(">I", struct.unpack(">I", content[at : at + 4])[0] + 8)
    content = content.replace(b"edts", b"free")  # which would cut the video at its old length
    path.write_bytes(content)
