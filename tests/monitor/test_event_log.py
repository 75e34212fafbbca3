"""The files of the event log are complete at any time, also on a full disk."""

import csv
import json
import resource
from pathlib import Path

import pytest

from monitor_events import ListSource, alarm_event, frame_result
from skelmap.monitor.event_log import EventLog
from skelmap.utils.errors import UserError


def read_rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_events_and_scores_are_written_at_once_and_a_camera_continues_its_files(tmp_path: Path) -> None:
    for start in (1.0, 7.0):
        event_log = EventLog(tmp_path, threshold=0.8)
        event_log.on_source_start(ListSource([]))
        event_log.on_frame(frame_result(3, 0.25), 1.0)
        event_log.on_event(alarm_event(ended=False, start=start))
        assert event_log.error == ""
        assert json.loads((tmp_path / "events.jsonl").read_text().splitlines()[-1])["state"] == "raised"
        event_log.on_event(alarm_event(ended=True, start=start))
        event_log.close()
    lines = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    assert [line["state"] for line in lines] == ["raised", "ended"] * 2
    assert lines[0]["clock"] and lines[0]["threshold"] == 0.8 and lines[0]["joints"] == ["left_wrist", "nose"]
    first, second = read_rows(tmp_path / "events.csv")
    assert (first["start"], second["start"], first["peak"], first["person"]) == ("1.0", "7.0", "0.9", "0")
    assert [row["score"] for row in read_rows(tmp_path / "scores.csv")] == ["0.25", "0.25"]


def test_a_full_disk_leaves_no_partial_line_and_loses_nothing(tmp_path: Path) -> None:
    event_log = EventLog(tmp_path, threshold=0.8)
    event_log.on_source_start(ListSource([]))
    errors: list[str] = []
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        for number in range(100):
            event_log.on_frame(frame_result(number), 1.0)
            errors.append(event_log.error)
        content = (tmp_path / "scores.csv").read_text()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not errors[0] and "scores.csv" in errors[-1] and "wait to be written" in errors[-1]
    assert content.endswith("\n") and 10 < len(content.splitlines()) < 100
    assert len(set(errors)) == 2  # none, then a constant one
    event_log.on_frame(frame_result(100), 1.0)
    assert event_log.error == ""
    event_log.close()
    assert [int(row["frame"]) for row in read_rows(tmp_path / "scores.csv")] == list(range(101))


def test_a_folder_that_cannot_be_written_is_an_error_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be written"):
        EventLog(tmp_path / "file" / "folder", 0.8)
