"""Zones raise alarms, with and without the model, and may change while the monitor runs."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from monitor_config import compose_monitor
from monitor_events import NO_ALARMS, ListSource, NoseHeightScorer, RecordingSink, pose_frame
from skelmap.monitor.app import run_monitor
from skelmap.monitor.runner import Monitor
from skelmap.monitor.sources import PoseFrame
from skelmap.monitor.zones import Zone, ZoneFile, check_zones, write_zones
from skelmap.skeletons.archives import write_clip
from skelmap.skeletons.clip import Clip
from skelmap.skeletons.layouts import BODY_25
from skelmap.utils.errors import UserError

LEFT = [[0.0, 0.0], [0.3, 0.0], [0.3, 1.0], [0.0, 1.0]]
"""The left part of the image: the first person of `pose_frame` stands there, the second beside it."""


def zone(kind: str, seconds: float = 0.2, polygon: list[list[float]] = LEFT, name: str = "press") -> dict[str, Any]:
    return {"name": name, "kind": kind, "seconds": seconds, "polygon": polygon}


def events(tmp_path: Path, entries: list[dict[str, Any]], frames: list[PoseFrame]) -> tuple[list[Any], RecordingSink]:
    write_zones(tmp_path / "zones.yaml", check_zones(entries))
    sink = RecordingSink()
    zones = ZoneFile(tmp_path / "zones.yaml")
    Monitor(NoseHeightScorer(), NO_ALARMS, [sink], zones=zones).run([ListSource(frames)])
    return [(event.person, event.zone, event.ended) for event in sink.events], sink


def hide(frame: PoseFrame, *joints: str) -> PoseFrame:
    """Leave out joints of both sides."""
    keypoints = frame.keypoints.copy()
    keypoints[:, [BODY_25.joints.index(f"{side}_{joint}") for side in ("left", "right") for joint in joints], 2] = 0
    return replace(frame, keypoints=keypoints)


@pytest.mark.parametrize(("kind", "person"), [("forbidden", 0), ("required", 1)])
def test_an_alarm_of_a_zone(tmp_path: Path, kind: str, person: int) -> None:
    frames = [pose_frame(n, people=2) for n in range(30)]
    found, sink = events(tmp_path, [zone(kind)], frames)
    assert found == [(person, "press", False), (person, "press", True)]
    assert sink.events[0].alarm.raised == pytest.approx(0.2, abs=0.04)
    assert sink.results[-1].alarmed == {person}
    assert events(tmp_path, [zone(kind, seconds=2)], frames)[0] == []  # not for so long


def test_a_hand_counts_and_feet_are_the_lower_edge_where_no_ankle_is_seen(tmp_path: Path) -> None:
    frames = [pose_frame(n) for n in range(20)]
    wrist = frames[0].keypoints[0, BODY_25.joints.index("right_wrist"), :2] / (640, 480)
    box = [[float(x), float(y)] for x, y in wrist + 0.02 * np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])]
    assert events(tmp_path, [zone("forbidden", polygon=box)], frames)[0]
    assert events(tmp_path, [zone("forbidden", polygon=box)], [hide(frame, "wrist") for frame in frames])[0] == []
    hidden = [hide(frame, "ankle", "heel", "big_toe", "small_toe", "wrist") for frame in frames]
    assert events(tmp_path, [zone("forbidden")], hidden)[0]


def test_people_outside_a_watched_zone_are_not_scored(tmp_path: Path) -> None:
    _, sink = events(tmp_path, [zone("watched")], [pose_frame(n, people=2) for n in range(5)])
    assert [[score.person for score in result.scores] for result in sink.results] == [[0]] * 5


def test_zones_change_while_the_monitor_runs_and_damaged_ones_are_reported(tmp_path: Path) -> None:
    path = tmp_path / "zones.yaml"

    class EditedSource(ListSource):
        def __iter__(self):  # type: ignore[no-untyped-def]
            for number, frame in enumerate(self.items):
                if number == 10:
                    write_zones(path, check_zones([zone("forbidden")]))
                if number == 30:
                    path.write_text("zones: [{name: press}]")
                yield frame

    sink = RecordingSink()
    frames = [pose_frame(n) for n in range(40)]
    Monitor(NoseHeightScorer(), NO_ALARMS, [sink], zones=ZoneFile(path)).run([EditedSource(frames)])
    assert [event.ended for event in sink.events] == [False, True] and sink.events[0].alarm.start == pytest.approx(
        1 / 3
    )
    assert "the earlier zones hold" in sink.statuses[0][0] and "zone 'press'" in sink.statuses[0][0]


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ([zone("forbidden", polygon=[[0, 0], [1, 1], [1, 0], [0, 1]])], "zone 'press': its sides cross each other"),
        ([zone("forbidden", polygon=[[0, 0], [0.5, 0.5], [1, 1]])], "on one line"),
        ([zone("forbidden", polygon=[[0, 0], [1.2, 0], [1, 1]])], r"polygon.*1\.2"),
        ([zone("forbidden", polygon=[[0, 0], [1, 1]])], "polygon"),
        ([zone("dangerous")], "kind='?dangerous"),
        ([zone("forbidden"), zone("required")], "zone 'press': there are two zones of this name"),
        ("everywhere", "not a list of zones"),
    ],
)
def test_invalid_zones_are_errors(entries: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        check_zones(entries)


def test_the_monitor_needs_no_model_for_zones(tmp_path: Path) -> None:
    frames = [pose_frame(n) for n in range(40)]
    clip = Clip.build("yard", np.concatenate([f.keypoints for f in frames]), BODY_25, (640, 480), 30.0)
    write_clip(tmp_path / "yard.npz", clip)
    write_zones(tmp_path / "zones.yaml", [Zone(**zone("forbidden"))])
    options = [
        f"source={tmp_path}/yard.npz",
        f"zones={tmp_path}/zones.yaml",
        "save_video=false",
        "evidence.seconds=null",
    ]
    run_monitor(compose_monitor("null", tmp_path / "out", *options))  # type: ignore[arg-type]
    raised, _ = (json.loads(line) for line in (tmp_path / "out/events.jsonl").read_text().splitlines())
    assert (raised["zone"], raised["person"]) == ("press", 0) and raised["id"].endswith("_press")
