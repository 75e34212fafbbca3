"""How many recordings with a wrong joint order, or exchanged joints, are found by the checks?

    python scripts/joint_orders.py MANIFEST ...

Prints, for each manifest of BODY_25 recordings, the share of its clips with a finding: as they are (false warnings),
and after each change of their joints. Clips with fewer than 30 detections are left out; they are not judged. Other
orders are tried on recordings with eyes alone, as eyes, ears and toes stand for the joints that BODY_25 lacks.
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from skelmap.skeletons.anatomy import MIN_ROWS, OTHER_ORDERS
from skelmap.skeletons.checks import check_clip
from skelmap.skeletons.clip import Clip
from skelmap.skeletons.data_set_checks import ClipSummary
from skelmap.skeletons.layouts import BODY_25, LIMB_JOINTS
from skelmap.skeletons.manifest import read_manifest
from skelmap.skeletons.readers import read_clip

JOINTS = BODY_25.joints


def changes() -> Iterator[tuple[str, str, list[int]]]:
    """Yield a change, a word of the expected finding, and for each place of BODY_25 the joint that it gets."""
    for name, order in OTHER_ORDERS.items():
        if len(order) == len(JOINTS):
            rest = iter(joint for joint in JOINTS if joint not in order)  # stand for the joints that BODY_25 lacks
            yield f"in the order of {name}", name, [JOINTS.index(next(rest) if j == "-" else j) for j in order]
    for joints in (*((joint,) for joint in (*LIMB_JOINTS, "eye")), ("shoulder", "elbow", "wrist")):
        index = list(range(len(JOINTS)))
        for joint in joints:
            left, right = JOINTS.index(f"left_{joint}"), JOINTS.index(f"right_{joint}")
            index[left], index[right] = right, left
        yield f"left and right {', '.join(joints)} exchanged", "left and right", index


def upside_down(clip: Clip) -> NDArray[np.float32]:
    """Mirror (N, V, 3) keypoints at the middle of the image."""
    keypoints = clip.keypoints.copy()
    keypoints[..., 1] = np.where(keypoints[..., 2] > 0, clip.size[1] - keypoints[..., 1], 0)
    return keypoints


def has_eyes(clip: Clip) -> bool:
    """Whether the pose estimator gives eyes."""
    return bool((clip.keypoints[:, JOINTS.index("right_eye"), 2] > 0).any())


def faults(clip: Clip) -> list[str]:
    """Findings of a clip, with exchanges that are reported only if several short clips have them."""
    return [*(finding.text for finding in check_clip(clip)), *ClipSummary.of(clip).exchanges]


def share_found(clips: Sequence[Clip], word: str) -> str:
    """Share of the clips with a finding that contains a word; a dash for no clips."""
    if not clips:
        return "–"
    found = [any(word in text for text in faults(clip)) for clip in clips]
    return f"{np.mean(found):.3f}"


def main() -> None:
    """Check the clips of each manifest as they are and changed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("manifests", type=Path, nargs="+", metavar="MANIFEST")
    parser.add_argument("--every", type=int, default=1, help="take every Nth clip (default 1)")
    a = parser.parse_args()
    sets: dict[str, list[Clip]] = {}
    for path in a.manifests:
        manifest = read_manifest(path)
        clips = [read_clip(recording.path, recording.clip) for recording in manifest.recordings[:: a.every]]
        sets[manifest.name] = [c for c in clips if c.present.sum() >= MIN_ROWS and c.layout == BODY_25]
    table = Table("change", *(f"{name} ({len(clips)} clips)" for name, clips in sets.items()))
    table.add_row("none: false warnings", *(share_found(clips, "") for clips in sets.values()))
    for change, word, index in changes():
        cells = []
        for clips in sets.values():
            usable = clips if word == "left and right" else list(filter(has_eyes, clips))
            changed = [replace(clip, keypoints=clip.keypoints[:, index]) for clip in usable]
            cells.append(share_found(changed, word))
        table.add_row(change, *cells)
    flipped = ([replace(clip, keypoints=upside_down(clip)) for clip in clips] for clips in sets.values())
    table.add_row("upside down", *(share_found(clips, "above shoulders") for clips in flipped))
    Console(width=160).print(table)


if __name__ == "__main__":
    main()
