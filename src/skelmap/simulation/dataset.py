"""Simulated data sets: clips of a simulated pose detector with a manifest, in the presets `paper` and `large`."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from copy import deepcopy
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from filelock import FileLock
from rich.progress import track

from skelmap.simulation.body import sample_worker
from skelmap.simulation.camera import Camera
from skelmap.simulation.detector import detect
from skelmap.simulation.motion import FPS
from skelmap.simulation.occlusion import occluded_joints
from skelmap.simulation.recording import (
    ABNORMAL_VARIANTS,
    NORMAL_VARIANTS,
    ActionVariant,
    MotionRecording,
    balanced_schedule,
    record_session,
)
from skelmap.simulation.workshop import build_workshop
from skelmap.skeletons.archives import write_clip
from skelmap.skeletons.clip import Clip
from skelmap.skeletons.layouts import BODY_25
from skelmap.skeletons.manifest import SIMULATION_FILE, Recording, write_manifest
from skelmap.utils.errors import UserError
from skelmap.utils.io import atomic_write

GENERATOR_VERSION = 4
"""Raised whenever the same arguments give different data, so that older data sets are written again."""
PRESETS = ("paper", "large")
TRAIN_FRAMES, TEST_FRAMES = 4618, 4898
"""The paper's frame counts."""
VAL_FRAMES, TEST_CLIPS = 1500, 12
CLIP_FRAMES = 3000
"""Clip length of the preset `large`: memory use is that of one clip, however long the data set."""
HELD_OUT = 0.2
"""Fraction of the workers in val, and in test, in `large`; at least one each."""


@dataclass(frozen=True)
class SimulatedClip:
    """A clip in world coordinates, before it is seen by the camera and the simulated pose estimator.

    Attributes:
        name: unique name.
        split: train, val or test.
        group: recording session or simulated person.
        motion: joints, occluders and labels.
        rng: random generator for the noise of the pose estimator.
    """

    name: str
    split: str
    group: str
    motion: MotionRecording
    rng: np.random.Generator


def simulate_dataset(
    folder: Path,
    preset: str = "paper",
    seed: int = 0,
    *,
    workers: int = 20,
    minutes: float = 10.0,
    camera: Camera | None = None,
    progress: bool = False,
) -> Path:
    """Write a simulated data set; equal arguments give equal files, byte for byte.

    A complete data set with the same arguments is left as it is; an interrupted, changed or different one is written
    again. Concurrent calls are safe: one process writes, the others wait.

    Args:
        folder: output folder; gets manifest.csv, simulation.json and clips/*.npz.
        preset: "paper" (one worker, 4,618 + 1,500 + 4,898 frames) or "large".
        seed: random seed, 0 or more.
        workers: number of workers in `large`, 3 or more.
        minutes: recorded minutes per worker in `large`.
        camera: camera position and lens; by default the paper's.
        progress: show a progress bar.

    Returns:
        Path of the manifest.

    Raises:
        UserError: an argument is out of range; names the argument, its value and what is allowed.
    """
    _check_arguments(preset, seed, workers, minutes)
    camera = camera or Camera()
    folder = Path(folder).expanduser().absolute()
    folder.mkdir(parents=True, exist_ok=True)
    arguments: dict[str, object] = {"generator_version": GENERATOR_VERSION, "preset": preset, "seed": seed}
    if preset == "large":
        arguments |= {"workers": workers, "minutes": minutes}
    arguments["camera"] = asdict(camera)
    with FileLock(folder / ".simulation.lock"):
        if not _is_complete(folder, arguments):
            (folder / SIMULATION_FILE).unlink(missing_ok=True)
            clips = paper_clips(seed) if preset == "paper" else large_clips(seed, workers, minutes)
            total = 2 + TEST_CLIPS if preset == "paper" else None
            _write(folder, arguments, track(clips, "simulating", total, disable=not progress), camera)
    return folder / "manifest.csv"


def _check_arguments(preset: str, seed: int, workers: int, minutes: float) -> None:
    if preset not in PRESETS:
        raise UserError(f"preset={preset}; allowed are {', '.join(PRESETS)}")
    if seed < 0:
        raise UserError(f"seed={seed}; 0 or more is allowed")
    if not 3 <= workers <= 999:
        raise UserError(f"workers={workers}; 3 to 999 are allowed: each split needs its own")
    if not 0.1 <= minutes <= 6000:
        raise UserError(f"minutes={minutes}; 0.1 to 6000 are allowed")


def _is_complete(folder: Path, arguments: dict[str, object]) -> bool:
    """Whether the folder holds the data set of these arguments, unchanged."""
    try:
        description = json.loads((folder / SIMULATION_FILE).read_text(encoding="utf-8"))
        if {key: description.get(key) for key in arguments} != arguments:
            return False
        return all(_sha256(folder / name) == digest for name, digest in description["sha256"].items())
    except (OSError, ValueError, KeyError, AttributeError):
        return False


