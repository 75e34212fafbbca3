"""The truth that maps are asked for: where each joint is, as seen from the neck."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from skelmap.data.rendering import MIN_CONFIDENCE, MapSettings, render_maps
from skelmap.skeletons.clip import Clip
from skelmap.skeletons.layouts import neck_positions
from skelmap.skeletons.manifest import Manifest, Recording
from skelmap.skeletons.readers import PoseFormat, read_clip
from skelmap.utils.errors import UserError


@dataclass(frozen=True, eq=False)
class Poses:
    """People in frames of one split; a row is one person in one frame with at least one drawn joint.

    Attributes:
        parts: the clips and their rows, in the order of the rows here.
        joints: names of the J joints that are asked for: all but the neck, which is the maps' centre.
        place: (N, J, 2) float32 position of each joint, source px from the neck; 0 where it was not detected.
        seen: (N, J) whether it was detected surely enough to be drawn.
        clip: (N,) int64 clip of each row, 0 .. C - 1.
    """

    parts: tuple[tuple[Clip, NDArray[np.int64]], ...]
    joints: tuple[str, ...]
    place: NDArray[np.float32]
    seen: NDArray[np.bool_]
    clip: NDArray[np.int64]

    def __len__(self) -> int:
        """Count the rows."""
        return len(self.place)

    def draw(self, settings: MapSettings) -> NDArray[np.bool_]:
        """Draw the map of each row, (N, img_size, img_size)."""
        return np.concatenate(
            [render_maps(clip.keypoints[rows], clip.layout, clip.size, settings)[:, 0] for clip, rows in self.parts]
        )


def read_poses(manifest: Manifest, split: str, most: int | None = None, fmt: PoseFormat | None = None) -> Poses:
    """Read the poses of one split.

    Args:
        manifest: of the data set.
        split: train, val or test.
        most: take this many rows at most, evenly spread over all of them; None for all.
        fmt: what JSON recordings do not say.

    Returns:
        The poses, in the manifest's order.

    Raises:
        UserError: a source is at fault, the split has no recording or nobody in any frame, or layouts differ.
    """
    clips = [_clip_with_people(recording, fmt) for recording in manifest.split(split)]
    if not clips:
        raise UserError(f"{manifest.path}: no recording of split {split}")
    total = sum(len(rows) for _, rows in clips)
    if not total:
        raise UserError(f"{manifest.path}: nobody is in any frame of split {split}")
    layouts = {clip.layout.name for clip, _ in clips}
    if len(layouts) > 1:
        raise UserError(f"{manifest.path}: layouts {', '.join(sorted(layouts))} in split {split}; one is allowed")
    taken = np.arange(total)
    if most is not None and most < total:
        taken = np.linspace(0, total - 1, most).round().astype(np.int64)
    first = np.cumsum([0, *(len(rows) for _, rows in clips)])
    parts = tuple(
        (clip, rows[taken[(taken >= begin) & (taken < begin + len(rows))] - begin])
        for (clip, rows), begin in zip(clips, first, strict=False)
    )
    return _poses(tuple(part for part in parts if len(part[1])))


def _clip_with_people(recording: Recording, fmt: PoseFormat | None) -> tuple[Clip, NDArray[np.int64]]:
    clip = read_clip(recording.path, recording.clip, fmt)
    return clip, np.flatnonzero((clip.keypoints[..., 2] > MIN_CONFIDENCE).any(axis=1))


def _poses(parts: tuple[tuple[Clip, NDArray[np.int64]], ...]) -> Poses:
    names = parts[0][0].layout.joints
    asked = [i for i, name in enumerate(names) if name != "neck"]
    places, seen = [], []
    for clip, rows in parts:
        points = clip.keypoints[rows]
        seen.append(points[:, asked, 2] > MIN_CONFIDENCE)
        offset = points[:, asked, :2] - neck_positions(points, clip.layout)[:, None]
        places.append(np.where(seen[-1][..., None], offset, np.float32(0)))
    number = np.repeat(np.arange(len(parts)), [len(rows) for _, rows in parts])
    return Poses(parts, tuple(names[i] for i in asked), np.concatenate(places), np.concatenate(seen), number)
