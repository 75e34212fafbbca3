"""Write the simulated data set."""

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

from skelmap.simulation.body import Worker, sample_worker
from skelmap.simulation.camera import Camera
from skelmap.simulation.detector import detect
from skelmap.simulation.gait import FPS
from skelmap.simulation.occlusion import hidden_joints
from skelmap.simulation.scene import build_workshop
from skelmap.simulation.sessions import ABNORMAL_ACTS, NORMAL_ACTS, Act, Scene, record, shuffled_deck
from skelmap.skeletons.clip import Clip
from skelmap.skeletons.layouts import BODY_25
from skelmap.skeletons.manifest import Recording, write_manifest
from skelmap.skeletons.readers import write_clip
from skelmap.utils.errors import UserError
from skelmap.utils.io import atomic_write

TRAIN_FRAMES, TEST_FRAMES = 4618, 4898
"""The paper's frame counts."""
VAL_FRAMES, TEST_CLIPS = 1500, 12
CLIP_FRAMES = 3000
"""Length of a clip of the `large` preset: memory stays that of one clip, however long the whole."""
SPLIT_SHARES = {"train": 0.6, "val": 0.2, "test": 0.2}
"""Workers per split in `large`; val and test get at least one each."""


@dataclass(frozen=True)
class Shot:
    """A recorded clip before it meets a camera.

    Attributes:
        name: unique.
        split: train, val or test.
        group: the session or the worker.
        scene: what happened.
        rng: source of what is still random: the detector.
    """

    name: str
    split: str
    group: str
    scene: Scene
    rng: np.random.Generator


def paper_shots(seed: int) -> Iterator[Shot]:
    """One worker in one workshop, three sessions: train (one recording), val, test (cut into clips).

    As in the paper the place and the camera stay: what is new in the test session is what is done, not where.
    """
    streams = [np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(4)]
    worker, workshop = sample_worker(streams[0]), build_workshop(streams[0])
    for split, frames, rng in (("train", TRAIN_FRAMES, streams[1]), ("val", VAL_FRAMES, streams[2])):
        yield Shot(split, split, f"session_{split}", record(worker, deepcopy(workshop), frames, rng, []), rng)
    rng = streams[3]
    scene = record(worker, deepcopy(workshop), TEST_FRAMES, rng, mixed_deck(TEST_FRAMES, rng))
    cuts = _cuts(scene)
    for i, (first, stop) in enumerate(pairwise(cuts)):
        yield Shot(f"test_{i:02d}", "test", "session_test", scene.part(first, stop), rng)


def large_shots(seed: int, workers: int, minutes: float) -> Iterator[Shot]:
    """Many workers, each in one split, each in a workshop of their own, in clips of about 100 seconds.

    Args:
        seed: of everything random; a worker's clips do not depend on how many workers there are.
        workers: how many, at least 3.
        minutes: recorded of each worker.

    Yields:
        Clips, one at a time.
    """
    frames = max(round(minutes * 60 * FPS), 1)
    clips = max(round(frames / CLIP_FRAMES), 1)
    bounds = [round(i * frames / clips) for i in range(clips + 1)]
    for number, split in enumerate(split_of_workers(workers)):
        rng = np.random.default_rng([seed, number])
        worker, mirrored = sample_worker(rng), bool(rng.random() < 0.5)
        for i, (first, stop) in enumerate(pairwise(bounds)):
            scene = _worker_scene(worker, split, stop - first, mirrored, np.random.default_rng([seed, number, i]))
            group = f"worker_{number:03d}"
            yield Shot(f"{group}_{i:03d}", split, group, scene, np.random.default_rng([seed, number, i, 1]))


def _worker_scene(worker: Worker, split: str, frames: int, mirrored: bool, rng: np.random.Generator) -> Scene:
    deck = mixed_deck(frames, rng) if split == "test" else []
    return record(worker, build_workshop(rng, mirrored), frames, rng, deck)


def split_of_workers(workers: int) -> list[str]:
    """Deal workers to splits: train first, then val, then test."""
    val = max(round(workers * SPLIT_SHARES["val"]), 1)
    test = max(round(workers * SPLIT_SHARES["test"]), 1)
    return ["train"] * (workers - val - test) + ["val"] * val + ["test"] * test


def mixed_deck(frames: int, rng: np.random.Generator) -> list[Act]:
    """Two unusual acts for a usual one, every kind equally often, enough for a number of frames.

    With the normal ways between and into the acts 40 to 45 % of the frames are abnormal; more unusual acts would make
    standing at the bench or the trash box, rather than walking, a sign of the unusual.
    """
    rounds = frames // 450 + 2  # three acts last 20 to 30 seconds
    unusual, usual = shuffled_deck(ABNORMAL_ACTS, 2 * rounds, rng), shuffled_deck(NORMAL_ACTS, rounds, rng)
    return [act for i in range(rounds) for act in (*unusual[2 * i : 2 * i + 2], usual[i])]


