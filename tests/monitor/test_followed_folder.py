"""Folders into which OpenPose writes while they are watched."""

import json
import os
import threading
import time
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from skelmap.monitor.followed_folder import FollowedFolder
from skelmap.monitor.sources import ClipSource, PoseFrame, SourceError
from skelmap.skeletons.readers import PoseFormat, read_clip
from synthetic_data import make_clip, person, wave, write_openpose


def test_a_growing_folder_gives_the_same_frames_as_the_finished_one(tmp_path: Path) -> None:
    clip = make_clip(wave(40), "cam")
    write_openpose(tmp_path / "whole", clip)
    growing = tmp_path / "now"
    growing.mkdir()

    def write_like_openpose() -> None:
        for number, file in enumerate(sorted((tmp_path / "whole").iterdir())):
            if number == 17:
                continue  # a missing frame
            content = file.read_text()
            with (growing / file.name).open("w") as written:  # in two parts
                written.write(content[:50])
                written.flush()
                time.sleep(0.005)
                written.write(content[50:])

    writer = threading.Thread(target=write_like_openpose)
    writer.start()
    frames = list(islice(FollowedFolder(growing, PoseFormat()), 39))
    writer.join()
    offline = list(ClipSource(read_clip(tmp_path / "whole", "cam")))
    del offline[17]
    for live, recorded in zip(frames, offline, strict=True):
        assert isinstance(live, PoseFrame)
        assert (live.number, live.person_ids.tolist()) == (recorded.number, recorded.person_ids.tolist())
        assert live.time == pytest.approx(recorded.time)
        np.testing.assert_array_equal(live.keypoints, recorded.keypoints)


def test_a_silent_folder_and_a_damaged_file_are_errors_and_later_frames_follow(tmp_path: Path) -> None:
    write_openpose(tmp_path / "now", make_clip(wave(3), "cam"))
    (tmp_path / "now" / "odd_keypoints.json").write_text("{}")
    (tmp_path / "now" / "cam_000000000001_keypoints.json").write_text("{")
    stream = iter(FollowedFolder(tmp_path / "now", PoseFormat(), write_seconds=0.1, silent_seconds=0.1))
    first, damaged, third, silent = islice(stream, 4)
    assert next(stream).text == silent.text  # repeated, so that alarms can end
    assert isinstance(first, PoseFrame) and isinstance(third, PoseFrame) and third.number == 2
    assert isinstance(damaged, SourceError) and "000000000001" in damaged.text
    assert isinstance(silent, SourceError) and "no new frame" in silent.text
    people = [{"pose_keypoints_2d": person().flatten().tolist()}]
    (tmp_path / "now" / "cam_000000000009_keypoints.json").write_text(json.dumps({"people": people}))
    later = next(item for item in stream if isinstance(item, PoseFrame))
    assert later.number == 9
    (tmp_path / "now").rename(tmp_path / "gone")
    gone = next(item for item in stream if isinstance(item, PoseFrame) or "cannot be" in item.text)
    assert isinstance(gone, SourceError) and "No such file" in gone.text
    (tmp_path / "gone").rename(tmp_path / "now")
    write_openpose(tmp_path / "more", make_clip(wave(12), "cam"))
    (tmp_path / "more" / "cam_000000000011_keypoints.json").rename(tmp_path / "now/cam_000000000011_keypoints.json")
    back = next(item for item in stream if isinstance(item, PoseFrame))
    assert back.number == 11


def number_in_steps(folder: Path, step: int) -> None:
    """Multiply the frame numbers of a folder."""
    for file in sorted(folder.iterdir(), reverse=True):
        number = int(file.name.split("_")[1])
        file.rename(folder / f"cam_{step * number:012d}_keypoints.json")


def test_frames_numbered_in_steps_are_those_of_the_finished_folder(tmp_path: Path) -> None:
    write_openpose(tmp_path / "now", make_clip(wave(30), "cam"))
    number_in_steps(tmp_path / "now", 20)  # further apart than a gap that ends a track
    recorded = list(ClipSource(read_clip(tmp_path / "now", "cam")))
    for file in sorted((tmp_path / "now").iterdir())[25:]:
        file.rename(tmp_path / file.name)
    stream = iter(FollowedFolder(tmp_path / "now", PoseFormat(), silent_seconds=60))
    frames = list(islice(stream, 25))
    for file in tmp_path.glob("cam*.json"):
        file.rename(tmp_path / "now" / file.name)
    started = time.monotonic()
    frames += islice(stream, 5)
    assert time.monotonic() - started < 0.15  # without a search for each
    assert [(f.number, f.time) for f in frames] == [(20 * i, 20 * i / 30) for i in range(30)]
    assert [(f.number, f.time) for f in recorded] == [(20 * i, 20 * i / 30) for i in range(30)]
    assert len({int(f.person_ids[0]) for f in frames[10:]}) == 1  # from the tenth on the step is known


def test_a_frame_between_the_steps_is_not_passed_over(tmp_path: Path) -> None:
    write_openpose(tmp_path / "now", make_clip(wave(12), "cam"))
    number_in_steps(tmp_path / "now", 3)
    stream = iter(FollowedFolder(tmp_path / "now", PoseFormat()))
    assert [frame.number for frame in islice(stream, 12)] == list(range(0, 36, 3))
    for number in (38, 36, 35):
        (tmp_path / "now" / f"cam_{number:012d}_keypoints.json").write_text('{"people": []}')
    assert [frame.number for frame in islice(stream, 3)] == [35, 36, 38]


def test_of_two_recordings_the_newer_is_watched_with_a_warning(tmp_path: Path) -> None:
    folder = tmp_path / "now"
    write_openpose(folder, make_clip(wave(5), "thu"))
    for file in folder.iterdir():
        os.utime(file, (1e9, 1e9))
    source = FollowedFolder(folder, PoseFormat(), search_seconds=0.05)
    write_openpose(tmp_path / "fri", make_clip(wave(9), "fri"))
    for file in (tmp_path / "fri").iterdir():
        file.rename(folder / file.name)
    stream = iter(source)
    assert [frame.number for frame in islice(stream, 9)] == list(range(9))
    assert source.warning.startswith(f"{folder}: holds the files of other recordings: thu_; only fri_ is watched; give")
    for file in folder.glob("thu_*"):
        file.unlink()
    time.sleep(0.1)
    (folder / "fri_000000000009_keypoints.json").write_text('{"people": []}')
    assert next(item.number for item in stream if isinstance(item, PoseFrame)) == 9
    assert source.warning == ""


def test_a_joint_at_the_origin_does_not_disturb_the_tracking(tmp_path: Path) -> None:
    """With OpenPose's zeros and a confidence, as converters of other programs write them."""
    points = wave(3)
    points[1, 3:, :2] = 0
    folder = tmp_path / "now"
    folder.mkdir()
    for number, row in enumerate(points):
        people = [{"pose_keypoints_2d": row.flatten().tolist()}]
        (folder / f"cam_{number}_keypoints.json").write_text(json.dumps({"people": people}))
    frames = list(islice(FollowedFolder(folder, PoseFormat()), 3))
    assert [frame.person_ids.tolist() for frame in frames] == [[0]] * 3
    np.testing.assert_array_equal(frames[1].keypoints, make_clip(points).keypoints[1:2])
