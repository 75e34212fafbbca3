"""The sign of life is there while watching goes on, with nobody in view and without a camera, and at no other time."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from seen import Given, sight
from test_loop import RULE, Heard, Height

from skelmap.monitor import sinks as alive_module
from skelmap.monitor.runner import Monitor
from skelmap.monitor.sinks import Heartbeat
from skelmap.monitor.sources import PoseFrame, SourceError


class Looking(Given):
    """Looks at the file after each thing that it gives."""

    def __init__(self, seen: list[PoseFrame | SourceError], path: Path) -> None:
        super().__init__(seen)
        self.path, self.found = path, []

    def __iter__(self) -> Iterator[PoseFrame | SourceError]:
        for one in self.seen:
            yield one
            self.found.append(json.loads(self.path.read_text()) if self.path.exists() else {})


def test_it_is_written_with_nobody_in_view_and_while_the_camera_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alive_module, "EVERY", 0.0)
    seen: list[PoseFrame | SourceError] = [sight(n, people=0) for n in range(3)]
    seen += [SourceError(1.0, "lost"), SourceError(2.0, "lost"), sight(90)]
    camera = Looking(seen, tmp_path / "alive.json")
    Monitor(Height(), RULE, [Heartbeat(tmp_path)]).run([camera])
    assert [found["frames"] for found in camera.found] == [1, 2, 3, 3, 3, 4]
    assert [found["seconds"] for found in camera.found] == [0.0, 0.033, 0.067, 1.0, 2.0, 3.0]
    assert [found["troubles"] for found in camera.found] == [[], [], [], ["lost"], ["lost"], []]
    last = camera.found[-1]
    assert last["last_trouble"] == "lost" and last["source"] == "given" and last["latency_ms"] > 0
    assert abs((datetime.now(UTC) - datetime.fromisoformat(last["time"])).total_seconds()) < 60


def test_it_is_written_every_few_seconds_and_a_folder_that_is_gone_is_a_trouble_until_it_is_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr(alive_module.time, "monotonic", lambda: now[0])

    class Late(Looking):
        def __iter__(self) -> Iterator[PoseFrame | SourceError]:
            for number, one in enumerate(super().__iter__()):
                now[0] += 1.0
                if number == 7:
                    shutil.rmtree(tmp_path / "out")
                    (tmp_path / "out").write_text("in the way")
                if number == 11:
                    (tmp_path / "out").unlink()
                yield one

    heard = Heard()
    camera = Late([sight(n) for n in range(20)], tmp_path / "out" / "alive.json")
    Monitor(Height(), RULE, [Heartbeat(tmp_path / "out"), heard]).run([camera])
    assert [found.get("frames") for found in camera.found[:7]] == [0, 0, 0, 0, 5, 5, 5]
    (trouble,), fine = heard.troubles
    assert "alive.json: cannot be written" in trouble and fine == []
    assert json.loads((tmp_path / "out/alive.json").read_text())["frames"] == 20


def test_the_documented_check_tells_old_from_new(tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "docs/monitoring.md").read_text()
    (check,) = (line for line in text.splitlines() if line.startswith("find ") and "alive.json" in line)
    check = check.partition("#")[0].replace("OUTPUT", str(tmp_path))

    def alive() -> bool:
        return subprocess.run(check, shell=True).returncode == 0

    assert not alive()
    file = tmp_path / "alive.json"
    file.write_text("{}")
    assert alive()
    os.utime(file, (file.stat().st_mtime - 200,) * 2)
    assert not alive()
