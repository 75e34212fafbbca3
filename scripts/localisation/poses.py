"""Ground truth of the localisation: joint positions relative to the neck, and the maps drawn from them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from skelmap.data.rendering import MIN_CONFIDENCE, MapSettings, render_maps
from skelmap.skeletons.clip import Clip
from skelmap.skeletons.layouts import neck_positions
from skelmap.skeletons.manifest import Manifest
from skelmap.skeletons.readers import PoseFormat, read_clip
from skelmap.utils.errors import UserError

ClipRows = tuple[Clip, NDArray[np.int64]]
"""A clip and some of its rows."""


@dataclass(frozen=True, eq=False)
class Poses:
    """N poses of one split; a pose is one person in one frame with at least one drawn joint.

    Attributes:
        clips: the clips and their rows, in the order of the poses.
        joints: names of the J joints: all but the neck, which is the maps' centre.
        position: (N, J, 2) float32 joint positions relative to the neck, source px; 0 where not detected.
        detected: (N, J) whether a joint's confidence is high enough for it to be drawn.
        clip: (N,) int64 index of each pose's clip.
    """

    clips: tuple[ClipRows, ...]
    joints: tuple[str, ...]
    position: NDArray[np.float32]
    detected: NDArray[np.bool_]
    clip: NDArray[np.int64]

    def __len__(self) -> int:
        """Number of poses."""
        return len(self.position)

    def draw(self, settings: MapSettings) -> NDArray[np.bool_]:
        """Draw the map of each pose, (N, img_size, img_size)."""
        return np.concatenate(
            [render_maps(clip.keypoints[rows], clip.layout, clip.size, settings)[:, 0] for clip, rows in self.clips]
        )


def read_poses(
    manifest: Manifest, split: str, max_poses: int | None = None, pose_format: PoseFormat | None = None
) -> Poses:
    """Read the poses of one split, in the manifest's order.

    Args:
        manifest: the data set.
        split: train, val or test.
        max_poses: largest number of poses, evenly spread over the split; None for all.
        pose_format: layout, image size and fps of JSON recordings.

    Raises:
        UserError: a source is damaged, the split has no recording or no person, or its layouts differ.
    """
    clips: list[ClipRows] = []
    for recording in manifest.split(split):
        clip = read_clip(recording.path, recording.clip, pose_format)
        clips.append((clip, np.flatnonzero((clip.keypoints[..., 2] > MIN_CONFIDENCE).any(axis=1))))
    if not clips:
        raise UserError(f"{manifest.path}: no recording of split {split}")
    total = sum(len(rows) for _, rows in clips)
    if not total:
        raise UserError(f"{manifest.path}: no person in any frame of split {split}")
    layouts = {clip.layout.name for clip, _ in clips}
    if len(layouts) > 1:
        raise UserError(f"{manifest.path}: layouts {', '.join(sorted(layouts))} in split {split}; one is allowed")
    kept = np.arange(total)
    if max_poses is not None and max_poses < total:
        kept = np.linspace(0, total - 1, max_poses).round().astype(np.int64)
    first = np.cumsum([0, *(len(rows) for _, rows in clips)])
    selected = [
        (clip, rows[kept[(kept >= begin) & (kept < begin + len(rows))] - begin])
        for (clip, rows), begin in zip(clips, first, strict=False)
    ]
    return _relative_to_neck(tuple((clip, rows) for clip, rows in selected if len(rows)))


def _relative_to_neck(clips: tuple[ClipRows, ...]) -> Poses:
    names = clips[0][0].layout.joints
    joints = [i for i, name in enumerate(names) if name != "neck"]
    positions, detected = [], []
    for clip, rows in clips:
        points = clip.keypoints[rows]
        detected.append(points[:, joints, 2] > MIN_CONFIDENCE)
        offset = points[:, joints, :2] - neck_positions(points, clip.layout)[:, None]
        positions.append(np.where(detected[-1][..., None], offset, np.float32(0)))
    index = np.repeat(np.arange(len(clips)), [len(rows) for _, rows in clips])
    return Poses(clips, tuple(names[i] for i in joints), np.concatenate(positions), np.concatenate(detected), index)