def _cuts(scene: Scene) -> list[int]:
    """Cut the test session into clips of nearly equal length, each with normal and abnormal frames."""
    label = np.zeros(TEST_FRAMES + 1)
    for first, stop in scene.abnormal:
        label[first + 1 : stop + 1] = 1
    total = np.cumsum(label)  # abnormal frames before each frame
    even = np.rint(np.linspace(0, TEST_FRAMES, TEST_CLIPS + 1)).astype(int)
    offsets = np.arange(-120, 121, 10)
    cost, ends, back = np.zeros(1), even[:1], []
    for goal in even[1:]:  # cheapest chain of cuts, one boundary after the other
        choice = goal + (offsets if goal < TEST_FRAMES else np.zeros(1, int))
        share = (total[choice][:, None] - total[ends]) / (choice[:, None] - ends)
        bad = 1000 * np.maximum(np.abs(share - 0.5) - 0.3, 0) + np.abs(choice - goal)[:, None] / 10
        whole = bad + cost
        back.append((ends, whole.argmin(axis=1)))
        cost, ends = whole.min(axis=1), choice
    cuts, at = [TEST_FRAMES], 0
    for earlier, best in reversed(back):
        at = int(best[at])
        cuts.append(int(earlier[at]))
    return cuts[::-1]


GENERATOR_VERSION = 4
"""Raised whenever the same seed gives other data, so that old data sets are written anew."""
PRESETS = ("paper", "large")


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
    """Write the simulated factory's data: the same arguments give the same data, byte for byte.

    Nothing is done where the very same data set already stands; one that was interrupted, changed or made with other
    arguments is written anew. Several processes may call this at once: one writes, the others wait.

    Args:
        folder: where to; gets manifest.csv, simulation.json and clips/*.npz.
        preset: "paper" (one worker, 4,618 + 1,500 + 4,898 frames) or "large".
        seed: of everything random, 0 or more.
        workers: of the `large` preset, 3 or more.
        minutes: recorded of each worker in the `large` preset.
        camera: where the camera hangs; by default the paper's.
        progress: show a progress bar.

    Returns:
        The manifest's path.

    Raises:
        UserError: an argument is out of range; names it, its value and what is allowed.
    """
    _check(preset, seed, workers, minutes)
    camera = camera or Camera()
    folder = Path(folder).expanduser().absolute()
    folder.mkdir(parents=True, exist_ok=True)
    arguments: dict[str, object] = {"generator": GENERATOR_VERSION, "preset": preset, "seed": seed}
    if preset == "large":
        arguments |= {"workers": workers, "minutes": minutes}
    arguments["camera"] = asdict(camera)
    with FileLock(folder / ".simulation.lock"):
        if not _complete(folder, arguments):
            (folder / "simulation.json").unlink(missing_ok=True)
            shots = paper_shots(seed) if preset == "paper" else large_shots(seed, workers, minutes)
            total = 2 + TEST_CLIPS if preset == "paper" else None
            _write(folder, arguments, track(shots, "simulating", total, disable=not progress), camera)
    return folder / "manifest.csv"


def picture(shot: Shot, camera: Camera) -> Clip:
    """Film a scene and run the simulated detector on it."""
    points, _ = camera.project(shot.scene.joints)
    hidden = hidden_joints(shot.scene.joints, shot.scene.solids, camera)
    size = (camera.width, camera.rows)
    return Clip.build(shot.name, detect(points, *hidden, size, shot.rng), BODY_25, size, FPS)


def _check(preset: str, seed: int, workers: int, minutes: float) -> None:
    if preset not in PRESETS:
        raise UserError(f"preset={preset}; allowed are {', '.join(PRESETS)}")
    if seed < 0:
        raise UserError(f"seed={seed}; 0 or more is allowed")
    if not 3 <= workers <= 999:
        raise UserError(f"workers={workers}; 3 to 999 are allowed: each split needs one of its own")
    if not 0.1 <= minutes <= 6000:
        raise UserError(f"minutes={minutes}; 0.1 to 6000 are allowed")


def _complete(folder: Path, arguments: dict[str, object]) -> bool:
    """Whether the data set that these arguments give already stands, unchanged."""
    try:
        note = json.loads((folder / "simulation.json").read_text(encoding="utf-8"))
        if {key: note.get(key) for key in arguments} != arguments:
            return False
        return all(_digest(folder / name) == digest for name, digest in note["sha256"].items())
    except (OSError, ValueError, KeyError, AttributeError):
        return False


def _write(folder: Path, arguments: dict[str, object], shots: "Iterable[Shot]", camera: Camera) -> None:
    recordings, digests = [], {}
    for shot in shots:
        path = f"clips/{shot.name}.npz"
        write_clip(folder / path, picture(shot, camera))
        digests[path] = _digest(folder / path)
        scene = shot.scene
        recordings.append(Recording(shot.name, folder / path, shot.split, shot.group, scene.abnormal, scene.works))
    write_manifest(folder / "manifest.csv", recordings)
    digests["manifest.csv"] = _digest(folder / "manifest.csv")
    with atomic_write(folder / "simulation.json") as file:  # last: its presence says that everything is there
        file.write(json.dumps({**arguments, "sha256": digests}, indent=1) + "\n")


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
