"""Folders that grow, cameras that are lost, frozen and found again."""

import json
import threading
import time
from collections.abc import Iterator
from itertools import chain, islice, repeat
from pathlib import Path

import cv2
import numpy as np
import pytest

from skelmap.monitor import camera as camera_module
from skelmap.monitor import sources as folder_module
from skelmap.monitor.camera import Camera
from skelmap.monitor.sources import ClipSource, FollowedFolder, PoseFrame, SourceError
from skelmap.skeletons.layouts import BODY_25
from skelmap.skeletons.readers import PoseFormat, read_clip
from synthetic_data import make_clip, person, wave, write_openpose


def test_a_growing_folder_gives_what_the_finished_one_gives(tmp_path: Path) -> None:
    clip = make_clip(wave(40), "cam")
    write_openpose(tmp_path / "whole", clip)
    growing = tmp_path / "now"
    growing.mkdir()

    def openpose() -> None:
        for number, file in enumerate(sorted((tmp_path / "whole").iterdir())):
            if number == 17:
                continue  # a frame that was left out
            content = file.read_text()
            with (growing / file.name).open("w") as written:  # not at once, as OpenPose writes
                written.write(content[:50])
                written.flush()
                time.sleep(0.005)
                written.write(content[50:])

    writer = threading.Thread(target=openpose)
    writer.start()
    seen = list(islice(FollowedFolder(growing, PoseFormat()), 39))
    writer.join()
    offline = list(ClipSource(read_clip(tmp_path / "whole", "cam")))
    del offline[17]
    for live, recorded in zip(seen, offline, strict=True):
        assert isinstance(live, PoseFrame)
        assert (live.number, live.person.tolist()) == (recorded.number, recorded.person.tolist())
        assert live.time == pytest.approx(recorded.time)
        np.testing.assert_array_equal(live.keypoints, recorded.keypoints)


def test_a_silent_folder_and_a_damaged_file_are_said_and_the_rest_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder_module, "SILENT", 0.1)
    monkeypatch.setattr(folder_module, "WRITTEN", 0.1)
    write_openpose(tmp_path / "now", make_clip(wave(3), "cam"))
    (tmp_path / "now" / "odd_keypoints.json").write_text("{}")
    (tmp_path / "now" / "cam_000000000001_keypoints.json").write_text("{")
    stream = iter(FollowedFolder(tmp_path / "now", PoseFormat()))
    first, damaged, third, silent = islice(stream, 4)
    assert next(stream).text == silent.text  # again and again: time passes for alarms that last
    assert isinstance(first, PoseFrame) and isinstance(third, PoseFrame) and third.number == 2
    assert isinstance(damaged, SourceError) and "000000000001" in damaged.text
    assert isinstance(silent, SourceError) and "no new frame" in silent.text
    people = [{"pose_keypoints_2d": person().flatten().tolist()}]
    (tmp_path / "now" / "cam_000000000009_keypoints.json").write_text(json.dumps({"people": people}))
    after = next(one for one in stream if isinstance(one, PoseFrame))
    assert after.number == 9
    (tmp_path / "now").rename(tmp_path / "gone")
    gone = next(one for one in stream if isinstance(one, PoseFrame) or "cannot be" in one.text)  # and watching goes on
    assert isinstance(gone, SourceError) and "No such file" in gone.text
    (tmp_path / "gone").rename(tmp_path / "now")
    write_openpose(tmp_path / "more", make_clip(wave(12), "cam"))
    (tmp_path / "more" / "cam_000000000011_keypoints.json").rename(tmp_path / "now/cam_000000000011_keypoints.json")
    back = next(one for one in stream if isinstance(one, PoseFrame))
    assert back.number == 11


class Estimator:
    """Sees nobody, and that quickly."""

    layout = BODY_25

    def detect(self, image: np.ndarray) -> np.ndarray:
        return np.zeros((0, 25, 3), np.float32)

    def close(self) -> None: ...


class Blinking(Estimator):
    """Takes 0.15 s for a picture, and sees somebody in the first and the sixth."""

    looked = 0

    def detect(self, image: np.ndarray) -> np.ndarray:
        time.sleep(0.15)
        self.looked += 1
        return person()[None] if self.looked in (1, 6) else np.zeros((0, 25, 3), np.float32)


@pytest.mark.parametrize(("fps", "numbers"), [(1.0, [0, 0]), (30.0, [0, 1])])
def test_frames_that_a_slow_estimator_drops_count_until_a_person_is_given_up(fps: float, numbers: list[int]) -> None:
    Connection.attempts, Connection.script = [], repeat("new")
    camera = Camera("0", "gate", Blinking(), fps, connect=Connection)
    sights = list(islice((one for one in camera if isinstance(one, PoseFrame)), 6))
    assert [int(sights[i].person[0]) for i in (0, 5)] == numbers


class Connection:
    """A camera that gives pictures, is lost, and freezes, as its script says."""

    attempts: list[float]
    script: Iterator[str]

    def __init__(self, address: str) -> None:
        self.attempts.append(time.monotonic())

    def read(self) -> np.ndarray | None:
        time.sleep(0.005)
        word = next(self.script, "lost")
        if word == "broken":
            raise cv2.error("no such stream")
        if word == "lost":
            return None
        return np.full((48, 64, 3), 7 if word == "same" else time.monotonic_ns() // 1000 % 251, np.uint8)

    def close(self) -> None: ...


def test_a_camera_that_is_lost_is_connected_again_and_a_frozen_one_is_no_one_standing_still(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(camera_module, "LOST", 0.05)
    monkeypatch.setattr(camera_module, "FROZEN", 0.1)
    monkeypatch.setattr(camera_module, "AGAIN", 0.02)
    monkeypatch.setattr(camera_module, "BACK_OFF", (0.05, 0.2))
    Connection.attempts = []
    Connection.script = chain(["new"] * 5, ["lost"] * 2, ["broken"], ["new"] * 5, ["same"] * 60, repeat("new"))
    camera = Camera("0", "gate", Estimator(), 30.0, connect=Connection)
    seen: list[PoseFrame | SourceError] = []
    for one in camera:
        seen.append(one)
        if len([s for s in seen if isinstance(s, SourceError) and "frozen" in s.text]) and isinstance(one, PoseFrame):
            break
    troubles = list(dict.fromkeys(one.text for one in seen if isinstance(one, SourceError)))
    assert [text[:15] for text in troubles if "no such stream" not in text] == ["gate: no pictur", "gate: frozen, t"]
    assert any("no such stream" in text for text in troubles)  # said, and no reason to give up
    waits = np.diff(Connection.attempts)
    assert len(waits) == 3 and waits[0] >= 0.05 and (waits[1:] >= 0.2).all()  # ever more patient
    times = [one.time for one in seen if isinstance(one, PoseFrame)]
    assert times == sorted(times) and [one.number for one in seen if isinstance(one, PoseFrame)] == list(
        range(len(times))
    )
