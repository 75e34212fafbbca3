"""Synthetic people, clips, manifests and data sets: small and quick to make."""

import csv
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from skelmap.skeletons.archives import write_clip
from skelmap.skeletons.clip import Clip
from skelmap.skeletons.layouts import BODY_25, COCO_17

STANDING = {
    "nose": (0, -40), "neck": (0, 0), "right_shoulder": (-30, 0), "right_elbow": (-40, 50), "right_wrist": (-40, 95),
    "left_shoulder": (30, 0), "left_elbow": (40, 50), "left_wrist": (40, 95), "mid_hip": (0, 100),
    "right_hip": (-18, 100), "right_knee": (-20, 160), "right_ankle": (-20, 215), "left_hip": (18, 100),
    "left_knee": (20, 160), "left_ankle": (20, 215), "right_eye": (-7, -47), "left_eye": (7, -47),
    "right_ear": (-15, -42), "left_ear": (15, -42), "left_big_toe": (28, 224), "left_small_toe": (33, 222),
    "left_heel": (17, 220), "right_big_toe": (-28, 224), "right_small_toe": (-33, 222), "right_heel": (-17, 220),
}  # fmt: skip
"""Joints of a standing person, px from the neck."""


def person(neck: tuple[float, float] = (320, 180)) -> NDArray[np.float32]:
    """(25, 3): a standing person; every joint has confidence 1."""
    points = np.array([(*STANDING[joint], 1) for joint in BODY_25.joints], np.float32)
    points[:, :2] += neck
    return points


def wave(frames: int, seed: int = 0, abnormal: bool = False) -> NDArray[np.float32]:
    """(N, 25, 3): a person swinging both arms, standing (normal) or lying on the side (abnormal)."""
    rng = np.random.default_rng(seed)
    t = np.arange(frames)
    keypoints = np.repeat(person((0, 0))[None], frames, axis=0)
    swing = 15 * np.sin(t / 7 + rng.uniform(0, 6))
    for side, sign in (("right", -1), ("left", 1)):
        elbow, wrist = (BODY_25.joints.index(f"{side}_{joint}") for joint in ("elbow", "wrist"))
        keypoints[:, elbow, 0] += sign * swing
        keypoints[:, wrist, 0] += sign * 2 * swing
    if abnormal:
        keypoints[..., :2] = keypoints[..., 1::-1]
    keypoints[..., :2] += rng.normal((320, 180), 1, (*keypoints.shape[:2], 2))
    return keypoints


def make_clip(keypoints: NDArray[np.float32], name: str = "clip", **others: NDArray[np.int64]) -> Clip:
    return Clip.build(name, keypoints, BODY_25, (640, 480), 30.0, **others)


def write_openpose(folder: Path, clip: Clip) -> None:
    """Write a clip as OpenPose's --write_json does: one file for each frame of its span."""
    folder.mkdir(parents=True)
    for frame in range(*clip.span):
        rows = clip.keypoints[(clip.frame == frame) & clip.present]
        people = [{"person_id": [-1], "pose_keypoints_2d": row.flatten().tolist()} for row in rows]
        content = json.dumps({"version": 1.3, "people": people})
        (folder / f"{clip.name}_{frame:012d}_keypoints.json").write_text(content)


def write_manifest(
    folder: Path, lines: Sequence[Sequence[str]], columns: str = "clip,path,split,group,abnormal,action"
) -> Path:
    """Write the lines of a manifest; columns missing at the end of a line are empty."""
    header = columns.split(",")
    path = folder / "manifest.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *([*line, *[""] * (len(header) - len(line))] for line in lines)])
    return path


def as_coco(clip: Clip) -> Clip:
    """Convert a BODY_25 clip to COCO_17."""
    taken = [BODY_25.joints.index(joint) for joint in COCO_17.joints]
    return Clip.build(clip.name, clip.keypoints[:, taken], COCO_17, clip.size, clip.fps, clip.frame, clip.track)


def add_recordings(manifest: Path, split: str, *clips: Clip) -> None:
    """Write clips beside a manifest and append them to it, each as its own group."""
    with manifest.open("a", newline="") as file:
        for clip in clips:
            write_clip(manifest.with_name(f"{clip.name}.npz"), clip)
            csv.writer(file).writerow([clip.name, f"{clip.name}.npz", split, clip.name, "", ""])


def write_toy_dataset(folder: Path, frames: int = 60, with_val: bool = True) -> Path:
    """Write a data set that any model solves: standing is normal, lying is abnormal."""
    folder.mkdir(parents=True, exist_ok=True)
    lines: list[list[str]] = []

    def add(name: str, split: str, abnormal: str, keypoints: NDArray[np.float32], action: str = "") -> None:
        track = np.zeros(len(keypoints), np.int64)  # one person, who jumps
        write_clip(folder / f"{name}.npz", make_clip(keypoints, name, track=track))
        lines.append([name, f"{name}.npz", split, name, abnormal, action])

    add("train_a", "train", "", wave(frames, 1))
    add("train_b", "train", "", wave(frames, 2))
    if with_val:
        add("val", "val", "", wave(frames, 3))
    half = frames // 2
    mixed = np.concatenate([wave(half, 4), wave(frames - half, 5, abnormal=True)])
    add("test_mixed", "test", f"{half}-{frames}", mixed, f"wave:0-{frames}")
    add("test_normal", "test", "", wave(frames, 6), f"wave:0-{frames}")
    add("test_abnormal", "test", "all", wave(frames, 7, abnormal=True), f"lie:0-{frames}")
    return write_manifest(folder, lines)
