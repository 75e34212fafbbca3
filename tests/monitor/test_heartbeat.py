"""The heartbeat file is written while the monitor runs, also without people and without a camera."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from hydra_config import ROOT
from monitor_events import RULE, ListSource, NoseHeightScorer, RecordingSink, pose_frame
from skelmap.monitor.runner import Monitor
from skelmap.monitor.sinks import Heartbeat
from skelmap.monitor.sources import PoseFrame, SourceError


class ReadingSource(ListSource):
    """Reads the heartbeat file after each item."""

    def __init__(self, items: list[PoseFrame | SourceError], path: Path) -> None:
        super().__init__(items)
        self.path, self.contents = path, []

    def __iter__(self) -> Iterator[PoseFrame | SourceError]:
        for item in self.items:
            yield item
            self.contents.append(json.loads(self.path.read_text()) if self.path.exists() else {})


def test_it_is_written_without_people_and_while_the_camera_is_lost(tmp_path: Path) -> None:
    items: list[PoseFrame | SourceError] = [pose_frame(n, people=0) for n in range(3)]
    items += [SourceError(1.0, "lost"), SourceError(2.0, "lost"), pose_frame(90)]
    camera = ReadingSource(items, tmp_path / "heartbeat.json")
    Monitor(NoseHeightScorer(), RULE, [Heartbeat(tmp_path, interval=0.0)]).run([camera])
    assert [content["frames"] for content in camera.contents] == [1, 2, 3, 3, 3, 4]
    assert [content["seconds"] for content in camera.contents] == [0.0, 0.033, 0.067, 1.0, 2.0, 3.0]
    assert [content["errors"] for content in camera.contents] == [[], [], [], ["lost"], ["lost"], []]
    last = camera.contents[-1]
    assert last["last_error"] == "lost" and last["source"] == "list" and last["latency_ms"] > 0
    assert abs((datetime.now(UTC) - datetime.fromisoformat(last["time"])).total_seconds()) < 60


def test_a_warning_of_the_source_stands_beside_its_errors_while_it_lasts(tmp_path: Path) -> None:
    class WarningSource(ReadingSource):
        def __iter__(self) -> Iterator[PoseFrame | SourceError]:
            for number, item in enumerate(super().__iter__()):
                self.warning = "two recordings" if number in (1, 2) else ""
                yield item

    items = [pose_frame(0), pose_frame(1), SourceError(1.0, "lost"), pose_frame(90)]
    camera = WarningSource(items, tmp_path / "heartbeat.json")
    Monitor(NoseHeightScorer(), RULE, [Heartbeat(tmp_path, interval=0.0)]).run([camera])
    errors = [content["errors"] for content in camera.contents]
    assert errors == [[], ["two recordings"], ["two recordings", "lost"], []]


def test_it_is_written_at_its_interval_and_a_missing_folder_is_an_error_until_it_is_back(tmp_path: Path) -> None:
    now = [100.0]

    class SlowSource(ReadingSource):
        def __iter__(self) -> Iterator[PoseFrame | SourceError]:
            for number, item in enumerate(super().__iter__()):
                now[0] += 1.0
                if number == 7:
                    shutil.rmtree(tmp_path / "out")
                    (tmp_path / "out").write_text("a file in place of the folder")
                if number == 11:
                    (tmp_path / "out").unlink()
                yield item

    sink = RecordingSink()
    camera = SlowSource([pose_frame(n) for n in range(20)], tmp_path / "out" / "heartbeat.json")
    heartbeat = Heartbeat(tmp_path / "out", interval=5.0, clock=lambda: now[0])
    Monitor(NoseHeightScorer(), RULE, [heartbeat, sink]).run([camera])
    assert [content.get("frames") for content in camera.contents[:7]] == [0, 0, 0, 0, 5, 5, 5]
    (error,), recovered = sink.statuses
    assert "heartbeat.json: cannot be written" in error and recovered == []
    assert json.loads((tmp_path / "out/heartbeat.json").read_text())["frames"] == 20


def test_the_documented_check_fails_for_a_missing_or_old_file(tmp_path: Path) -> None:
    found = re.search(r"^find OUTPUT/heartbeat.json[^#\n]*", (ROOT / "docs/monitor.md").read_text(), re.MULTILINE)
    assert found
    check = found[0].replace("OUTPUT", str(tmp_path))

    def succeeds() -> bool:
        return subprocess.run(check, shell=True).returncode == 0

    assert not succeeds()
    file = tmp_path / "heartbeat.json"
    file.write_text("{}")
    assert succeeds()
    os.utime(file, (file.stat().st_mtime - 200,) * 2)
    assert not succeeds()
