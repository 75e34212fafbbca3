"""Write a simulated data set: clips, their manifest, and a note of how they were made."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

from filelock import FileLock
from rich.progress import track

from skelmap.errors import UserError
from skelmap.factory.camera import Camera
from skelmap.factory.detector import detect
from skelmap.factory.occlusion import hidden_joints
from skelmap.factory.presets import TEST_CLIPS, Shot, large_shots, paper_shots
from skelmap.factory.steps import FPS
from skelmap.files import replacing
from skelmap.poses import BODY_25, Clip, Recording, write_clip, write_manifest

GENERATOR_VERSION = 4
"""Raised whenever the same seed gives other data, so that old data sets are written anew."""
PRESETS = ("paper", "large")


def write_factory(
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
        folder: where to; gets manifest.csv, factory.json and clips/*.npz.
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
    with FileLock(folder / ".factory.lock"):
        if not _complete(folder, arguments):
            (folder / "factory.json").unlink(missing_ok=True)
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
        note = json.loads((folder / "factory.json").read_text(encoding="utf-8"))
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
    with replacing(folder / "factory.json") as file:  # last: its presence says that everything is there
        file.write(json.dumps({**arguments, "sha256": digests}, indent=1) + "\n")


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
