"""What is kept of an alarm, and for how long."""

import os
import time
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from monitor_events import RULE, ListSource, NoseHeightScorer, pose_frame
from skelmap.monitor.event_log import EventLog
from skelmap.monitor.evidence import Evidence, Retention
from skelmap.monitor.runner import Monitor
from skelmap.monitor.sources import PoseFrame, SourceError
from skelmap.monitor.web.cameras import Cameras
from skelmap.skeletons.archives import read_archive


def monitor(folder: Path, items: list[PoseFrame | SourceError], **options: bool) -> Evidence:
    evidence = Evidence(folder, RULE, 0.5, Retention(), **options)
    Monitor(NoseHeightScorer(), RULE, [evidence, EventLog(folder, RULE.on)]).run([ListSource(items)])
    return evidence


def test_clip_film_and_still_of_an_alarm_are_kept_with_seconds_around_it(tmp_path: Path) -> None:
    items: list[PoseFrame | SourceError] = [pose_frame(n, people=2, nose_up=30 <= n < 45) for n in range(80)]
    assert monitor(tmp_path, items).error == ""
    camera = Cameras(tmp_path).get(tmp_path.name)
    (alarm,) = camera.alarms.alarms()
    files = camera.evidence(alarm["id"])
    assert sorted(files) == ["clip", "film", "still"] and camera.evidence("../" + alarm["id"]) == {}
    clip = read_archive(files["clip"], "alarm")
    assert clip.span == (15, 60) and set(clip.track) == {0}  # the alarm is from 30 to 44
    film = cv2.VideoCapture(str(files["film"]))
    assert int(film.get(cv2.CAP_PROP_FRAME_WIDTH)) == 640 and sum(1 for _ in iter(lambda: film.read()[0], False)) == 45
    assert cv2.imread(str(files["still"])).max() > 200


def test_camera_images_are_kept_only_if_asked_for(tmp_path: Path) -> None:
    blue = np.full((480, 640, 3), (255, 0, 0), np.uint8)
    for name, shown in (("shown", True), ("hidden", False)):
        items: list[PoseFrame | SourceError] = [replace(pose_frame(n, nose_up=n > 3), image=blue) for n in range(12)]
        monitor(tmp_path / name, items, show_camera_image=shown)
        (still,) = (tmp_path / name / "alarms").glob("*.jpg")
        assert (cv2.imread(str(still))[400, 600, 0] > 200) == shown


def test_old_and_too_large_evidence_is_deleted_oldest_first(tmp_path: Path) -> None:
    for age, name in enumerate("abcd"):
        (tmp_path / f"{name}.webm").write_bytes(bytes(1000))
        os.utime(tmp_path / f"{name}.webm", (time.time() - 86400 * age,) * 2)
    Retention(days=2.5, gigabytes=1).apply(tmp_path)
    assert sorted(path.stem for path in tmp_path.iterdir()) == ["a", "b", "c"]
    Retention(days=2.5, gigabytes=2.5e-6).apply(tmp_path)
    assert sorted(path.stem for path in tmp_path.iterdir()) == ["a", "b"]
