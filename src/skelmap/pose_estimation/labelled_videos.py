"""Videos with their label and group, and the splits of their groups."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from skelmap.utils.errors import UserError

VIDEO_SUFFIXES = (".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".webm", ".wmv")
"""Files that are taken from a folder."""
GroupBy = Literal["folder", "name"]
SHARE = 5
"""One of this many groups with normal work is for validation, and another for the test."""


@dataclass(frozen=True)
class LabelledVideo:
    """A video of known label.

    Attributes:
        path: of the file.
        name: of its clip: the file's name without suffix, after those of the folders below the one that was given.
        group: the person, session or camera.
        is_abnormal: whether it shows the unusual; otherwise normal work only.
    """

    path: Path
    name: str
    group: str
    is_abnormal: bool


def find_videos(normal: Sequence[Path], abnormal: Sequence[Path], group_by: GroupBy | None) -> list[LabelledVideo]:
    """List videos and the videos in folders, those of normal work first.

    Args:
        normal: videos and folders of normal work.
        abnormal: videos and folders of the unusual.
        group_by: "folder", the first folder below the given one, or the folder of a given video; "name", the file's
            name up to the first underscore, hyphen or space; None makes each video a group of its own.

    Raises:
        UserError: a folder has no video, or a video has no folder to be grouped by; two videos would be one clip.
    """
    videos = [
        video
        for paths, is_abnormal in ((normal, False), (abnormal, True))
        for path in paths
        for video in _expand(path, group_by, is_abnormal)
    ]
    first: dict[str, LabelledVideo] = {}
    for video in videos:
        other = first.setdefault(video.name, video)
        if other is video:
            continue
        if other.path.resolve() == video.path.resolve():
            raise UserError(f"{video.path}: given twice; a video is either --normal or --abnormal")
        raise UserError(f"{other.path} and {video.path} would both be clip {video.name!r}; rename one")
    return videos


def _expand(path: Path, group_by: GroupBy | None, is_abnormal: bool) -> Iterable[LabelledVideo]:
    """Give a video, or the videos of a folder and its sub-folders."""
    files = [path]
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if file.suffix.lower() in VIDEO_SUFFIXES and file.is_file())
        if not files:
            raise UserError(f"{path}: no video in this folder; files of {', '.join(VIDEO_SUFFIXES)} are taken")
    for file in files:
        folders = file.relative_to(path).parts[:-1] if path.is_dir() else ()
        name = "_".join((*folders, file.stem))
        group = name
        if group_by == "name":
            group = re.split(r"[_\- ]", file.stem)[0] or file.stem
        elif group_by == "folder":
            if path.is_dir() and not folders:
                raise UserError(
                    f"{file}: --group-by folder needs a folder for each person, such as {path / 'anna' / file.name}"
                )
            group = folders[0] if folders else file.absolute().parent.name
        yield LabelledVideo(file, name, group, is_abnormal)


def split_groups(videos: Sequence[LabelledVideo], known: Mapping[str, str]) -> dict[str, str]:
    """Give each group a split, so that people who are tested were not in training.

    Groups of abnormal videos alone are for the test. A fifth of the groups with normal work is for the test, those with
    abnormal videos first; a fifth for validation, those without first; the others train. Two groups have no test.

    Args:
        videos: of all groups.
        known: split of each group that has one already, and keeps it.

    Returns:
        Split of each group.
    """
    with_normal = dict.fromkeys(video.group for video in videos if not video.is_abnormal)
    with_abnormal = dict.fromkeys(video.group for video in videos if video.is_abnormal)
    splits = {**dict.fromkeys(with_abnormal, "test"), **known}
    new = [group for group in with_normal if group not in known]
    new.sort(key=lambda group: group not in with_abnormal)  # stable
    count = len(new) + len(known)
    share = max(1, round(count / SHARE))
    for_test = new[: _lacking(share if count > 2 else 0, "test", known)]
    others = new[len(for_test) :]
    number = min(_lacking(share if count > 1 else 0, "val", known), len(others) - ("train" not in known.values()))
    for_val = others[len(others) - number :]
    for split, groups in (("train", others), ("test", for_test), ("val", for_val)):
        splits |= dict.fromkeys(groups, split)
    return splits


def _lacking(wanted: int, split: str, known: Mapping[str, str]) -> int:
    """Number of groups that a split lacks."""
    values: Collection[str] = known.values()
    return max(0, wanted - sum(value == split for value in values))
