"""Frames that a network does not see and must fill in: what it cannot guess from the others is unusual."""

import torch
from torch import Tensor

SCORES = ("masked_frames", "next_frames")
"""Scores by frames that were hidden. The network is trained with such frames hidden, too."""
BLOCKS = 6
"""A window's frames are hidden in blocks, this many or as many as it has frames: one alone lies too near to others."""


def masks(score: str, frames: int) -> Tensor:
    """List what a network does not see, in turn.

    Of maps with the channel `motion`, the frame after a hidden block shows something of it.

    Args:
        score: `masked_frames` hides every other block, then those between them (He et al. 2022, of pictures);
            `next_frames` hides the last third (Srivastava et al. 2015, the composite model); any other hides nothing.
        frames: T, of a window; at least 2 if some are hidden.

    Returns:
        (M, T) bool, True = hidden; no frame is hidden twice.
    """
    frame = torch.arange(frames)
    if score == "masked_frames":
        blocks = min(BLOCKS, frames)
        odd = (frame * blocks // frames) % 2 == 1
        return torch.stack([odd, ~odd])
    if score == "next_frames":
        return (frame >= frames - max(frames // 3, 1))[None]
    return torch.zeros(1, frames, dtype=torch.bool)
