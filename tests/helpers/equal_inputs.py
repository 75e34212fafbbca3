"""Recordings on disk, and changes of them that keep their meaning.

A change is a function of CHANGES. It takes a recording and gives another one with the same people at the same times.
"""

import csv
import io
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skelmap.skeletons.layouts import BODY_25
from skelmap.skeletons.readers import PoseFormat
from synthetic_data import wave


@dataclass(frozen=True)
class Written:
    """A recording and the way in which it is written.

    Attributes:
        keypoints: (N, 25, 3) float32 x px, y px, confidence.
        frame: (N,) frame numbers.
        track: (N,) person numbers; None in files without them.
        size: (width, height) of the image, px.
        fps: frame numbers per second.
        kind: a key of WRITERS.
        name: of the recording, in names of files.
        digits: of frame numbers in names of files.
        indent: of JSON.
        separator, encoding: of the manifest.
        ticks: by which the model's clock is late.
        scale: of the coordinates.
    """

    keypoints: NDArray[np.float32]
    frame: NDArray[np.int64]
    track: NDArray[np.int64] | None
    size: tuple[int, int]
    fps: float
    kind: str
    name: str = "clip"
    digits: int = 12
    indent: int | None = None
    separator: str = ","
    encoding: str = "utf-8"
    ticks: int = 0
    scale: float = 1.0

    @property
    def pose_format(self) -> PoseFormat:
        """What the files do not state."""
        return PoseFormat(BODY_25, self.size, self.fps)


def random_recording(rng: Random) -> Written:
    """One to three people with missing joints, lost frames and a gap, with or without person numbers."""
    numbers, people = np.random.default_rng(rng.randrange(2**32)), rng.randint(1, 3)
    fps, frames = rng.choice((10.0, 15.0, 25.0, 30.0)), rng.randint(24, 36)
    rows, frame, track = [], [], []
    for person in range(people):
        seen = numbers.random(frames) > 0.08
        seen[rng.randrange(frames) :][: rng.randint(0, 8)] = False
        seen[0] = True
        points = wave(frames, rng.randrange(10**6), abnormal=rng.random() < 0.3)[seen]
        points[..., 0] += 180 * person
        points[..., 2] = numbers.uniform(0.2, 1, points.shape[:2]).round(3)
        points[numbers.random(points.shape[:2]) < 0.05] = 0
        rows.append(points)
        frame.append(np.flatnonzero(seen))
        track.append(np.full(seen.sum(), person))
    keypoints = np.concatenate(rows)
    tracked = rng.random() < 0.5
    kind = rng.choice([kind for kind in WRITERS if kind not in (UNTRACKED if tracked else TRACKED)])
    return Written(
        *(keypoints, np.concatenate(frame), np.concatenate(track) if tracked else None, (1280, 720), fps, kind)
    )


# --- changes ---------------------------------------------------------------------------------------------------


def shift_frames(one: Written, rng: Random, clock: float) -> Written:
    """By as many frames as are whole ticks of the model's clock: others change what is interpolated."""
    ratio = Fraction(clock).limit_denominator(1000) / Fraction(one.fps).limit_denominator(1000)
    times = rng.randint(1, 300)
    return replace(one, frame=one.frame + times * ratio.denominator, ticks=one.ticks + times * ratio.numerator)


def number_in_steps(one: Written, rng: Random, clock: float) -> Written:
    step = rng.choice((2, 3, 5, 30))
    return replace(one, frame=step * one.frame, fps=step * one.fps)


def rename_files(one: Written, rng: Random, clock: float) -> Written:
    return replace(one, name=rng.choice(("a", "cam 2_", "2026-01-02_03", "月", "x1_2")), digits=rng.choice((1, 6, 12)))


def permute_people(one: Written, rng: Random, clock: float) -> Written:
    order = np.array(rng.sample(range(len(one.frame)), len(one.frame)))
    track = None if one.track is None else one.track[order]
    return replace(one, keypoints=one.keypoints[order], frame=one.frame[order], track=track)


def renumber_people(one: Written, rng: Random, clock: float) -> Written:
    if one.track is None:
        return one
    return replace(one, track=np.array(rng.sample(range(1000), 3))[one.track % 3])


def write_otherwise(one: Written, rng: Random, clock: float) -> Written:
    return replace(one, indent=rng.choice((None, 0, 1, 4)))


def write_by_another_program(one: Written, rng: Random, clock: float) -> Written:
    kinds = [kind for kind in WRITERS if kind not in (UNTRACKED if one.track is not None else TRACKED)]
    return replace(one, kind=rng.choice(kinds))


def mark_missing_joints(one: Written, rng: Random, clock: float) -> Written:
    """As other programs do: at (0, 0) or (-1, -1) with a confidence, far away, or as no number."""
    mark = rng.choice([(0, 0, 0.4), (-1, -1, 0.9), (-1, -1, -1), (1e30, 5, 1), (np.nan, np.nan, 0.5), (7, 7, 0)])
    keypoints = one.keypoints.copy()
    keypoints[keypoints[..., 2] == 0] = mark
    return replace(one, keypoints=keypoints)


