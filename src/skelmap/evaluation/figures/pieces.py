"""Cut a test split into pieces of clips and lay them end to end in rows of a page."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

PIECE = 2400
"""Frames of one clip that are drawn without a break; longer clips are cut into equal pieces."""
ROW = 2600
"""Frames laid end to end in a row."""
ROWS = 6


@dataclass(frozen=True, eq=False)
class Piece:
    """Judged frames of one clip that lie beside one another.

    Attributes:
        index: (K,) int64 into the table of frames.
        x: (K,) int64 position from the left end of the piece, 0 .. length - 1; left out frames are gaps.
        length: frames with the gaps.
        continued: the piece does not begin its clip.
    """

    index: NDArray[np.int64]
    x: NDArray[np.int64]
    length: int
    continued: bool


def cut(clip: NDArray[np.int64], frame: NDArray[np.int64]) -> list[Piece]:
    """Cut clips into pieces of at most PIECE frames.

    Args:
        clip: (F,) clip of each frame, sorted.
        frame: (F,) frame number, rising within a clip.
    """
    pieces = []
    for begin, end in runs(np.ones(len(clip), np.bool_), clip):
        x = frame[begin:end] - frame[begin]
        total = int(x[-1]) + 1
        length = -(-total // -(-total // PIECE))  # equal pieces, rounded up
        for left in range(0, total, length):
            inside = np.flatnonzero((x >= left) & (x < left + length))
            if len(inside):
                pieces.append(Piece(begin + inside, x[inside] - left, min(length, total - left), left > 0))
    return pieces


def chosen(pieces: list[Piece], label: NDArray[np.int64]) -> tuple[list[Piece], str]:
    """Keep what fits a page: evenly spread, over the pieces with both classes if there are such.

    Args:
        pieces: of all clips.
        label: (F,) 1 = abnormal.

    Returns:
        The pieces, in their order, and in words which ones they are; no words for all of them.
    """
    if len(lines(pieces)) <= ROWS:
        return pieces, ""
    share = np.array([label[piece.index].mean() for piece in pieces])
    mixed = np.flatnonzero((share > 0) & (share < 1))
    # Without mixed pieces, spread over the normal ones, then the abnormal ones: both are drawn in their proportion.
    candidates = mixed if len(mixed) else np.argsort(share, kind="stable")
    for count in range(min(len(candidates), ROWS * ROW), 0, -1):
        at = np.linspace(0, len(candidates) - 1, count).round().astype(int)
        kept = [pieces[i] for i in np.sort(candidates[at])]
        if len(lines(kept)) <= ROWS:
            break
    return kept, "where normal and abnormal meet" if len(mixed) else "evenly spread"


def lines(pieces: list[Piece]) -> list[list[Piece]]:
    """Lay pieces end to end in rows of at most ROW frames."""
    rows: list[list[Piece]] = [[]]
    length = 0
    for piece in pieces:
        if rows[-1] and length + piece.length > ROW:
            rows.append([])
            length = 0
        rows[-1].append(piece)
        length += piece.length
    return rows


def runs(mask: NDArray[np.bool_], value: NDArray[np.int64]) -> list[tuple[int, int]]:
    """Find the half-open index runs where the mask holds and the value stays the same."""
    if not mask.any():
        return []
    key = np.where(mask, value, value.min() - 1)
    edges = np.flatnonzero(np.diff(key)) + 1
    begin, end = np.append(0, edges), np.append(edges, len(mask))
    keep = mask[begin]
    return list(zip(begin[keep].tolist(), end[keep].tolist(), strict=True))
