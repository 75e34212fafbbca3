"""The database of alarms and reviews is an index of events.jsonl, which has all of it."""

import json
import sqlite3
from pathlib import Path

import pytest

from skelmap.monitor.web.alarm_index import AlarmIndex
from skelmap.utils.errors import UserError


def add_line(folder: Path, identity: str, state: str, clock: str = "2026-01-02T00:00:00.000+00:00") -> None:
    with (folder / "events.jsonl").open("a") as file:
        file.write(json.dumps({"id": identity, "state": state, "clock": clock, "peak": 1.5}) + "\n")


def test_an_alarm_is_one_row_and_keeps_its_review(tmp_path: Path) -> None:
    index = AlarmIndex(tmp_path)
    assert index.alarms() == []
    add_line(tmp_path, "a", "raised")
    add_line(tmp_path, "b", "raised")
    assert index.active("2026-01-01") == ["a", "b"] and index.active("2026-01-03") == []
    index.review("a", "unsure")
    assert index.review("a", "right", "fell")["note"] == "fell"
    add_line(tmp_path, "a", "ended")
    other = AlarmIndex(tmp_path)  # another process
    assert [(alarm["id"], alarm["state"], alarm["verdict"]) for alarm in other.alarms()] == [
        ("b", "raised", None),
        ("a", "ended", "right"),
    ]
    assert [alarm["id"] for alarm in index.alarms(verdict="right")] == ["a"]
    with pytest.raises(UserError, match=r"alarm 'c' is not in .*events\.jsonl"):
        index.review("c", "right")


@pytest.mark.parametrize("damage", [b"no database" * 1000, b""])
def test_a_broken_database_is_rebuilt_with_all_reviews(tmp_path: Path, damage: bytes) -> None:
    add_line(tmp_path, "a", "raised")
    index = AlarmIndex(tmp_path)
    index.review("a", "false", "swept")
    index.close()
    (tmp_path / "alarms.sqlite").write_bytes(damage)
    assert [alarm["note"] for alarm in AlarmIndex(tmp_path).alarms()] == ["swept"]
    with sqlite3.connect(tmp_path / "alarms.sqlite") as database:
        assert database.execute("SELECT verdict FROM alarms").fetchall() == [("false",)]


def test_damaged_and_partial_lines_are_skipped_and_a_replaced_file_is_read_again(tmp_path: Path) -> None:
    index, events = AlarmIndex(tmp_path), tmp_path / "events.jsonl"
    events.write_text('[]\n{"state": "raised"}\nnot json\n')
    add_line(tmp_path, "a", "raised")
    with events.open("a") as file:
        file.write('{"id": "half')
    assert [alarm["id"] for alarm in index.alarms()] == ["a"]
    events.write_text("")
    add_line(tmp_path, "b", "raised")
    assert [alarm["id"] for alarm in index.alarms()] == ["b"]
