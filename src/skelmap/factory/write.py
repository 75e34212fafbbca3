"""Write a simulated data set: clips, their manifest, and a note of how they were made."""

import csv
import json
from itertools import pairwise
from pathlib import Path

import numpy as np
from filelock import FileLock

from skelmap.errors import UserError
from skelmap.factory.body import sample_worker
from skelmap.factory.camera import Camera
from skelmap.factory.detector import Detector
from skelmap.factory.feet import FPS
from skelmap.factory.sessions import ABNORMAL_ACTS, NORMAL_ACTS, Scenario, record, shuffled_deck
from skelmap.factory.workshop import build_workshop
from skelmap.poses import BODY_25, Clip, write_clip

GENERATOR_VERSION = 1
TRAIN_FRAMES, VAL_FRAMES, TEST_FRAMES, TEST_CLIPS = 4618, 1500, 4898, 12
HEADER = ("clip", "path", "split", "group", "abnormal", "work")


def write_factory(folder: Path, preset: str = "paper", seed: int = 0) -> Path:
    """Write the simulated factory's data.

    Args:
        folder: where to.
        preset: "paper".
        seed: of everything random.

    Returns:
        The manifest's path.
    """
    if preset != "paper":
        raise UserError(f"preset={preset}; allowed is paper")
    folder = Path(folder).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    note = {"generator": GENERATOR_VERSION, "preset": preset, "seed": seed}
    done = folder / "factory.json"
    with FileLock(folder / ".lock"):
        if done.exists() and json.loads(done.read_text()) == note:
            return folder / "manifest.csv"
        done.unlink(missing_ok=True)
        rows = _write_paper(folder, seed)
        with (folder / "manifest.csv").open("w", newline="", encoding="utf-8") as file:
            csv.writer(file, lineterminator="\n").writerows([HEADER, *rows])
        done.write_text(json.dumps(note))
    return folder / "manifest.csv"


def _write_paper(folder: Path, seed: int) -> list[tuple[str, ...]]:
    rng = np.random.default_rng(seed)
    worker = sample_worker(rng)
    rows = []
    for split, frames in (("train", TRAIN_FRAMES), ("val", VAL_FRAMES)):
        scene = record(worker, build_workshop(rng), frames, rng, [])
        rows.append(_write_one(folder, split, split, f"session_{split}", scene, rng))
    deck = _test_deck(rng)
    scene = record(worker, build_workshop(rng), TEST_FRAMES, rng, deck)
    even = np.linspace(0, TEST_FRAMES, TEST_CLIPS + 1)[1:-1]
    cuts = [0, *(int(c) for c in even + rng.integers(-40, 41, TEST_CLIPS - 1)), TEST_FRAMES]
    for i, (first, stop) in enumerate(pairwise(cuts)):
        rows.append(_write_one(folder, f"test_{i:02d}", "test", "session_test", scene.part(first, stop), rng))
    return rows


def _test_deck(rng: np.random.Generator) -> list[tuple[str, bool]]:
    """Two unusual acts for a usual one, every kind equally often."""
    unusual, usual = shuffled_deck(ABNORMAL_ACTS, 60, rng), shuffled_deck(NORMAL_ACTS, 30, rng)
    deck: list[tuple[str, bool]] = []
    for i in range(30):
        trio = [unusual[2 * i], unusual[2 * i + 1], usual[i]]
        deck += [trio[j] for j in rng.permutation(3)]
    return deck


def _write_one(
    folder: Path, name: str, split: str, group: str, scene: Scenario, rng: np.random.Generator
) -> tuple[str, ...]:
    camera = Camera()
    points, _ = camera.project(scene.joints)
    keypoints = Detector().detect(points, np.zeros(points.shape[:2], bool), rng)
    clip = Clip.build(name, keypoints, BODY_25, (camera.width, camera.rows), FPS)
    path = Path("clips") / f"{name}.npz"
    write_clip(folder / path, clip)
    abnormal = ";".join(f"{a}-{b}" for a, b in scene.abnormal)
    work = ";".join(f"{w}:{a}-{b}" for w, (a, b) in scene.works)
    return name, path.as_posix(), split, group, abnormal, work
