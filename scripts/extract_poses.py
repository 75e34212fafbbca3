"""Make training data of videos: `python scripts/extract_poses.py VIDEO... --out FOLDER`.

Writes a clip for each video, FOLDER/NAME.npz, and names it in FOLDER/manifest.csv, for you to correct. Each video is a
group of its own, without abnormal frames. Of every five, the second is for validation, the third for testing and the
others for training, unless --split says where they belong. What is there stays as it is: an interrupted extraction goes
on with the video it was at, and further videos are added to the manifest.
"""

import argparse
import csv
import io
import shlex
import sys
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from skelmap.pose_estimation.registry import ESTIMATORS, open_estimator
from skelmap.pose_estimation.video import Video, extract_clip
from skelmap.skeletons.manifest import read_manifest
from skelmap.skeletons.readers import write_clip
from skelmap.utils.errors import UserError
from skelmap.utils.io import atomic_write
from skelmap.utils.runtime import Stopped, exit_on_signal

MANIFEST = "manifest.csv"
COLUMNS = ("clip", "path", "split", "group", "abnormal", "work")
TURNS = ("train", "val", "test", "train", "train")
"""Splits of five videos in turn."""


def main() -> None:
    """Parse the command line, extract, and say what comes next."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("videos", type=Path, nargs="+", metavar="VIDEO")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="for the clips and the manifest")
    parser.add_argument("--estimator", choices=tuple(ESTIMATORS), default="mediapipe", help="(mediapipe)")
    parser.add_argument("--weights", type=Path, help="the network's file, for an estimator without one of its own")
    parser.add_argument("--split", choices=("train", "val", "test"), help="of all these videos (in turns)")
    a = parser.parse_args()
    try:
        with exit_on_signal():
            failed = extract(a)
        if (a.out / MANIFEST).exists():
            print(next_step(a.out / MANIFEST))
    except UserError as error:
        sys.exit(f"error: {error}")
    except Stopped as stop:
        print(f"stopped by {stop.signal}; the same command goes on with the video it was at", file=sys.stderr)
        raise
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


def extract(a: argparse.Namespace) -> list[str]:
    """Extract the videos that are not there yet; give the names of those that failed.

    Raises:
        UserError: two videos have one name; the manifest or the estimator is at fault.
    """
    videos = named(a.videos)
    listed(a.out / MANIFEST)
    missing = {name: path for name, path in videos.items() if not (a.out / f"{name}.npz").exists()}
    if missing:
        open_estimator(a.estimator, a.weights).close()  # else what it lacks would be said for each video
    failed = []
    with progress_bar(disable=not missing) as progress:
        task = progress.add_task("", total=sum(map(stated_frames, missing.values())))
        for name, path in videos.items():
            progress.update(task, description=name)
            said = "there already; delete its clip to extract it anew"
            try:
                if name in missing:
                    said = extract_one(a, name, path, lambda: progress.advance(task))
                add(a.out / MANIFEST, name, a.split)
            except UserError as error:
                failed.append(name)
                said = str(error)
            progress.console.print(Text(f"{name}: {said}", style="red" if name in failed else ""), soft_wrap=True)
    return failed


def extract_one(a: argparse.Namespace, name: str, path: Path, advance: Callable[[], None]) -> str:
    """Write the clip of a video; say what was seen.

    Raises:
        UserError: the video cannot be read, the estimator failed or the clip cannot be written.
    """
    with closing(open_estimator(a.estimator, a.weights)) as estimator:
        found = extract_clip(Video(path), name, estimator, advance)
    write_clip(a.out / f"{name}.npz", found.clip)
    seen = len(set(found.clip.frame[found.clip.present].tolist()))
    return "; ".join((f"{found.clip.span[1]} frames, somebody in {seen}", *found.remarks))


def named(videos: list[Path]) -> dict[str, Path]:
    """Name each video by its file, without the suffix.

    Raises:
        UserError: two have the same name.
    """
    names: dict[str, Path] = {}
    for path in videos:
        if names.setdefault(path.stem, path) != path:
            raise UserError(f"{names[path.stem]} and {path} would both be clip {path.stem!r}; rename one")
    return names


def progress_bar(disable: bool) -> Progress:
    """A bar of frames with the time that is left."""
    name, frames = TextColumn("{task.description}", markup=False), TextColumn("frames,")
    return Progress(name, BarColumn(), MofNCompleteColumn(), frames, TimeRemainingColumn(), disable=disable)


def stated_frames(path: Path) -> int:
    """Frames of a video as it states; 0 for what cannot be read, which is said in its turn."""
    with suppress(UserError):
        return Video(path).count
    return 0


def add(manifest: Path, name: str, split: str | None) -> None:
    """Add a clip to the manifest unless it is in it; the other lines stay as they are.

    Raises:
        UserError: the manifest cannot be read or written.
    """
    text, columns, paths = listed(manifest)
    path = f"{name}.npz"
    if path not in paths:
        line = {"clip": name, "path": path, "split": split or TURNS[len(paths) % len(TURNS)], "group": name}
        with atomic_write(manifest, newline="") as file:
            file.write(text if text.endswith("\n") else f"{text}\n")
            csv.DictWriter(file, columns, lineterminator="\n").writerow(line)


def listed(manifest: Path) -> tuple[str, list[str], list[str]]:
    """Read a manifest as it is, or begin one: its text, its columns and the paths of its clips.

    Raises:
        UserError: it cannot be read, or is no manifest.
    """
    try:
        text = manifest.read_text(encoding="utf-8") if manifest.exists() else ",".join(COLUMNS)
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{manifest}: cannot be read as UTF-8 ({error})") from error
    reader = csv.DictReader(io.StringIO(text.removeprefix("\ufeff")))
    columns = list(reader.fieldnames or [])
    if missing := set(COLUMNS) - {"work"} - set(columns):
        raise UserError(f"{manifest}: has no column {missing.pop()!r} in {','.join(columns)[:80]!r}")
    return text, columns, [(line["path"] or "").strip() for line in reader]


def next_step(manifest: Path) -> str:
    """Say what to do with a manifest.

    Raises:
        UserError: one of its lines is at fault.
    """
    recordings = read_manifest(manifest).recordings
    splits, groups = ({getattr(recording, key) for recording in recordings} for key in ("split", "group"))
    lines = [f"Now look through {manifest}: split, group, abnormal, work."]
    lines += [f"It needs a recording of split {s}: none is there yet." for s in ("train", "test") if s not in splits]
    if len(groups) == len(recordings) > 1:
        lines.append(
            "Each video is still a group of its own: put those of one person into one group and one split, "
            "or the model is judged by people it was trained on."
        )
    lines.append("Then")
    lines.append(f"python train.py model=feature_knn data=manifest {shlex.quote(f'data.manifest={manifest}')}")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