def _write(folder: Path, arguments: dict[str, object], clips: Iterable[SimulatedClip], camera: Camera) -> None:
    recordings, digests = [], {}
    for clip in clips:
        path = f"clips/{clip.name}.npz"
        write_clip(folder / path, detect_clip(clip, camera))
        digests[path] = _sha256(folder / path)
        labels = clip.motion.abnormal, clip.motion.actions
        recordings.append(Recording(clip.name, folder / path, clip.split, clip.group, *labels))
    write_manifest(folder / "manifest.csv", recordings)
    digests["manifest.csv"] = _sha256(folder / "manifest.csv")
    with atomic_write(folder / SIMULATION_FILE) as file:  # last: its presence means that the data set is complete
        file.write(json.dumps({**arguments, "sha256": digests}, indent=1) + "\n")


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def detect_clip(clip: SimulatedClip, camera: Camera) -> Clip:
    """Project a clip into the camera and run the simulated pose detector."""
    points, _ = camera.project(clip.motion.joints)
    occluded = occluded_joints(clip.motion.joints, clip.motion.occluders, camera)
    size = (camera.image_width, camera.image_height)
    keypoints = detect(points, *occluded, size, clip.rng)
    return Clip.build(clip.name, keypoints, BODY_25, size, FPS, track=np.zeros(len(keypoints), np.int64))


def paper_clips(seed: int) -> Iterator[SimulatedClip]:
    """Simulate one worker in one workshop: a training and a validation session, and a test session cut into clips.

    As in the paper, place and camera stay the same: in the test session the actions are new, not the place.
    """
    streams = [np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(4)]
    worker, workshop = sample_worker(streams[0]), build_workshop(streams[0])
    for split, frames, rng in (("train", TRAIN_FRAMES, streams[1]), ("val", VAL_FRAMES, streams[2])):
        motion = record_session(worker, deepcopy(workshop), frames, rng, [])
        yield SimulatedClip(split, split, f"session_{split}", motion, rng)
    rng = streams[3]
    motion = record_session(worker, deepcopy(workshop), TEST_FRAMES, rng, mixed_schedule(TEST_FRAMES, rng))
    for i, (first, stop) in enumerate(pairwise(_balanced_cuts(motion))):
        yield SimulatedClip(f"test_{i:02d}", "test", "session_test", motion.cut(first, stop), rng)


def large_clips(seed: int, workers: int, minutes: float) -> Iterator[SimulatedClip]:
    """Simulate many workers, each in one split, in clips of about 100 seconds, each in another workshop.

    Args:
        seed: random seed; a worker's clips do not depend on the number of workers.
        workers: number of workers, at least 3.
        minutes: recorded minutes per worker.

    Yields:
        One clip at a time.
    """
    frames = max(round(minutes * 60 * FPS), 1)
    clips = max(round(frames / CLIP_FRAMES), 1)
    bounds = [round(i * frames / clips) for i in range(clips + 1)]
    for number, split in enumerate(assign_splits(workers)):
        rng = np.random.default_rng([seed, number])
        worker, mirrored = sample_worker(rng), bool(rng.random() < 0.5)
        group = f"worker_{number:03d}"
        for i, (first, stop) in enumerate(pairwise(bounds)):
            rng = np.random.default_rng([seed, number, i])
            schedule = mixed_schedule(stop - first, rng) if split == "test" else []
            motion = record_session(worker, build_workshop(rng, mirrored), stop - first, rng, schedule)
            yield SimulatedClip(f"{group}_{i:03d}", split, group, motion, np.random.default_rng([seed, number, i, 1]))


def assign_splits(workers: int) -> list[str]:
    """Assign workers to splits: train first, then val, then test."""
    held_out = max(round(workers * HELD_OUT), 1)
    return ["train"] * (workers - 2 * held_out) + ["val"] * held_out + ["test"] * held_out


def mixed_schedule(frames: int, rng: np.random.Generator) -> list[ActionVariant]:
    """Draw a schedule of two abnormal actions to one normal, every variant equally often, for a number of frames.

    With the normal walks between and within the actions 40 to 45 % of the frames are abnormal; with more abnormal
    actions, standing at the bench or the trash box rather than walking would give the label away.
    """
    rounds = frames // 450 + 2  # three actions last 20 to 30 seconds
    abnormal = balanced_schedule(ABNORMAL_VARIANTS, 2 * rounds, rng)
    normal = balanced_schedule(NORMAL_VARIANTS, rounds, rng)
    return [variant for i in range(rounds) for variant in (*abnormal[2 * i : 2 * i + 2], normal[i])]


def _balanced_cuts(motion: MotionRecording) -> list[int]:
    """Cut the test session into clips of nearly equal length, each with normal and abnormal frames.

    Dynamic programming over the boundaries: a cut costs its distance from the even cut, and more for a clip with less
    than 20 % or more than 80 % abnormal frames.
    """
    label = np.zeros(TEST_FRAMES + 1)
    for first, stop in motion.abnormal:
        label[first + 1 : stop + 1] = 1
    total = np.cumsum(label)  # abnormal frames before each frame
    even = np.rint(np.linspace(0, TEST_FRAMES, TEST_CLIPS + 1)).astype(int)
    offsets = np.arange(-120, 121, 10)
    cost, ends, back = np.zeros(1), even[:1], []
    for goal in even[1:]:
        candidates = goal + (offsets if goal < TEST_FRAMES else np.zeros(1, int))
        fraction = (total[candidates][:, None] - total[ends]) / (candidates[:, None] - ends)
        step = 1000 * np.maximum(np.abs(fraction - 0.5) - 0.3, 0) + np.abs(candidates - goal)[:, None] / 10
        path_cost = step + cost
        back.append((ends, path_cost.argmin(axis=1)))
        cost, ends = path_cost.min(axis=1), candidates
    cuts, at = [TEST_FRAMES], 0
    for earlier, best in reversed(back):
        at = int(best[at])
        cuts.append(int(earlier[at]))
    return cuts[::-1]
