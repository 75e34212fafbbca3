"""What a monitor writes is whole at any time, whatever the disk does."""

import csv
import json
import resource
from pathlib import Path

import pytest
from seen import Given, event, verdict

from skelmap.monitor.event_log import EventLog
from skelmap.utils.errors import UserError


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_events_and_scores_are_on_disk_at_once_and_a_camera_goes_on_with_its_files(tmp_path: Path) -> None:
    for start in (1.0, 7.0):
        ledger = EventLog(tmp_path, threshold=0.8)
        ledger.begin(Given([]))
        ledger.frame(verdict(3, 0.25), 1.0)
        ledger.event(event(ended=False, start=start))
        assert ledger.trouble == ""
        assert json.loads((tmp_path / "events.jsonl").read_text().splitlines()[-1])["state"] == "raised"
        ledger.event(event(ended=True, start=start))
        ledger.close()
    lines = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    assert [line["state"] for line in lines] == ["raised", "ended"] * 2
    assert lines[0]["clock"] and lines[0]["threshold"] == 0.8 and lines[0]["joints"] == ["left_wrist", "nose"]
    first, second = rows(tmp_path / "events.csv")
    assert (first["start"], second["start"], first["peak"], first["person"]) == ("1.0", "7.0", "0.9", "0")
    assert [row["score"] for row in rows(tmp_path / "scores.csv")] == ["0.25", "0.25"]


def test_a_full_disk_leaves_no_half_line_and_loses_nothing(tmp_path: Path) -> None:
    ledger = EventLog(tmp_path, threshold=0.8)
    ledger.begin(Given([]))
    troubles: list[str] = []
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        for number in range(100):
            ledger.frame(verdict(number), 1.0)
            troubles.append(ledger.trouble)
        content = (tmp_path / "scores.csv").read_text()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not troubles[0] and "scores.csv" in troubles[-1] and "wait to be written" in troubles[-1]
    assert content.endswith("\n") and 10 < len(content.splitlines()) < 100
    assert len(set(troubles)) == 2  # none, then one and the same
    ledger.frame(verdict(100), 1.0)
    assert ledger.trouble == ""
    ledger.close()
    assert [int(row["frame"]) for row in rows(tmp_path / "scores.csv")] == list(range(101))


def test_a_folder_that_cannot_be_written_is_said_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be written"):
        EventLog(tmp_path / "file" / "folder", None)