def scale_coordinates(one: Written, rng: Random, clock: float) -> Written:
    factor = rng.choice((0.5, 2.0, 4.0))  # of 2, so that no number is rounded otherwise
    keypoints = one.keypoints.copy()
    marked = ~np.isfinite(keypoints).all(axis=2) | (keypoints[..., :2] == -1).all(axis=2)
    keypoints[..., :2] *= np.where(marked, 1, factor)[..., None]
    size = (round(one.size[0] * factor), round(one.size[1] * factor))
    return replace(one, keypoints=keypoints, size=size, scale=one.scale * factor)


def edit_the_manifest(one: Written, rng: Random, clock: float) -> Written:
    return replace(one, separator=rng.choice(",;\t"), encoding=rng.choice(("utf-8", "utf-8-sig", "utf-16", "cp932")))


CHANGES: tuple[Callable[[Written, Random, float], Written], ...] = (
    shift_frames, number_in_steps, rename_files, permute_people, renumber_people, write_otherwise,
    write_by_another_program, mark_missing_joints, scale_coordinates, edit_the_manifest,
)  # fmt: skip


# --- writers ---------------------------------------------------------------------------------------------------


def _people(one: Written, key: str) -> list[dict[str, Any]]:
    """Each person with its flat list of joints and, under this key, its number."""
    people = [{"keypoints": row} for row in one.keypoints.reshape(len(one.frame), -1).tolist()]
    return people if one.track is None else [p | {key: t} for p, t in zip(people, one.track.tolist(), strict=True)]


def _write_json(one: Written, content: Any, path: Path) -> Path:
    path.write_text(json.dumps(content, indent=one.indent))
    return path


def _by_frame(one: Written, people: list[Any]) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = {}
    for frame, person in zip(one.frame.tolist(), people, strict=True):
        found.setdefault(frame, []).append(person)
    return found


def _openpose(one: Written, folder: Path) -> Path:
    folder = folder / "json"
    folder.mkdir()
    for frame, people in _by_frame(one, _people(one, "")).items():
        content = {"version": 1.3, "people": [{"pose_keypoints_2d": person["keypoints"]} for person in people]}
        _write_json(one, content, folder / f"{one.name}_{frame:0{one.digits}d}_keypoints.json")
    return folder


def _alphapose(one: Written, folder: Path) -> Path:
    images = [f"{one.name}_{frame:0{one.digits}d}.jpg" for frame in one.frame.tolist()]
    content = [{"image_id": image, **person} for image, person in zip(images, _people(one, "idx"), strict=True)]
    return _write_json(one, content, folder / "alphapose.json")


def _coco(one: Written, folder: Path) -> Path:
    frames = one.frame.tolist()
    content = [{"image_id": frame, **person} for frame, person in zip(frames, _people(one, "track_id"), strict=True)]
    return _write_json(one, content, folder / "coco.json")


def _by_person(one: Written, folder: Path) -> Path:
    content: dict[str, dict[str, Any]] = {}
    for frame, person in zip(one.frame.tolist(), _people(one, "track"), strict=True):
        content.setdefault(str(person.pop("track")), {})[str(frame)] = person
    return _write_json(one, content, folder / "stg_nf.json")


def _mmpose(one: Written, folder: Path) -> Path:
    rows = np.nan_to_num(one.keypoints, nan=0.0)
    people = [
        {**person, "keypoints": row[:, :2].tolist(), "keypoint_scores": row[:, 2].tolist()}
        for row, person in zip(rows, _people(one, "track_id"), strict=True)
    ]
    frames = [{"frame_id": frame, "instances": found} for frame, found in _by_frame(one, people).items()]
    return _write_json(one, {"meta_info": {}, "instance_info": frames}, folder / "mmpose.json")


def _ultralytics(one: Written, folder: Path) -> Path:
    people = [
        {**person, "keypoints": dict(zip(("x", "y", "visible"), row.T.tolist(), strict=True))}
        for row, person in zip(one.keypoints, _people(one, "track_id"), strict=True)
    ]
    found = _by_frame(one, people)
    return _write_json(one, [found.get(i, []) for i in range(max(found) + 1)], folder / "ultralytics.json")


def _archive(one: Written, folder: Path) -> Path:
    track = {} if one.track is None else {"track": one.track}
    header = {"layout": "BODY_25", "size": one.size, "fps": one.fps}
    np.savez(folder / "clip.npz", keypoints=one.keypoints, frame=one.frame, **header, **track)
    return folder / "clip.npz"


WRITERS: dict[str, Callable[[Written, Path], Path]] = {
    "OpenPose": _openpose,
    "AlphaPose": _alphapose,
    "COCO results": _coco,
    "STG-NF": _by_person,
    "MMPose": _mmpose,
    "ultralytics": _ultralytics,
    "archive": _archive,
}
UNTRACKED, TRACKED = ("OpenPose",), ("STG-NF",)
"""Kinds that never, and that always have person numbers."""


def write(one: Written, folder: Path) -> Path:
    """Write a recording and a manifest that has it as its training and test recording; return the manifest."""
    folder.mkdir()
    source = WRITERS[one.kind](one, folder)
    text = io.StringIO()
    writer = csv.writer(text, delimiter=one.separator, lineterminator="\r\n")
    writer.writerow(["clip", "path", "split", "group", "abnormal"])
    writer.writerow(["月曜日", source.name, "test", "g", ""])
    path = folder / "manifest.csv"
    path.write_bytes(text.getvalue().encode(one.encoding))
    return path
